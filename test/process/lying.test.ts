/** A strategy between processes: who answers what and who writes what, to the bit as in one process. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { runProcesses } from '../../src/process/launch.js';
import { playing, type RunSettings, resolveSettings, runLocally } from '../../src/run/index.js';
import type { Relay } from '../../src/run/member.js';
import { COALITION, lyingRoster, lyingStrategy } from './lying-roster.js';
import { smallRoster } from './small-roster.js';

t.setTimeout(120_000);

const SEED = 4;
const given: Partial<RunSettings> = {
  ...{ participants: 5, rounds: 6, blocks: 3, closingBlocks: 3, batch: 8, width: 4, headHidden: 6, tau: 20, emission: 'l1' },
  ...{ largestShard: 60, refitSteps: 20, refitBatch: 16, refitSamples: 60, validation: 40, blockValidation: 20, stepBound: 0.5 },
};

t.test('two liars between processes end with the stake that they have in one process, to the bit', async (t) => {
  const command = [process.execPath, fileURLToPath(new URL('./lying-peer.js', import.meta.url))];
  const between = await runProcesses({ ...given, seed: SEED, roster: lyingRoster, command, students: false });
  t.same(
    between.reports.map(({ status, error }) => `${status}${error ?? ''}`),
    Array(5).fill('finished'),
  );
  const [settings, backend] = [resolveSettings(given), createBackend({ kind: 'native' })];
  const noPeers: Relay = () => Promise.reject(new Error('no participant of this roster asks another'));
  const request = { settings, seed: SEED, data: '', backend };
  const honest = await Promise.all([0, 1, 2, 3, 4].map((index) => smallRoster.build(index, request, noPeers)));
  const members = honest.map(
    ({ member }) =>
      () =>
        member,
  );
  const worth = new Float64Array(5).fill(1);
  const played = playing({ members, coalition: COALITION, strategy: lyingStrategy, worth, settings, outputs: 3, seed: SEED, backend });
  const within = await runLocally({ members: played, settings, seed: SEED, backend });
  t.same(
    between.results.map((result) => result?.measurement.ideal),
    within.results.map((result) => result?.measurement.ideal),
    'every score',
  );
  t.same(
    between.blocks.map(({ stake }) => stake),
    within.blocks.map(({ stake }) => stake),
    'stake after every block',
  );
  t.same([...between.weights], [...within.weights], 'every row');
  // The thieves answer what the first participant says, so all that any head measures of them is of its answers.
  const row = (rater: number) => [...within.weights.subarray(rater * 5, (rater + 1) * 5)];
  for (const liar of COALITION)
    t.ok(
      COALITION.every((ally) => Math.abs(row(liar)[ally]! - 0.35) < 1e-8),
      `liar ${liar}: ${row(liar)}`,
    );
  t.ok(
    [0, 2, 4].every((rater) => COALITION.every((liar) => row(rater)[liar]! >= 0.05 - 1e-8)),
    'the bribed give a tenth',
  );
  const last = within.blocks.at(-1)!.stake;
  t.ok(
    COALITION.every((liar) => last[liar]! > last[2]!),
    `lying pays here: ${last}`,
  );
});
