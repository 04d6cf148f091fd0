import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { intermodel } from './run.js';

t.test('Figure 4 in small: page, figures and numbers, the same when it is run again', async (t) => {
  const folder = t.testdir();
  const args = ['simulate', '--figure', '4', '--trials', '6', '--n', '4', '--out', folder];
  const run = intermodel([...args, '--json']);
  t.equal(run.code, 0, run.stderr);
  const { panels } = JSON.parse(run.stdout);
  t.equal(panels.cells.length, 4);
  t.equal(panels.cells[0].trials, 6);
  t.same(readdirSync(folder).sort(), ['figure-4.html', 'figure-4.json', 'figure-4.svg', 'ratio-curves.svg', 'sweeps']);
  const page = readFileSync(join(folder, 'figure-4.html'), 'utf8');
  t.ok(
    page.includes('intermodel simulate --figure 4 --seed 1 --trials 6 --n 4 --temperature 10 --hessian wishart-quality --method spectral'),
  );
  for (const words of ['n = 4', '6 trials a cell', 'T = 10', 'S: equal', 'seed 1', 'does not publish']) t.ok(page.includes(words), words);
  const drawn = readFileSync(join(folder, 'figure-4.svg'), 'utf8').matchAll(
    /aria-label="ideal rank R \/ mean: ([\d.−e-]+); competitive rank R\* \/ mean: ([\d.−e-]+)" role="graphics-symbol" aria-roledescription="circle"/g,
  );
  const points = [...drawn].map(([, ideal, competitive]) => [Number(ideal), Number(competitive)] as const);
  t.equal(points.length, 4 * 6 * 4, 'every peer of every trial of every panel is a point');
  for (const axis of [0, 1] as const)
    t.ok(Math.abs(points.reduce((sum, point) => sum + point[axis], 0) / points.length - 1) < 1e-9, 'relative to the mean of the trial');
  t.equal(intermodel([...args, '--json']).stdout, run.stdout);
  t.equal(readFileSync(join(folder, 'figure-4.html'), 'utf8'), page);
});

t.test('the sensitivity table in small', async (t) => {
  const folder = t.testdir();
  const run = intermodel(['simulate', '--sensitivity', '--trials', '2', '--n', '4', '--out', folder, '--json']);
  t.equal(run.code, 0, run.stderr);
  const { laws, readings } = JSON.parse(run.stdout);
  t.equal(laws.cells.length, 3 * 3 * 5 * 4);
  t.equal(readings.cells.length, 5 * 4 * 3 * 2);
  t.ok(existsSync(join(folder, 'sensitivity.html')));
});

t.test('one figure is asked for, and only one', async (t) => {
  for (const args of [[], ['--figure', '4', '--sensitivity']]) t.equal(intermodel(['simulate', ...args]).code, 2);
  t.equal(intermodel(['simulate', '--figure', '7']).code, 2);
});
