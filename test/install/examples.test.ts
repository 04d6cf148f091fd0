/** The examples that need an optional package, run in the clone, where it is installed. The others run from the tarball (tarball.test.ts). */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';

t.test('an encoder in tensorflow.js learns through a native head', async (t) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join('examples', 'tfjs-training.mjs')], {
    cwd: packageRoot,
    encoding: 'utf8',
  });
  t.equal(status, 0, stderr);
  const [, first, last] = stdout.match(/loss (\S+) -> (\S+)/) ?? [];
  t.ok(Number(last) < Number(first) / 2, stdout);
});
