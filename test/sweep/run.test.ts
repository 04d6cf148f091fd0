import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { solveEquilibrium, solveMany } from '../../src/equilibrium/index.js';
import { correlations } from '../../src/ranking.js';
import {
  drawHessian,
  drawInitial,
  drawStake,
  idealRankingOf,
  mergeShards,
  readRows,
  runSweep,
  shardFolder,
  sweepTask,
} from '../../src/sweep/index.js';

const task = sweepTask({
  seed: 21,
  trials: 9,
  keepRankings: true,
  grid: { n: [3, 5], hessian: ['wishart-quality', 'diagonal-uniform'], stake: ['equal', 'uniform'], temperature: [1, 10], alpha: [1, 10] },
});

/** Every file of a folder with its content. */
function contents(folder: string): Record<string, string> {
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(files.map((entry) => [entry.name, readFileSync(join(folder, entry.name), 'utf8')]).sort());
}

const root = t.testdir();
const whole = join(root, 'whole');
const result = await runSweep({ task, folder: whole, solve: solveMany });
const expected = contents(whole);

t.test('a sweep has one row a trial and cell, in order, and a summary of each cell', async (t) => {
  t.equal(result.rowsTotal, 2 * 2 * 9 * 8);
  const rows: number[] = [];
  for await (const row of readRows(whole)) rows.push(row.row);
  t.same(
    rows,
    Array.from({ length: result.rowsTotal }, (_, row) => row),
  );
  t.same(Object.keys(expected), ['manifest.json', 'results.csv', 'results.jsonl', 'summary.csv', 'summary.json']);
  t.equal(result.summary.cells.length, 32);
  t.ok(
    result.summary.cells.every(
      (cell) => cell.trials === 9 && cell.pearson.count + Object.values(cell.undefined).reduce((a, b) => a + b, 0) === 9,
    ),
  );
  t.ok(
    result.summary.cells.some((cell) => cell.pearson.count < 9),
    'some trials collapse to the identity and are counted as undefined',
  );
});

t.test('a row is what solving that game alone gives', async (t) => {
  for await (const row of readRows(whole)) {
    if (row.row % 41 !== 0) continue;
    const {
      n,
      hessian: law,
      stake,
      temperature,
      alpha,
    } = row.theta as { n: number; hessian: 'wishart-quality'; stake: 'uniform'; temperature: number; alpha: number };
    const name = { seed: 21, trial: row.trial, n };
    const hessian = drawHessian(law, name);
    const game = { n, hessian, stake: drawStake(stake, name), initialWeights: drawInitial('uniform', name), temperature, alpha, tau: 1 };
    const alone = await solveEquilibrium({ game, method: { kind: 'spectral' }, stop: { residual: 1e-6 } });
    t.same(row.competitive, [...alone.ranking], `row ${row.row}`);
    t.equal(row.status, alone.status.kind);
    t.equal(row.pearson, correlations(idealRankingOf(hessian, n), alone.ranking).pearson.value);
  }
});

t.test('shards merged are the whole, byte for byte', async (t) => {
  for (const count of [2, 5]) {
    const folder = join(root, `shards-${count}`);
    const shards = Array.from({ length: count }, (_, index) => ({ index: index + 1, count }));
    for (const shard of shards) await runSweep({ task, folder: shardFolder(folder, shard), shard, solve: solveMany });
    const folders = shards.map((shard) => shardFolder(folder, shard));
    await mergeShards({ shards: [...folders].reverse(), folder: join(folder, 'merged') });
    t.same(contents(join(folder, 'merged')), expected, `${count} shards`);
    const none = t.testdir({ none: {} });
    await t.rejects(mergeShards({ shards: [join(none, 'none')], folder: join(folder, 'x') }), {
      code: 'BTM_DOMAIN',
      message: /holds neither the results of a sweep .* nor folders such as shard-1-of-3/,
    });
    await t.rejects(mergeShards({ shards: folders.slice(1), folder: join(folder, 'x') }), { code: 'BTM_DOMAIN', message: /shard 1/ });
    await t.rejects(mergeShards({ shards: [...folders, folders[0]!], folder: join(folder, 'x') }), {
      code: 'BTM_DOMAIN',
      message: /2 times/,
    });
  }
});

t.test('threads and backend change no byte', async (t) => {
  const backends = [
    createBackend({ kind: 'native', threads: 1 }),
    createBackend({ kind: 'native', threads: 7 }),
    createBackend({ kind: 'reference' }),
  ];
  for (const [index, backend] of backends.entries()) {
    const folder = join(root, `backend-${index}`);
    await runSweep({ task, folder, solve: solveMany, backend });
    t.same(contents(folder), expected, JSON.stringify(backend.describe()));
  }
});

t.test('a run that is cancelled keeps what it has; the next goes on from there', async (t) => {
  const folder = join(root, 'cancelled');
  let runs = 0;
  for (let done = false; !done; runs++) {
    const controller = new AbortController();
    const onProgress = ({ rowsDone, rowsFound, rowsTotal }: { rowsDone: number; rowsFound: number; rowsTotal: number }): void => {
      if (rowsDone > rowsFound && rowsDone < rowsTotal) controller.abort();
    };
    try {
      await runSweep({ task, folder, solve: solveMany, signal: controller.signal, onProgress });
      done = true;
    } catch (error) {
      t.match(error, { name: 'AbortError' });
      t.notOk(readdirSync(folder).includes('lock'), 'the folder is free again');
    }
  }
  t.ok(runs > 2, `${runs} runs`);
  t.same(contents(folder), expected);
});

t.test('a finished folder is left as it is', async (t) => {
  const again = await runSweep({ task, folder: whole, solve: solveMany });
  t.equal(again.rowsFound, again.rowsTotal);
  t.same(contents(whole), expected);
});

t.test('a shard that is not finished is not merged', async (t) => {
  const folder = join(root, 'unfinished');
  mkdirSync(folder);
  const shard = { index: 1, count: 1 };
  await runSweep({ task, folder: join(folder, 'a'), shard, solve: solveMany });
  const lines = join(folder, 'a', 'results.jsonl');
  const { truncateSync } = await import('node:fs');
  truncateSync(lines, 2000);
  await t.rejects(mergeShards({ shards: [join(folder, 'a')], folder: join(folder, 'b') }), {
    code: 'BTM_DOMAIN',
    message: /results\.jsonl/,
  });
  rmSync(lines);
  await t.rejects(mergeShards({ shards: [join(folder, 'a')], folder: join(folder, 'b') }));
});
