// The install matrix: `npm run test:install [-- --only WORDS] [--tarballs DIR]`. Packs, starts a registry on loopback, publishes, and installs
// as people do. Tools are fetched on demand (scripts/common/tools.mjs). Prints a line for each cell; its last line is the count.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { flag, run } from './common/run.mjs';
import { CELLS } from './install/cells.mjs';
import { PUBLISHED } from './install/published.mjs';
import { startRegistry } from './install/registry.mjs';
import { barePath } from './install/workplace.mjs';

const only = flag('only', '');
const home = mkdtempSync(join(tmpdir(), 'intermodel-matrix-'));
const given = flag('tarballs');
const tarballs = given === undefined ? join(home, 'tarballs') : resolve(given);
if (given === undefined)
  process.stdout.write(run(process.execPath, ['scripts/package.mjs', '--out', tarballs, '--targets', flag('targets', 'own')]));
const registry = await startRegistry(home, tarballs);
const place = { home, tarballs, registry, bin: barePath(home) };
const cells = Object.entries({ ...CELLS, ...PUBLISHED }).filter(([name]) => name.includes(only));
let failed = 0;
try {
  for (const [name, cell] of cells) {
    const began = performance.now();
    try {
      const figures = (await cell(place)) ?? {};
      const shown = Object.entries(figures).map(([key, value]) => `${key} ${value}`);
      console.log(`ok      ${name}  (${[...shown, `${((performance.now() - began) / 1000).toFixed(0)} s in all`].join(', ')})`);
    } catch (error) {
      failed++;
      console.log(`NOT OK  ${name}\n${String(error.message).replace(/^/gm, '        ')}`);
    }
  }
} finally {
  registry.stop();
  rmSync(home, { recursive: true, force: true });
}
console.log(`${cells.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 && cells.length > 0 ? 0 : 1;
