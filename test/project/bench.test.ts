/** The benchmark suite itself: it refuses wrong answers, tells noise from change, and its short run goes through. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type BenchCase, type Plan, runCase } from '../../bench/suite/case.js';
import { type Contender, inProcess } from '../../bench/suite/contender.js';
import { bandwidthFor } from '../../bench/suite/limits.js';
import { compareRuns, curvesOf, markdownOf, type Run, ratioOf } from '../../bench/suite/report.js';
import { changeOf, exponentOf, spreadOf } from '../../bench/suite/statistics.js';

const SUITE = join(import.meta.dirname, '../../bench/suite.js');
const PLAN: Plan = { rounds: 3, turn: 1e-4, threads: [1], python: '', smoke: true, folder: '' };
const LIMITS = {
  f64: 1e9,
  f32: 2e9,
  read: [
    { bytes: 1024, rate: 4e9 },
    { bytes: 4096, rate: 1e9 },
  ],
};

function caseOf(...contenders: Contender[]): BenchCase {
  return { workload: 'W9', name: 'a case', repeat: 'call', flops: 10, bytes: 64, open: async () => contenders };
}

t.test('a contender with another answer is not timed', async (t) => {
  const right = inProcess('intermodel f64', 1, () => [1, 2, 4]);
  let timed = 0;
  const wrong = {
    ...inProcess('rival f64', 1, () => [1, 2.0001, 4], { tolerance: 1e-5 }),
    time: async () => {
      timed++;
      return { wall: 1, cpu: 1 };
    },
  };
  await t.rejects(runCase(caseOf(right, wrong), PLAN, null), { message: /rival f64 differs by 0\.0000(25|24)/ });
  await t.rejects(
    runCase(
      caseOf(
        right,
        inProcess('nan', 1, () => [1, Number.NaN, 4], { tolerance: 1 }),
      ),
      PLAN,
      null,
    ),
    { message: /nan differs/ },
  );
  await t.rejects(
    runCase(
      caseOf(
        right,
        inProcess('short', 1, () => [1, 2], { tolerance: 1 }),
      ),
      PLAN,
      null,
    ),
    { message: /short differs/ },
  );
  t.equal(timed, 0);
  const close = inProcess('rival f64', 1, () => [1, 2.0001, 4], { own: false, tolerance: 1e-4 });
  const rows = await runCase(caseOf(right, close), PLAN, LIMITS);
  t.equal(rows.length, 2);
  t.ok(Math.abs(rows[1].error - 2.5e-5) < 1e-12, 'the error is over the largest entry');
  t.equal(rows[0].hash, rows[1].hash);
  t.equal(rows[0].cpu.rounds, 3);
  t.equal(ratioOf(rows[0], rows), null);
  t.equal(ratioOf(rows[1], rows), rows[1].cpu.median / rows[0].cpu.median);
  const share = rows[0].share ?? Number.NaN;
  t.ok(Math.abs((share * rows[0].cpu.median) / 16e-9 - 1) < 1e-9, '64 bytes at 4 GB/s take longer than 10 operations at 1 GFLOP/s');
});

t.test('statistics', async (t) => {
  const spread = spreadOf([5, 1, 3, 2, 4]);
  t.same([spread.median, spread.low, spread.high, ...spread.quartiles], [3, 1, 5, 2, 4]);
  t.equal(changeOf(spreadOf([10, 11, 12]), spreadOf([5, 5.1, 5.2])).verdict, 'faster');
  t.equal(changeOf(spreadOf([5, 5.1, 5.2]), spreadOf([10, 11, 12])).verdict, 'slower');
  t.equal(changeOf(spreadOf([10, 11, 12]), spreadOf([9, 11.4, 13])).verdict, 'noise', 'the quartiles overlap');
  t.equal(changeOf(spreadOf([10, 10, 10]), spreadOf([10.2, 10.2, 10.2])).verdict, 'noise', 'less than 3 %');
  t.ok(Math.abs(exponentOf([1, 2, 4].map((size) => ({ size, time: 7 * size ** 2.5 }))) - 2.5) < 1e-12);
  t.equal(bandwidthFor(LIMITS, 2048), 4e9);
  t.equal(bandwidthFor(LIMITS, 2049), 1e9);
  t.equal(bandwidthFor(LIMITS, 1e9), 1e9);
});

t.test('the short run, its file, and two runs beside each other', async (t) => {
  const folder = mkdtempSync(join(t.testdir(), 'bench-'));
  const [file, page] = [join(folder, 'run.json'), join(folder, 'page.md')];
  writeFileSync(page, 'before\n<!-- written by the suite: begin -->\nold\n<!-- written by the suite: end -->\nafter\n');
  const smoke = spawnSync(process.execPath, [SUITE, '--smoke', '--json', file, '--docs', page], { encoding: 'utf8' });
  t.equal(smoke.status, 0, smoke.stderr);
  const run = JSON.parse(readFileSync(file, 'utf8')) as Run;
  t.same([...new Set(run.rows.map((row) => row.workload))], ['W1', 'W2', 'W3', 'W4', 'calls']);
  t.ok(run.rows.some((row) => row.contender.startsWith('tfjs')) && run.rows.some((row) => row.contender.startsWith('plain')));
  t.ok(run.rows.every((row) => row.cpu.median > 0 && /^[0-9a-f]{16}$/.test(row.hash)));
  t.match(readFileSync(page, 'utf8'), /^before\n.*begin -->\n.*\| W3 B=64.*<!-- written by the suite: end -->\nafter\n$/s);
  t.notMatch(readFileSync(page, 'utf8'), /^old$/m);
  t.match(markdownOf(run), /W4 epoch of n=64/);

  const slower = { ...run, rows: run.rows.map((row) => ({ ...row, hash: '0', cpu: spreadOf([9, 9, 9]), wall: spreadOf([9, 9, 9]) })) };
  writeFileSync(join(folder, 'slower.json'), JSON.stringify(slower));
  const same = spawnSync(process.execPath, [SUITE, '--compare', file, file], { encoding: 'utf8' });
  t.equal(same.status, 0);
  t.equal(same.stdout.match(/^noise/gm)?.length, run.rows.length);
  const changed = spawnSync(process.execPath, [SUITE, '--compare', file, join(folder, 'slower.json')], { encoding: 'utf8' });
  t.equal(changed.status, 1, 'another answer fails the comparison');
  t.equal(changed.stdout.match(/^slower .*THE ANSWER CHANGED$/gm)?.length, run.rows.length);
  t.equal(compareRuns(run, { ...run, rows: [] }).length, 0);
  const curve = run.rows.map((row, k) => ({
    ...row,
    curve: { name: 'a curve', size: 2 ** k },
    contender: 'x',
    threads: 1,
    cpu: spreadOf([8 ** k]),
  }));
  t.ok(Math.abs(curvesOf(curve)[0].exponent - 3) < 1e-9);
});
