/**
 * Benchmarks: `npm run bench` runs the suite against the rivals (options as in suite.ts), `npm run bench -- ledger` a named family, `npm run bench -- --cuda` a GPU. Each
 * runs in a fresh process, checks its answer before it times, and prints medians with their spread.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const known = readdirSync(folder)
  .filter((file) => file.endsWith('.js') && file !== 'main.js')
  .map((file) => file.slice(0, -3));
const [first = 'suite', ...rest] = process.argv.slice(2);
const isOption = first.startsWith('--');
const name = first === '--cuda' ? 'cuda' : isOption ? 'suite' : first;

if (known.includes(name)) {
  const run = spawnSync(process.execPath, [join(folder, `${name}.js`), ...(isOption ? [first, ...rest] : rest)], { stdio: 'inherit' });
  process.exitCode = run.status ?? 1;
} else {
  process.stderr.write(`no benchmark named ${name}; there are: ${known.join(', ')}\n`);
  process.exitCode = 2;
}
