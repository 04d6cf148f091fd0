import fc from 'fast-check';
import t from 'tap';
import { encodeNpy, parseNpy } from '../../src/data/npy.js';

/** A .npy file from its parts, as NumPy lays it out. */
function file(header: string, values: Uint8Array, version = 1): Uint8Array {
  const wide = version > 1;
  const text = Buffer.from(`${header}\n`, 'latin1');
  const prefix = Buffer.alloc(wide ? 12 : 10);
  prefix.write('\x93NUMPY', 'latin1');
  prefix[6] = version;
  if (wide) prefix.writeUInt32LE(text.length, 8);
  else prefix.writeUInt16LE(text.length, 8);
  return new Uint8Array(Buffer.concat([prefix, text, values]));
}

function bytes(array: Float32Array | Float64Array | Int32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

const dict = (descr: string, shape: string, order = 'False') => `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`;

t.test('the four types and three versions are read, in either byte order', async (t) => {
  t.same(parseNpy('x', file(dict('<f4', '3,'), bytes(new Float32Array([1.5, -2, 0.1])))), {
    shape: [3],
    type: 'f4',
    data: new Float64Array([1.5, -2, Math.fround(0.1)]),
  });
  t.same(parseNpy('x', file(dict('<f8', '2, 1'), bytes(new Float64Array([0.1, -0])), 2)).data, new Float64Array([0.1, -0]));
  t.same(parseNpy('x', file(dict('<i4', '2,'), bytes(new Int32Array([-7, 2 ** 31 - 1])), 3)).data, new Float64Array([-7, 2 ** 31 - 1]));
  t.same(parseNpy('x', file(dict('<i8', '2,'), bytes(new BigInt64Array([-(2n ** 53n), 9n])))).data, new Float64Array([-(2 ** 53), 9]));
  t.same(parseNpy('x', file(dict('>i4', '1,'), new Uint8Array([0, 0, 1, 2]))).data, new Float64Array([258]));
  t.same(parseNpy('x', file(dict('<f8', ''), bytes(new Float64Array([4])))).shape, [], 'a single number has no sizes');
});

t.test('a file read from the middle of a larger buffer is read all the same', async (t) => {
  const whole = encodeNpy([2], new Float64Array([3, 4]));
  const padded = new Uint8Array(whole.length + 3);
  padded.set(whole, 3);
  t.same(parseNpy('x', padded.subarray(3)).data, new Float64Array([3, 4]));
});

t.test('what is written is read back to the bit, whatever the shape', async (t) => {
  const property = fc.property(fc.array(fc.nat(5), { maxLength: 4 }), fc.infiniteStream(fc.double()), (shape, stream) => {
    const data = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => stream.next().value);
    const back = parseNpy('x', encodeNpy(shape, data));
    if (back.shape.join() !== shape.join() || !data.every((value, index) => Object.is(value, back.data[index])))
      throw new Error('it changed');
  });
  fc.assert(property, { numRuns: 200, seed: 3 });
  t.equal(encodeNpy([3], new Float64Array(3)).length % 64, 24, 'the values begin at a multiple of 64 bytes, as NumPy wants');
});

t.test('anything else is refused with the file in the message', async (t) => {
  const values = bytes(new Float64Array(6));
  const refuse = (given: Uint8Array, code: string, words: RegExp): void => {
    t.throws(() => parseNpy('a.npy', given), { code, argument: 'a.npy', message: words });
  };
  refuse(new Uint8Array(0), 'BTM_TYPE', /not a \.npy file/);
  refuse(new Uint8Array(Buffer.from('PK\x03\x04 an archive of arrays')), 'BTM_TYPE', /npz/);
  refuse(file(dict('<f8', '6,'), values, 9), 'BTM_TYPE', /version 9/);
  refuse(file(dict('|O', '6,'), values), 'BTM_TYPE', /'\|O'/);
  refuse(file("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (6,)}", values), 'BTM_TYPE', /descr/);
  refuse(file(dict('<f8', '7,'), values), 'BTM_SHAPE', /takes 56 bytes, but holds 48/);
  refuse(file(dict('<f8', '5,'), values), 'BTM_SHAPE', /takes 40/);
  refuse(file(dict('<f8', '-6,'), values), 'BTM_SHAPE', /-6/);
  refuse(file(dict('<f8', '99999999999, 99999999999'), values), 'BTM_SHAPE', /shape/);
  refuse(file(dict('<i8', '1,'), bytes(new BigInt64Array([2n ** 60n]))), 'BTM_DOMAIN', /1152921504606846976/);
  const whole = encodeNpy([4], new Float64Array(4));
  for (let length = 0; length < whole.length; length++)
    t.throws(() => parseNpy('a.npy', whole.subarray(0, length)), { name: 'InputError' });
  t.throws(() => encodeNpy([2, 2], new Float64Array(3)), { code: 'BTM_SHAPE' });
});

t.test('a column-major file of one column is row-major too', async (t) => {
  t.same(parseNpy('x', file(dict('<f8', '2, 1', 'True'), bytes(new Float64Array([1, 2])))).data, new Float64Array([1, 2]));
});
