// What lives on the device: uploads by identity, and heads with their owner; given back by dispose.
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { removalScores } from '../../src/curvature.js';
import { type Head, headForward } from '../../src/head.js';
import { hostForm } from '../support/cuda.js';

const native = createBackend({ kind: 'native' });
const stream = new RandomStream(7, 15);
const numbers = (length: number) => Float64Array.from({ length }, () => stream.normal());
const head: Head = {
  layers: [
    { weights: numbers(30), bias: numbers(5), activation: 'tanh' },
    { weights: numbers(15), bias: numbers(3), activation: 'identity' },
  ],
};
const batch = 40;
const responses = numbers(6 * batch);
const data = { head, responses, batch, peers: 3, width: 2 };

t.test('a description of device, driver and memory', async (test) => {
  const { kind, device, families, module } = hostForm().describe();
  test.equal(kind, 'cuda');
  test.strictSame(device, { index: 0, name: 'host form', computeCapability: '0.0', driver: '0.0', memory: 0 });
  test.ok(families.includes('curvature') && !families.includes('gating'), families.join());
  test.match(module, /processor/);
});

t.test('an upload is read in place of the array it copies, whole or in part, until it is disposed of', async (test) => {
  const backend = hostForm();
  const before = backend.heldBytes();
  const expected = headForward({ ...data, backend: native });
  const changed = responses.slice();
  const upload = backend.upload(changed);
  test.equal(backend.heldBytes() - before, responses.byteLength);
  changed.fill(0); // against the rule, to see which of the two is read
  test.strictSame(headForward({ ...data, responses: changed, backend }), expected, 'the copy');
  const half = { ...data, responses: changed.subarray(3 * batch), batch: batch / 2 };
  test.strictSame(headForward({ ...half, backend }), expected.subarray((3 * batch) / 2), 'a part of it');
  upload.dispose();
  upload.dispose();
  const zeros = headForward({ ...data, responses: changed, backend: native });
  test.strictSame(headForward({ ...data, responses: changed, backend }), zeros, 'the array itself again');
  test.throws(() => backend.upload([1, 2] as never), { code: 'BTM_TYPE', argument: 'array' });
});

t.test('single precision is uploaded as it is', async (test) => {
  const backend = hostForm();
  const single = Float32Array.from(responses);
  backend.upload(single);
  test.strictSame(removalScores({ ...data, responses: single, backend }), removalScores({ ...data, responses: single, backend: native }));
});

t.test('a head stays on the device while it is referred to, and belongs to its backend', async (test) => {
  const backend = hostForm();
  const kernels = backend.kernels;
  const parameters = numbers(8);
  const sizes = Int32Array.of(3, 2);
  const prepared = kernels.prepareHead(parameters, sizes, Int32Array.of(0));
  test.equal(backend.heldBytes(), parameters.byteLength);
  const widths = Int32Array.of(1, 2);
  kernels.headForward(new Float64Array(2), Float64Array.of(1, 2, 3), prepared, widths, 1);
  const other = hostForm().kernels;
  test.throws(() => other.headForward(new Float64Array(2), Float64Array.of(1, 2, 3), prepared, widths, 1), { code: 'BTM_DOMAIN' });
});

t.test('after dispose nothing is held and every call on the device says so', async (test) => {
  const backend = hostForm();
  headForward({ ...data, backend });
  backend.upload(responses);
  test.ok(backend.heldBytes() > 0);
  backend.dispose();
  backend.dispose();
  test.equal(backend.heldBytes(), 0);
  test.throws(() => headForward({ ...data, backend }), { code: 'BTM_NO_CUDA', message: /disposed of/ });
});
