/** Pages of the empirical model: Figure 4, and the sensitivity of its outcome to what the paper left open. */
import type { CellSummary, SweepSummary } from '../sweep/index.js';
import { type Figure, renderSvg } from './figure.js';
import { correlation, integer, number, percent } from './format.js';
import { html, type Markup } from './markup.js';
import { type Fact, figureMarkup, page, type Section } from './page.js';
import {
  correlationWords,
  type RankPoint,
  rankPanels,
  ratioCurves,
  ratioOf,
  type SensitivityBlock,
  sensitivityBlocks,
} from './simulation-figures.js';
import { table } from './table.js';

/** A page with the figures on it, each also to be saved alone. */
export interface DrawnPage {
  readonly html: string;
  readonly figures: readonly { readonly name: string; readonly svg: string }[];
}

/** How the games were solved, printed on every figure. */
export interface SolverWords {
  /** Method by name, with its numbers. */
  readonly method: string;
  /** Natural residual at which a trial counts as converged. */
  readonly residual: number;
  /** Step limit in words, for instance `1000 n`. */
  readonly steps: string;
  readonly backend: string;
  readonly version: string;
}

/** Data of the Figure 4 page. */
export interface Figure4Data {
  readonly command: string;
  readonly solver: SolverWords;
  /** The four panels. */
  readonly panels: SweepSummary;
  readonly points: readonly RankPoint[];
  /** The same over more ratios and temperatures. */
  readonly curves: SweepSummary;
}

/** What the paper does not say about its Figures 4 and 5 (R-26), and what was chosen. */
export const UNPUBLISHED: readonly string[] = [
  'The paper does not publish the number of participants, of trials, the temperature T, the stake S or the tolerance epsilon of its figures, nor which correlation it means or its value (R-26). All are chosen here and printed.',
  'The paper calls H "random positive semi-definite" and names no law (R-25).',
  'The loss lowers the payoff: P = -alpha L + tau R. Read literally the equations would raise the loss (R-01).',
  'Loss is measured against open inputs, the mask of ones; against the mask of the first weights the signal all but vanishes (R-02).',
  'Rows live on the simplex and return to it by the exact Euclidean projection (R-10, R-11).',
  'At W = I the competitive ranking is constant and its correlation undefined. Such trials are counted apart and enter no mean (R-26).',
];

/** Writes the page of Figure 4. */
export async function figure4Page(data: Figure4Data): Promise<DrawnPage> {
  const cells = data.panels.cells;
  const figures = [
    rankPanels(cells, data.points, provenance(data.panels, data.solver)),
    ratioCurves(data.curves.cells, provenance(data.curves, data.solver)),
  ];
  const { drawn, svgs } = await drawAll(figures);
  const sections: Section[] = [
    { id: 'panels', title: 'Competitive against ideal rank', body: [drawn[0]!, cellTable(cells, 'The trials of the four panels.')] },
    {
      id: 'curves',
      title: 'Where the story holds',
      body: [drawn[1]!, cellTable(data.curves.cells, 'The same for more ratios and temperatures.')],
    },
  ];
  return {
    figures: svgs,
    html: page({
      title: 'Figure 4: does competition rank the peers?',
      lead: figure4Lead(cells),
      command: data.command,
      facts: factsOf(data.panels, data.solver),
      assumptions: UNPUBLISHED,
      sections,
    }),
  };
}

/** Data of the sensitivity page. */
export interface SensitivityData {
  readonly command: string;
  readonly solver: SolverWords;
  /** Over T, alpha / tau, the law of H and n. */
  readonly laws: SweepSummary;
  /** Over T, alpha / tau, the reference mask and the projection, at one law and n. */
  readonly readings: SweepSummary;
}

/** Writes the page of the sensitivity sweep. */
export async function sensitivityPage(data: SensitivityData): Promise<DrawnPage> {
  const laws = blocksBy(data.laws.cells, ['hessian', 'n']);
  const readings = blocksBy(data.readings.cells, ['reference', 'projection']);
  const byName = (axis: string): number => new Set(data.laws.cells.map((cell) => cell.theta[axis])).size;
  const projections = new Set(data.readings.cells.map((cell) => cell.theta['projection'])).size;
  const figures = [
    sensitivityBlocks(
      'sensitivity-laws',
      'The law of H and the number of participants',
      laws,
      byName('n'),
      provenance(data.laws, data.solver),
    ),
    sensitivityBlocks(
      'sensitivity-readings',
      'The reference mask and the way back to the simplex',
      readings,
      projections,
      `${convergedWords(data.readings.cells)} ${provenance(data.readings, data.solver)}`,
    ),
  ];
  const { drawn, svgs } = await drawAll(figures);
  return {
    figures: svgs,
    html: page({
      title: 'How much of Figure 4 hangs on what was left open',
      lead: sensitivityLead(data),
      command: data.command,
      facts: factsOf({ ...data.laws, cells: [...data.laws.cells, ...data.readings.cells] }, data.solver).filter(
        ({ name }) => name !== 'task',
      ),
      assumptions: UNPUBLISHED,
      sections: [
        { id: 'laws', title: 'Law of H and size', body: [drawn[0]!, cellTable(data.laws.cells, 'Every cell of the figure.')] },
        {
          id: 'readings',
          title: 'Reference and projection',
          body: [drawn[1]!, cellTable(data.readings.cells, 'Every cell of the figure.')],
        },
      ],
    }),
  };
}

/** Figures as parts of a page and as files. */
export async function drawAll(figures: readonly Figure[]): Promise<{ drawn: Markup[]; svgs: { name: string; svg: string }[] }> {
  const drawn: Markup[] = [];
  const svgs: { name: string; svg: string }[] = [];
  for (const [index, figure] of figures.entries()) {
    drawn.push(await figureMarkup(figure, `Figure ${index + 1}`));
    svgs.push({ name: `${figure.name}.svg`, svg: await renderSvg(figure) });
  }
  return { drawn, svgs };
}

function figure4Lead(cells: readonly CellSummary[]): string {
  const words = cells.map((cell) => {
    const share = cell.diagonalShare.mean === null ? 'unknown' : number(cell.diagonalShare.mean);
    return `at \u03b1/\u03c4 = ${ratioOf(cell)} the mean Pearson correlation is ${correlationWords(cell)} (diagonal share ${share})`;
  });
  return `Random games are solved for their equilibrium, and the ranking that competition leads to is set against the ideal one: ${words.join('; ')}.`;
}

function sensitivityLead(data: SensitivityData): string {
  const cells = [...data.laws.cells, ...data.readings.cells];
  const means = cells.map((cell) => cell.pearson.mean).filter((mean) => mean !== null);
  const strong = means.filter((mean) => mean >= 0.6).length;
  return (
    `${cells.length} choices of T, \u03b1/\u03c4, n, the law of H, the reference mask and the projection, ${data.laws.trialsPerCell} trials each. ` +
    `The mean correlation lies between ${correlation(Math.min(...means))} and ${correlation(Math.max(...means))}; it is at least 0.6 in ${strong} of them.`
  );
}

/** What became of the runs by each way back to the simplex: a number from a run that found no equilibrium is where it stood at the end. */
function convergedWords(cells: readonly CellSummary[]): string {
  const projections = [...new Set(cells.map((cell) => String(cell.theta['projection'])))];
  const words = projections.map((projection) => {
    const own = cells.filter((cell) => cell.theta['projection'] === projection);
    const [count, of] = own.reduce(([a, b], { converged }) => [a + converged.count, b + converged.of], [0, 0]);
    return `${projection} ${percent(count / of)}`;
  });
  return (
    `Runs that met an equilibrium: ${words.join(', ')}. Clip-renormalise is not a projection: its runs come to rest where a row is proportional to its gradient, which is no ` +
    'equilibrium (R-11), and which for that very reason lies close to the ideal ranking.'
  );
}

function blocksBy(cells: readonly CellSummary[], axes: readonly string[]): SensitivityBlock[] {
  const blocks = new Map<string, CellSummary[]>();
  for (const cell of cells) {
    const title = axes.map((axis) => (axis === 'n' ? `n = ${String(cell.theta[axis])}` : String(cell.theta[axis]))).join(', ');
    blocks.set(title, [...(blocks.get(title) ?? []), cell]);
  }
  const titles = [...blocks.keys()];
  const first = (title: string): number => titles.findIndex((other) => other.split(',')[0] === title.split(',')[0]);
  return [...blocks].sort(([a], [b]) => first(a) - first(b)).map(([title, own]) => ({ title, cells: own }));
}

/** What stands under every figure: everything needed to judge it and to make it again. */
export function provenance(summary: SweepSummary, solver: SolverWords): string {
  const values = (axis: string): string => [...new Set(summary.cells.map((cell) => String(cell.theta[axis])))].join(', ');
  return (
    `n = ${values('n')}; ${summary.trialsPerCell} trials a cell; T = ${values('temperature')}; S: ${values('stake')}${values('stake') === 'equal' ? ' (1 each)' : ''}; ` +
    `H: ${values('hessian')}; W0: ${values('initial')}; reference ${values('reference')}; projection ${values('projection')}; ` +
    `${solver.method}, converged at a natural residual of ${number(solver.residual, 1)}, at most ${solver.steps} steps; seed ${summary.seed}.`
  );
}

/** The head of a page: sizes, seed, method, backend. */
export function factsOf(summary: SweepSummary, solver: SolverWords): Fact[] {
  const values = (axis: string): string => [...new Set(summary.cells.map((cell) => String(cell.theta[axis])))].join(', ');
  const games = summary.cells.reduce((sum, cell) => sum + cell.trials, 0);
  return [
    { name: 'seed', value: summary.seed },
    { name: 'participants n', value: values('n') },
    { name: 'trials a cell', value: integer(summary.trialsPerCell) },
    { name: 'games', value: integer(games) },
    { name: 'temperature T', value: values('temperature') },
    { name: 'stake S', value: values('stake') },
    { name: 'law of H', value: values('hessian') },
    { name: '\u03b1/\u03c4', value: [...new Set(summary.cells.map(ratioOf))].join(', ') },
    { name: 'method', value: solver.method },
    { name: 'converged at residual', value: number(solver.residual, 1) },
    { name: 'backend', value: solver.backend },
    { name: 'intermodel', value: solver.version },
    { name: 'task', value: summary.hash.slice(0, 16) },
  ];
}

/** Every number of some cells. */
export function cellTable(cells: readonly CellSummary[], caption: string): Markup {
  const axes = Object.keys(cells[0]?.theta ?? {}).filter(
    (axis) => axis !== 'tau' && new Set(cells.map((cell) => cell.theta[axis])).size > 1,
  );
  return html`<details${cells.length <= 12 ? html` open` : ''}><summary>Table: ${caption}</summary>${table({
    caption: `${caption} Means over trials, \u00b1 half the 95 % interval; undefined correlations are counted and enter no mean.`,
    rows: cells,
    columns: [
      ...(axes.length === 0 ? ['alpha'] : axes).map((axis) => ({ title: axis, cell: (cell: CellSummary) => String(cell.theta[axis]) })),
      { title: 'Pearson', numeric: true, cell: (cell) => interval(cell, 'pearson') },
      { title: 'Spearman', numeric: true, cell: (cell) => interval(cell, 'spearman') },
      { title: 'Kendall', numeric: true, cell: (cell) => interval(cell, 'kendall') },
      { title: 'undefined', numeric: true, cell: (cell) => `${cell.trials - cell.pearson.count} of ${cell.trials}` },
      { title: 'diagonal share', numeric: true, cell: (cell) => interval(cell, 'diagonalShare') },
      { title: 'diagonal ratio', numeric: true, cell: (cell) => interval(cell, 'diagonalRatio') },
      { title: 'converged', numeric: true, cell: (cell) => percent(cell.converged.share) },
      { title: 'steps', numeric: true, cell: (cell) => (cell.steps.mean === null ? '' : number(cell.steps.mean)) },
    ],
  })}</details>`;
}

function interval(cell: CellSummary, measure: 'pearson' | 'spearman' | 'kendall' | 'diagonalShare' | 'diagonalRatio'): string {
  const { mean, low, high } = cell[measure];
  if (mean === null) return 'undefined';
  return low === null || high === null ? number(mean) : `${number(mean)} \u00b1 ${number((high - low) / 2, 2)}`;
}
