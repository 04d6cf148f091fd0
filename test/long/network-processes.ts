/**
 * Eight processes with libp2p on loopback against the same demonstration in one process, same seed:
 * node lib/test/long/network-processes.js [--rounds N] [--seed N] [--kill 5,6,7@ROUND] [--wire f32|f16|int8] [--alone]
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runDemo } from '../../src/participant/demo.js';
import { runProcesses, totalsOf } from '../../src/participant/process/launch.js';
import { spearman } from '../../src/ranking.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '120' },
    seed: { type: 'string', default: '7' },
    participants: { type: 'string', default: '8' },
    kill: { type: 'string' },
    wire: { type: 'string', default: 'f32' },
    alone: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const common = {
  seed: Number(values.seed),
  participants: Number(values.participants),
  rounds,
  blocks: Math.max(1, Math.floor(rounds / 10)),
};
const cli = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const [indices, killRound] = (values.kill ?? '').split('@');
const kill = values.kill === undefined ? {} : { kill: { indices: indices.split(',').map(Number), round: Number(killRound) } };

const run = await runProcesses(
  { ...common, ...kill, command: [process.execPath, cli], wire: values.wire as 'f32' },
  { onProgress: (line) => process.stderr.write(`${line}\n`) },
);
console.log(
  `seed ${run.seed}, ${run.cast.length} processes, ${rounds} rounds, wire ${run.wire}: ${run.elapsed_s.toFixed(1)} s, chain verified: ${run.chainVerified}, ${run.blocks.length} blocks`,
);
for (const { name, status, error, result } of run.reports) {
  if (result === null) {
    console.log(`${name}: ${status} ${error ?? ''}`);
    continue;
  }
  const sums = totalsOf(
    result.traffic.map(([, one]) => one),
    result.service,
  );
  const failed = Object.entries(
    result.traffic.reduce<Record<string, number>>((all, [, one]) => {
      for (const [code, count] of Object.entries(one.errors)) all[code] = (all[code] ?? 0) + count;
      return all;
    }, {}),
  );
  console.log(
    `${name}: calls ${sums.calls} = ${sums.success} + ${sums.timeout} + ${sums.error}, ${(sums.bytesSent / 1e6).toFixed(1)} MB out, ${(sums.bytesReceived / 1e6).toFixed(1)} MB in, ` +
      `median ${sums.latencyMedian_ms.toFixed(0)} ms, p95 ${sums.latencyP95_ms.toFixed(0)} ms, served ${sums.served}, refused ${sums.refused}, ` +
      `loss ${result.validationLoss.toFixed(4)}, accuracy ${result.reached.headAccuracy.toFixed(3)}, ${result.processor_s.toFixed(1)} s of processor, ${result.memory_mb.toFixed(0)} MB ${JSON.stringify(failed)}`,
  );
}
const n = run.cast.length;
const ideal = new Float64Array(n);
for (const { result } of run.reports)
  result?.measurement.ideal.forEach((score, peer) => {
    ideal[peer] += score / n;
  });
console.log(`ideal   ${run.cast.map(({ name }, at) => `${name} ${(1000 * ideal[at]).toFixed(2)}`).join(', ')}`);
console.log(`ledger  ${run.cast.map(({ name }, at) => `${name} ${run.ledgerRanking[at].toFixed(3)}`).join(', ')}`);

if (!values.alone) {
  const started = performance.now();
  const demo = await runDemo(common);
  console.log(`in one process: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  for (const [name, mine] of [
    ['ideal', ideal],
    ['ledger', run.ledgerRanking],
  ] as const) {
    const theirs = demo.rankings.find((ranking) => ranking.name === name)!.values;
    console.log(`${name} in one process: ${run.cast.map((member, at) => `${member.name} ${theirs[at].toFixed(4)}`).join(', ')}`);
    console.log(`Spearman of the ${name} ranking with the run in one process: ${JSON.stringify(spearman(mine, theirs))}`);
  }
}
