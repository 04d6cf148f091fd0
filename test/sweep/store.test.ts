import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { layoutOf } from '../../src/sweep/layout.js';
import { type TrialRow, thetaOf } from '../../src/sweep/rows.js';
import { cellsOf, sweepTask } from '../../src/sweep/spec.js';
import { FILES, openStore } from '../../src/sweep/store.js';
import { summarise } from '../../src/sweep/summary.js';

const task = sweepTask({ seed: 1, trials: 4, grid: { temperature: [1, 5], alpha: [1] } });
const layout = layoutOf(task);
const WHOLE = { index: 1, count: 1 };

/** Rows with invented outcomes: what is tested here is the files. */
function rowsOf(unit: number): TrialRow[] {
  const { firstRow, firstCell, trial, cells } = layout.unit(unit);
  return cells.map((cell, index) => ({
    row: firstRow + index,
    cell: firstCell + index,
    trial,
    theta: thetaOf(cell),
    status: 'converged',
    steps: 10 * trial + index,
    period: 0,
    residual: 1e-7 / (1 + trial),
    gap: 0.1,
    regret: 0.01,
    diagonalShare: 1,
    diagonalRatio: null,
    deadShare: 0,
    pearson: index === 0 ? null : 0.5 + 0.1 * trial,
    spearman: index === 0 ? null : 0.5,
    kendall: index === 0 ? null : 0.4,
    undefined: index === 0 ? 'the competitive ranking is constant' : null,
  }));
}

function finish(folder: string): void {
  const store = openStore(folder, task, WHOLE, layout);
  for (let unit = store.unitsDone; unit < layout.units; unit++) store.append(rowsOf(unit));
  store.close();
}

const whole = t.testdir();
finish(whole);
const lines = readFileSync(join(whole, FILES.lines));
const table = readFileSync(join(whole, FILES.table));

t.test('a row is a line of JSON and a line of CSV', async (t) => {
  t.same(JSON.parse(lines.toString().split('\n')[1]!), rowsOf(0)[1]);
  const [header, first] = table.toString().split('\n') as [string, string];
  t.equal(header.split(',').length, first.split(',').length);
  t.match(header, /^row,cell,trial,n,hessian,.*pearson,spearman,kendall,undefined$/);
  t.notOk(existsSync(join(whole, FILES.lock)), 'the lock is gone');
});

t.test('whatever byte a kill stopped at, the resumed run has the bytes of an unbroken one', async (t) => {
  const folder = join(t.testdir(), 'sweep');
  mkdirSync(folder);
  copyFileSync(join(whole, FILES.manifest), join(folder, FILES.manifest));
  for (let cut = 0; cut <= lines.length; cut += 23) {
    // JSON lines are written first, so the table is never ahead; both ends may be torn.
    writeFileSync(join(folder, FILES.lines), lines.subarray(0, cut));
    writeFileSync(join(folder, FILES.table), table.subarray(0, Math.floor((cut * table.length) / lines.length / 1.3)));
    finish(folder);
    if (!readFileSync(join(folder, FILES.lines)).equals(lines)) t.fail(`lines differ after a cut at ${cut}`);
    if (!readFileSync(join(folder, FILES.table)).equals(table)) t.fail(`table differs after a cut at ${cut}`);
  }
  t.pass(`${Math.ceil(lines.length / 23)} cuts`);
});

t.test('a block of zeros or another sweep in the middle is cut away and computed again', async (t) => {
  const folder = join(t.testdir(), 'sweep');
  mkdirSync(folder);
  copyFileSync(join(whole, FILES.manifest), join(folder, FILES.manifest));
  const damaged = Buffer.from(lines);
  damaged.fill(0, 900, 1000);
  writeFileSync(join(folder, FILES.lines), damaged);
  writeFileSync(join(folder, FILES.table), table);
  finish(folder);
  t.ok(readFileSync(join(folder, FILES.lines)).equals(lines));
  t.ok(readFileSync(join(folder, FILES.table)).equals(table));
});

t.test('a folder is not shared: another task, another shard, a second writer are refused', async (t) => {
  const folder = t.testdir();
  finish(folder);
  const other = sweepTask({ seed: 2, trials: 4, grid: { temperature: [1, 5], alpha: [1] } });
  t.throws(() => openStore(folder, other, WHOLE, layout), { code: 'BTM_DOMAIN', argument: folder });
  t.throws(() => openStore(folder, task, { index: 1, count: 2 }, layout), { code: 'BTM_DOMAIN' });
  const store = openStore(folder, task, WHOLE, layout);
  t.throws(() => openStore(folder, task, WHOLE, layout), { code: 'BTM_IO', message: /being written to/ });
  store.close();
  t.throws(() => openStore(join(folder, FILES.table), task, WHOLE, layout), { code: 'BTM_IO' });
});

t.test('a lock left by a process that is gone is taken over', async (t) => {
  const folder = t.testdir();
  finish(folder);
  const { hostname } = await import('node:os');
  const gone = 2 ** 22 + 17;
  writeFileSync(join(folder, FILES.lock), `${gone} ${hostname()}\n`);
  writeFileSync(join(folder, `lock.${gone}`), `${gone} ${hostname()}\n`);
  openStore(folder, task, WHOLE, layout).close();
  t.notOk(existsSync(join(folder, `lock.${gone}`)), 'what it left while taking the lock is gone as well');
  writeFileSync(join(folder, FILES.lock), '1 another-machine\n');
  t.throws(() => openStore(folder, task, WHOLE, layout), { code: 'BTM_IO', message: /another-machine/ });
});

t.test('undefined correlations are counted by reason and enter no mean', async (t) => {
  const rows = Array.from({ length: layout.units }, (_, unit) => rowsOf(unit)).flat();
  const summary = await summarise(task, rows);
  t.equal(summary.cells.length, cellsOf(task).length);
  const [undefinedCell, defined] = summary.cells as [(typeof summary.cells)[number], (typeof summary.cells)[number]];
  t.same(undefinedCell.undefined, { 'the competitive ranking is constant': 4 });
  t.same(undefinedCell.pearson, { count: 0, mean: null, low: null, high: null, min: null, max: null });
  t.equal(defined.pearson.count, 4);
  t.ok(Math.abs(defined.pearson.mean! - 0.65) < 1e-15);
  t.same(undefinedCell.diagonalRatio.count, 0, 'an infinite ratio enters no mean');
  t.same(defined.converged, { ...defined.converged, count: 4, of: 4, share: 1 });
});
