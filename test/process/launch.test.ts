/** Participants in processes of their own: the same numbers as in one process. */
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { runDemo } from '../../src/demo/demo.js';
import { demoRoster } from '../../src/demo/demo-roster.js';
import type { DemoResult } from '../../src/demo/result.js';
import { type ProcessesResult, runProcesses } from '../../src/process/launch.js';
import { dataNamed } from '../../src/run/named-data.js';
import { SMALL } from '../demo/small.js';
import { tableOnDisk } from '../support/table-file.js';

t.setTimeout(280_000);

const command = [process.execPath, fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))];

function equalToOneProcess(t: Test, run: ProcessesResult, demo: DemoResult): void {
  t.same(
    run.reports.map(({ status, error }) => `${status}${error ?? ''}`),
    demo.participants.map(() => 'finished'),
  );
  t.ok(run.chainVerified);
  t.same(
    run.results.map((result) => result?.measurement.ideal),
    demo.scores.ideal,
    'every score, to the bit',
  );
  t.same(run.blocks, demo.blocks, 'every block: ranking, stake and what was minted, to the bit');
  t.same([...run.weights], demo.weights.flat());
  for (const result of run.results) {
    for (const [, traffic] of result?.traffic ?? []) t.equal(traffic.success + traffic.timeout + traffic.error, traffic.calls);
    t.same(result?.absences, [], 'no participant went away');
  }
}

t.test('processes over libp2p measure, rank and pay what one process does, to the bit', async (t) => {
  const run = await runProcesses({ ...SMALL, roster: demoRoster, command });
  equalToOneProcess(t, run, await runDemo(SMALL));
});

t.test('so do rows that compete, sparse gates and a table', async (t) => {
  const data = tableOnDisk();
  const settings = { ...SMALL, participants: 4, rows: 'competing', gate: 'productKey', gateK: 2 } as const;
  const run = await runProcesses({ ...settings, data, students: false, roster: demoRoster, command });
  equalToOneProcess(t, run, await runDemo({ ...settings, data: await dataNamed(data) }));
});
