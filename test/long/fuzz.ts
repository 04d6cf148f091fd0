/** Fuzzing on demand: node lib/test/long/fuzz.js [executions = 1000000] [seed = 1]. */
import { fuzz, targets } from '../adversary/support/fuzz.js';

const [executions = 1_000_000, seed = 1] = process.argv.slice(2).map(Number);
const all = await targets();
let found = 0;
for (const target of all) {
  const started = performance.now();
  const share = Math.ceil(executions / all.length);
  const result = fuzz(target, share, seed);
  found += result.findings.length;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${target.name}: ${share} executions, ${result.taken} taken, ${result.findings.length} findings, ${seconds} s`);
  for (const finding of result.findings) console.log(`  ${finding}`);
}
process.exitCode = found === 0 ? 0 : 1;
