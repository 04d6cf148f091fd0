/** Participants in processes of their own: some are killed, the rest continue with their students, and started again they take their places back. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type ProcessesOptions, runProcesses } from '../../src/process/launch.js';
import { survivalOf, survivorsRanking } from '../../src/process/survival.js';
import { smallRoster } from './small-roster.js';

t.setTimeout(280_000);

const command = [process.execPath, fileURLToPath(new URL('small-peer.js', import.meta.url))];
const OPTIONS: ProcessesOptions = {
  ...{ roster: smallRoster, command, seed: 5, participants: 4, rounds: 6, blocks: 6, closingBlocks: 1, batch: 8, width: 3, headHidden: 4 },
  ...{ largestShard: 40, refitSteps: 5, refitBatch: 8, refitSamples: 20, validation: 20, blockValidation: 10 },
};

t.test('two are killed after round 2 and started again at round 4: the run waits for events, so every round is known', async (t) => {
  const run = await runProcesses({ ...OPTIONS, kill: { indices: [1, 3], round: 2, restart: 4 } });
  t.same(
    run.reports.map(({ status, restarts, error }) => `${status} ${restarts}${error ?? ''}`),
    ['finished 0', 'finished 1', 'finished 0', 'finished 1'],
  );
  const [survival, ...more] = survivalOf(run);
  t.same(more, []);
  t.match(survival, { round: 3, away: [1, 3], survivors: [0, 2], returned: 6 });
  for (const index of survival!.survivors) t.same(run.results[index]?.absences[0]?.held, [1, 3], 'it held the students of both');
  t.ok(run.results.every((result) => result?.measurement.ideal.every(Number.isFinite)));
  t.same(
    run.results.map((result) => result?.losses.map(([round]) => round)),
    [
      [1, 2, 3, 4, 5, 6],
      [1, 6],
      [1, 2, 3, 4, 5, 6],
      [1, 6],
    ],
    'they kept what they had learnt by the block before, and continue with the others',
  );
  t.equal(survivorsRanking(run).length, 4);
  t.ok(run.chainVerified);
});

t.test('one is killed and stays away: the others finish without it', async (t) => {
  const run = await runProcesses({ ...OPTIONS, participants: 3, rounds: 3, blocks: 3, kill: { indices: [2], round: 1 } });
  t.same(
    run.reports.map(({ status }) => status),
    ['finished', 'finished', 'killed'],
  );
  t.match(survivalOf(run), [{ round: 2, away: [2], survivors: [0, 1], returned: null }]);
  t.equal(run.results[2], null);
});
