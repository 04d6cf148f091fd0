/**
 * T7 on demand: many seeds of the deterministic simulation.
 *   node lib/test/long/ledger-simulation.js [seeds = 10000] [first = 0]
 */
import { simulate } from '../ledger/simulation.js';

const [seeds = 10_000, first = 0] = process.argv.slice(2).map(Number);
let [blocks, acknowledged, crashes] = [0, 0, 0];
const failed: string[] = [];
for (let seed = first; seed < first + seeds; seed++) {
  const run = await simulate(seed);
  blocks += run.height;
  acknowledged += run.acknowledged;
  crashes += run.crashes;
  if (run.problem !== undefined) {
    failed.push(`seed ${seed}: ${run.problem}`);
    console.log(failed.at(-1));
  }
  if ((seed - first + 1) % 100 === 0) process.stderr.write(`${seed - first + 1} of ${seeds} seeds\n`);
}
let broken = 0;
for (let seed = first; seed < first + 20; seed++) if ((await simulate(seed, { blind: true })).problem !== undefined) broken++;
console.log(
  `T7: ${seeds} seeds from ${first}, ${blocks} blocks, ${acknowledged} acknowledged, ${crashes} crashes; ${failed.length} seeds broke a law`,
);
console.log(`T7 control, a store that does not compare: ${broken} of 20 seeds broke a law`);
if (failed.length > 0 || broken === 0) process.exitCode = 1;
