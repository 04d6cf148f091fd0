/**
 * The benchmark suite: `npm run bench` runs every benchmark, `npm run bench -- curvature` the named ones.
 * Each runs in a fresh process, checks its answer before it times, and prints medians with their spread.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const known = readdirSync(folder)
  .filter((file) => file.endsWith('.js') && file !== 'main.js')
  .map((file) => file.slice(0, -3));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !known.includes(name));

if (unknown.length > 0) {
  process.stderr.write(`no benchmark named ${unknown.join(', ')}; there are: ${known.join(', ')}\n`);
  process.exitCode = 2;
} else {
  for (const name of wanted.length > 0 ? wanted : known) {
    process.stdout.write(`\n# ${name}\n`);
    const run = spawnSync(process.execPath, [join(folder, `${name}.js`)], { stdio: 'inherit' });
    if (run.status !== 0) process.exitCode = 1;
  }
}
