import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';

t.test('examples/own-models.ts runs, and the informed peer is worth most', async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(packageRoot, 'lib/examples/own-models.js')]);
  const scores = [...stdout.matchAll(/ (\d+\.\d+)$/gm)].map(([, digits]) => Number(digits));
  t.equal(scores.length, 3, stdout);
  t.ok(scores[0]! > 2 * scores[1]!, stdout);
  t.ok(scores[2]! > scores[1]!, stdout);
});
