/**
 * Fuzzing of the parsers: `node lib/test/long/fuzz.js [EXECUTIONS of each = 1000000] [SEED = 1] [TARGET ...]`; without a name, all.
 * A line of JSON for each target. scripts/fuzz.mjs runs it in slices, beside the native library.
 */
import { fileTargets } from '../adversary/support/file-targets.js';
import { fuzz, targets } from '../adversary/support/fuzz.js';

const [executions = '1000000', seed = '1', ...named] = process.argv.slice(2);
const all = [...(await targets()), ...fileTargets()];
if (executions === 'list') console.log(JSON.stringify(all.map(({ name }) => name)));
else {
  const unknown = named.find((name) => !all.some((target) => target.name === name));
  if (unknown !== undefined) throw new Error(`${unknown} is not one of ${all.map(({ name }) => name).join(', ')}`);
  let found = 0;
  for (const target of all.filter(({ name }) => named.length === 0 || named.includes(name))) {
    const result = fuzz(target, Number(executions), Number(seed));
    found += result.findings.length;
    console.log(JSON.stringify({ target: target.name, ...result }));
  }
  process.exitCode = found === 0 ? 0 : 1;
}
