import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';

t.setTimeout(280_000);

t.test('examples/own-models.ts runs, and the informed peer is worth most', async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(packageRoot, 'lib/examples/own-models.js')]);
  const ranks = [...stdout.matchAll(/ (\d+\.\d+) tokens/gm)].map(([, digits]) => Number(digits));
  t.equal(ranks.length, 3, stdout);
  t.ok(ranks[0]! > 2 * ranks[1]!, stdout);
  t.ok(ranks[2]! > ranks[1]!, stdout);
});
