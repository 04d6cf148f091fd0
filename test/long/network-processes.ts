/**
 * Eight processes with libp2p on loopback against the same demonstration in one process, same seed: every measurement and the ledger must agree to the bit.
 * node lib/test/long/network-processes.js [--rounds N] [--seed N] [--participants N] [--rows measured|competing] [--ratio TOKENS] [--gate-k K] [--data mnist|text|table|FILE.csv#COLUMN]
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runDemo } from '../../src/demo/demo.js';
import { demoRoster } from '../../src/demo/demo-roster.js';
import { runProcesses } from '../../src/process/launch.js';
import { spearman } from '../../src/ranking.js';
import { dataNamed } from '../../src/run/named-data.js';
import { RUN_DEFAULTS, type RunSettings } from '../../src/run/settings.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '120' },
    seed: { type: 'string', default: '7' },
    participants: { type: 'string', default: '8' },
    rows: { type: 'string', default: 'measured' },
    ratio: { type: 'string', default: String(RUN_DEFAULTS.lossPrice) },
    'gate-k': { type: 'string', default: '0' },
    'largest-shard': { type: 'string', default: String(RUN_DEFAULTS.largestShard) },
    data: { type: 'string', default: 'mnist' },
  },
});
const rounds = Number(values.rounds);
const settings = {
  seed: Number(values.seed),
  participants: Number(values.participants),
  rounds,
  blocks: Math.max(1, Math.floor(rounds / 10)),
  rows: values.rows as RunSettings['rows'],
  lossPrice: Number(values.ratio),
  gateK: Number(values['gate-k']),
  largestShard: Number(values['largest-shard']),
};
const cli = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const run = await runProcesses(
  { ...settings, roster: demoRoster, data: values.data, command: [process.execPath, cli] },
  { onProgress: (line) => process.stderr.write(`${line}\n`) },
);
const started = performance.now();
const demo = await runDemo({ ...settings, data: await dataNamed(values.data) });
const alone_s = (performance.now() - started) / 1000;

console.log(
  `seed ${run.seed}, ${run.names.length} processes, ${rounds} rounds, ${values.data}, rows ${values.rows}: ${run.elapsed_s.toFixed(1)} s (in one process ${alone_s.toFixed(1)} s), chain verified: ${run.chainVerified}`,
);
for (const { name, status, error } of run.reports) if (status !== 'finished') console.log(`${name} ${status}: ${error ?? ''}`);
const ideal = run.names.map((_, peer) =>
  run.results.reduce((sum, result) => sum + (result?.measurement.ideal[peer] ?? Number.NaN) / run.names.length, 0),
);
for (const [name, mine] of [
  ['ideal', ideal],
  ['ledger', Array.from(run.ledgerRanking)],
] as const) {
  const theirs = demo.rankings.find((ranking) => ranking.name === name)!.values;
  console.log(`${name}: Spearman with the run in one process ${spearman(mine, theirs).value}`);
}
const measured = run.results.every(
  (result, index) => JSON.stringify(result?.measurement.ideal) === JSON.stringify(demo.scores.ideal[index]),
);
const ledger = JSON.stringify(run.blocks) === JSON.stringify(demo.blocks);
console.log(`every measured score equal to the bit: ${measured}; every block (ranking, stake, minted) equal to the bit: ${ledger}`);
if (!measured || !ledger || !run.chainVerified) process.exitCode = 1;
