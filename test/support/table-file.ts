/** A table on disk that participants can train on, without any package's data. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RandomStream } from '../../src/core/random.js';

const CLASSES = 5;

/** Writes 1,500 rows of two numbers, a colour and a kind that follows from the numbers; returns the name of the data, FILE#COLUMN. */
export function tableOnDisk(): string {
  const stream = new RandomStream(11);
  const rows = Array.from({ length: 1500 }, () => {
    const [x, y] = [stream.uniform(), stream.uniform()];
    const kind = Math.floor(CLASSES * ((x + 0.5 * y) % 1));
    return `${x.toFixed(4)},${y.toFixed(4)},${['red', 'green', 'blue'][stream.integer(3)]},kind-${kind}`;
  });
  const path = join(mkdtempSync(join(tmpdir(), 'intermodel-table-')), 'made-up.csv');
  writeFileSync(path, `x,y,colour,kind\n${rows.join('\n')}\n`);
  return `${path}#kind`;
}
