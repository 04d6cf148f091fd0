/**
 * A .npy file of more than 2 GiB is read in pieces: a sparse file of f4 with a few values at its ends and about 2^31 bytes.
 * Run: node lib/test/long/npy-large.js [folder]
 */
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryUsage, resourceUsage } from 'node:process';
import { readNpy } from '../../src/data/index.js';

const ROWS = 60_000_000;
const COLUMNS = 10;
const path = join(process.argv[2] ?? tmpdir(), `large-${process.pid}.npy`);
const places = [0, 1, 2 ** 29 - 1, 2 ** 29, 2 ** 29 + 1, ROWS * COLUMNS - 1];

const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${ROWS}, ${COLUMNS}), }`.padEnd(117);
const header = Buffer.concat([Buffer.from('\x93NUMPY\x01\x00v\x00', 'latin1'), Buffer.from(`${text}\n`, 'latin1')]);
const file = await open(path, 'w');
let failed = 0;
try {
  await file.write(header, 0, header.length, 0);
  await file.truncate(header.length + 4 * ROWS * COLUMNS);
  for (const [k, place] of places.entries())
    await file.write(Buffer.from(Float32Array.of(k + 1.5).buffer), 0, 4, header.length + 4 * place);
  const started = performance.now();
  const { shape, data } = await readNpy(path);
  const seconds = (performance.now() - started) / 1e3;
  let sum = 0;
  for (const value of data) sum += value;
  const wrong = places.filter((place, k) => data[place] !== k + 1.5);
  if (shape.join() !== `${ROWS},${COLUMNS}` || wrong.length > 0 || sum !== places.reduce((total, _, k) => total + k + 1.5, 0)) failed = 1;
  process.stdout.write(
    `${(4 * ROWS * COLUMNS) / 2 ** 30} GiB read in ${seconds.toFixed(1)} s, ${Math.round(memoryUsage().rss / 2 ** 20)} MiB resident (most ${Math.round(resourceUsage().maxRSS / 1024)}), ${failed === 0 ? 'every value right' : 'WRONG'}\n`,
  );
} finally {
  await file.close();
  await rm(path);
}
process.exitCode = failed;
