import t, { type Test } from 'tap';
import { figure4Page, figure5Page, type SolverWords, sensitivityPage } from '../../src/report/index.js';
import { cellsOf, type SweepSpec, type SweepSummary, summarise, sweepTask, type TrialRow } from '../../src/sweep/index.js';
import { thetaOf } from '../../src/sweep/rows.js';

const solver: SolverWords = { method: 'spectral', residual: 1e-6, steps: '1000 n', backend: 'native (avx2)', version: '0.1.0' };

/** A summary of invented trials: no correlation at alpha = 1, and a correlation that grows with alpha elsewhere. */
async function invented(grid: Partial<SweepSpec['grid']>, trials = 6): Promise<SweepSummary> {
  const task = sweepTask({ seed: 9, trials, grid: { temperature: [10], alpha: [1, 10, 25, 50], ...grid } });
  const cells = cellsOf(task);
  const rows: TrialRow[] = cells.flatMap((cell, index) =>
    Array.from({ length: trials }, (_, trial) => {
      const value = cell.alpha === 1 ? null : Math.min(0.99, 0.5 + cell.alpha / 200 + trial / 100);
      return {
        row: index * trials + trial,
        cell: index,
        trial,
        theta: thetaOf(cell),
        status: 'converged' as const,
        steps: 5 + trial,
        period: 0,
        residual: 1e-8,
        gap: 0,
        regret: 0,
        diagonalShare: cell.alpha === 1 ? 1 : 0.2,
        diagonalRatio: cell.alpha === 1 ? null : 0.25,
        deadShare: 0,
        pearson: value,
        spearman: value,
        kendall: value,
        undefined: value === null ? 'the competitive ranking is constant' : null,
      };
    }),
  );
  return summarise(task, rows);
}

function checkPage(t: Test, html: string): void {
  t.notMatch(html, /<script|\b(src|href)="(?!#)|url\((?!#)|NaN|Infinity/i);
  for (const word of ['seed', 'n = 10', 'wishart', 'S: equal', 'intermodel simulate', 'does not publish']) t.ok(html.includes(word), word);
}

t.test('the page of Figure 4 prints what the paper left out, and says undefined where there is no correlation', async (t) => {
  const panels = await invented({});
  const points = panels.cells.flatMap((cell) =>
    Array.from({ length: 10 }, (_, k) => ({ cell: cell.cell, ideal: 0.5 + k / 10, competitive: (k % 4) / 2 })),
  );
  const curves = await invented({ temperature: [1, 10], alpha: [1, 2, 10, 50] });
  const data = { command: 'intermodel simulate --figure 4', solver, panels, points, curves };
  const { html, figures } = await figure4Page(data);
  checkPage(t, html);
  t.match(html, /α\/τ = 1 the mean Pearson correlation is undefined in all 6 trials/);
  t.match(html, /α\/τ = 50 the mean Pearson correlation is 0\.775 \[/);
  t.same(
    figures.map((figure) => figure.name),
    ['figure-4.svg', 'ratio-curves.svg'],
  );
  t.match(html, /50 % of the competitive ranks are whole multiples/, '0, 1/2, 1, 3/2 in turn: 5 of 10');
  const dots = figures[0]!.svg.match(/aria-roledescription="circle"/g) ?? [];
  t.equal(dots.length, 40, 'one dot a peer and trial');
  t.equal((await figure4Page(data)).html, html, 'the same data give the same page');
});

t.test('the sensitivity page has a block for every choice, and every cell says its number or that it has none', async (t) => {
  const laws = await invented({ n: [5, 10], hessian: ['wishart', 'diagonal-uniform'], temperature: [1, 10] });
  const readings = await invented({ reference: ['ones', 'initial'], projection: ['exact', 'clipRenormalise'], temperature: [1, 10] });
  const { html, figures } = await sensitivityPage({ command: 'intermodel simulate --sensitivity', solver, laws, readings });
  checkPage(t, html);
  for (const title of ['wishart, n = 5', 'diagonal-uniform, n = 10', 'initial, clipRenormalise']) t.ok(html.includes(title), title);
  const texts = [...figures[0]!.svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map((match) => match[1]);
  t.equal(texts.filter((text) => text === 'none').length, 8, 'alpha = 1: 2 laws x 2 n x 2 temperatures');
  t.equal(texts.filter((text) => text === '0.57' || text === '0.58').length, 8, 'alpha = 10');
});

t.test('the page of Figure 5 shows both starts, the target and the medians', async (t) => {
  const run = (group: string, trial: number, from: number) => ({
    group,
    trial,
    points: Array.from({ length: 30 }, (_, k) => {
      const ratio = 1 + (from - 1) * Math.exp(-k / 6) + trial / 50;
      return {
        step: k * 10,
        tau: 0.1 + k / 300,
        diagonalRatio: ratio,
        diagonalShare: ratio / (1 + ratio),
        pearson: k === 0 ? null : 0.4 + k / 100,
      };
    }),
  });
  const runs = [0, 1, 2].flatMap((trial) => [run('from tau = 0', trial, 0.1), run('from collapse', trial, 20)]);
  const { html, figures } = await figure5Page({
    command: 'intermodel simulate --figure 5',
    solver,
    seed: 9,
    n: 10,
    trials: 3,
    temperature: 10,
    alpha: 1,
    hessian: 'wishart-quality',
    stake: 'equal',
    measure: 'diagonalRatio',
    target: 1,
    controller: 'Integral control.',
    runs,
  });
  checkPage(t, html);
  t.match(
    html,
    /From tau = 0, the median correlation of competitive and ideal rank begins undefined, is highest with 0\.690 at step 290, and ends at 0\.690/,
  );
  t.equal(figures[0]!.svg.match(/aria-roledescription="line mark"/g)?.length, 4 * (6 + 2), 'six runs and two medians in four panels');
});
