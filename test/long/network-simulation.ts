/** The network simulation on demand: node lib/test/long/network-simulation.js [seeds = 10000] [first = 0]. */
import { simulate } from '../network/support/simulation.js';

const [seeds = 10_000, first = 0] = process.argv.slice(2).map(Number);
const started = performance.now();
let calls = 0;
let failed = 0;
for (let seed = first; seed < first + seeds; seed++) {
  const run = await simulate(seed);
  calls += run.calls;
  if (run.violations.length > 0) {
    failed++;
    console.log(`seed ${seed}: ${run.violations.slice(0, 3).join('; ')}`);
  }
  if ((seed - first) % 500 === 499) process.stderr.write(`${seed - first + 1} of ${seeds} seeds, ${failed} failed\n`);
}
console.log(
  `${seeds} seeds from ${first}, ${calls} calls, ${failed} seeds broke a law, ${((performance.now() - started) / 1000).toFixed(1)} s`,
);
process.exitCode = failed === 0 ? 0 : 1;
