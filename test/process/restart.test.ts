/** Participants in processes of their own: some are killed, the rest go on with their students, and started again they take their places back. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { loadMnist } from '../../src/data/dataset.js';
import { assembleDemo } from '../../src/demo/assemble.js';
import { demoRoster, entriesOf } from '../../src/demo/demo-roster.js';
import { type ProcessesOptions, runProcesses } from '../../src/process/launch.js';
import { survivalOf } from '../../src/process/survival.js';
import { SMALL } from '../demo/small.js';

t.setTimeout(280_000);

const command = [process.execPath, fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))];

t.test('some are killed: the rest go on with their students; started again, they take their places back', async (t) => {
  const options: ProcessesOptions = {
    ...SMALL,
    rounds: 40,
    blocks: 10,
    roster: demoRoster,
    command,
    kill: { indices: [1, 5], round: 8, restart: 12 },
  };
  const run = await runProcesses(options);
  t.same(
    run.reports.map(({ status, restarts }) => `${status} ${restarts}`),
    ['finished 0', 'finished 1', 'finished 0', 'finished 0', 'finished 0', 'finished 1'],
  );
  const [survival, ...more] = survivalOf(run);
  t.same(more, []);
  t.match(survival, { round: 9, away: [1, 5], survivors: [0, 2, 3, 4] });
  t.ok(survival!.returned !== null && survival!.returned > 12, `back in round ${survival!.returned}`);
  for (const index of survival!.survivors) t.same(run.results[index]?.absences[0]?.held, [1, 5], 'it held the students of both');
  t.ok(run.results.every((result) => result?.measurement.ideal.every(Number.isFinite)));
  const rounds = run.results.map((result) => result?.losses.map(([round]) => round) ?? []);
  t.equal(rounds[0]!.length, 40);
  t.ok(
    rounds[1]!.length < 40 && rounds[1]!.slice(0, 4).join() === '1,2,3,4' && rounds[1]!.at(-1) === 40,
    `it kept what it had learnt: ${rounds[1]}`,
  );
  const described = { encoderBackend: { name: '', version: '' }, data: run.results[0]!.data, backend: createBackend({ kind: 'native' }) };
  const demo = await assembleDemo({ ...run, roster: entriesOf(run, await loadMnist()), ...described });
  if (demo === null) throw new Error('somebody did not finish');
  const [head] = demo.curves;
  t.ok(head!.values.some((row) => row[1] === null) && head!.values.every((row) => row[0] !== null));
  t.ok(run.chainVerified);
});
