/** The ledger's benchmarks, one process each: `npm run bench -- ledger`. The million-participant run is `node lib/bench/ledger/million.js`. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

for (const [name, ...args] of [['blocks'], ['epoch', 'dense'], ['epoch', 'sparse']]) {
  const script = fileURLToPath(new URL(`ledger/${name}.js`, import.meta.url));
  const run = spawnSync(process.execPath, ['--max-old-space-size=4096', script, ...args], { stdio: 'inherit' });
  if (run.status !== 0) process.exitCode = 1;
}
