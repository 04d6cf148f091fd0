// Heads are checked and laid out once: what is reused, what is not, and what the kernels refuse.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { type Estimator, peerGram, removalScores } from '../../src/curvature.js';
import { type Head, headForward, headGradient } from '../../src/head.js';
import { prepareHead } from '../../src/head-prepared.js';
import { backends, natives } from './backends.js';

const stream = new RandomStream(20261130, 0);
const random = (length: number) => Float32Array.from({ length }, () => stream.normal());
const sizes = { batch: 70, peers: 5, width: 3 };
const labels = Array.from({ length: 70 }, () => stream.integer(4));
const single: Head = {
  layers: [
    { weights: random(15 * 6), bias: random(6), activation: 'tanh' },
    { weights: random(6 * 4), bias: random(4), activation: 'identity' },
  ],
};
const double: Head = {
  layers: single.layers.map((layer) => ({ ...layer, weights: Float64Array.from(layer.weights), bias: Float64Array.from(layer.bias) })),
};
const plain: Head = {
  layers: single.layers.map((layer) => ({ ...layer, weights: Array.from(layer.weights), bias: Array.from(layer.bias) })),
};

t.test('single precision, double precision and plain arrays of the same numbers give the same bits', (test) => {
  const rounded = random(70 * 15);
  for (const { name, backend } of backends) {
    for (const estimator of ['gaussNewton', 'ablation', 'diagonal', 'nisp'] as const satisfies readonly Estimator[]) {
      const call = { ...sizes, labels, estimator, backend };
      const expected = removalScores({ ...call, head: double, responses: Float64Array.from(rounded) }).scores;
      test.strictSame(removalScores({ ...call, head: single, responses: rounded }).scores, expected, `${name}: ${estimator}, f32`);
      test.strictSame(
        removalScores({ ...call, head: plain, responses: Array.from(rounded) }).scores,
        expected,
        `${name}: ${estimator}, array`,
      );
    }
    const call = { ...sizes, backend };
    test.strictSame(
      peerGram({ ...call, head: single, responses: rounded }),
      peerGram({ ...call, head: double, responses: Float64Array.from(rounded) }),
      `${name}: gram`,
    );
    test.strictSame(
      headForward({ ...call, head: single, responses: rounded }),
      headForward({ ...call, head: double, responses: Float64Array.from(rounded) }),
      `${name}: forward`,
    );
    test.strictSame(
      headGradient({ ...call, labels, head: single, responses: rounded }),
      headGradient({ ...call, labels, head: double, responses: Float64Array.from(rounded) }),
      `${name}: gradient`,
    );
    const bad = rounded.slice();
    bad[444] = Number.NaN;
    const refused = { code: 'BTM_NONFINITE', argument: 'responses', index: 444 };
    test.throws(() => removalScores({ ...call, head: single, responses: bad }), refused, `${name}: NaN`);
    test.throws(() => peerGram({ ...call, head: single, responses: bad }), refused, `${name}: NaN`);
    test.throws(() => headForward({ ...call, head: single, responses: bad }), refused, `${name}: NaN`);
  }
  test.end();
});

t.test('a head is found again while its numbers are the same, and not after any of them changed in place', (test) => {
  for (const head of [single, double, plain]) {
    const copy: Head = {
      layers: head.layers.map((layer) => ({
        ...layer,
        weights: layer.weights.slice() as Float64Array,
        bias: layer.bias.slice() as Float64Array,
      })),
    };
    const first = prepareHead(copy, 15);
    test.equal(prepareHead(copy, 15), first, 'the same head');
    test.equal(prepareHead({ layers: [...copy.layers] }, 15), first, 'the same layers in another object');
    const call = { ...sizes, head: copy, responses: random(70 * 15), estimator: 'gaussNewton' as const };
    for (const [l, layer] of copy.layers.entries()) {
      for (const part of ['weights', 'bias'] as const) {
        const numbers = layer[part] as unknown as number[];
        for (const index of [0, numbers.length - 1]) {
          const before = removalScores(call).scores;
          const kept = numbers[index];
          numbers[index] = kept + 0.5;
          const after = removalScores(call).scores;
          const fresh = removalScores({
            ...call,
            head: { layers: copy.layers.map((x) => ({ ...x, weights: x.weights.slice() as Float64Array })) },
          });
          test.strictSame(after, fresh.scores, `${part} ${index} of layer ${l}: the new answer`);
          if (l < copy.layers.length - 1 || part === 'weights') test.notSame(after, before, 'another answer than before');
          numbers[index] = Number.NaN;
          test.throws(() => removalScores(call), { code: 'BTM_NONFINITE', argument: `head.layers[${l}].${part}`, index });
          numbers[index] = kept;
        }
      }
    }
    const other = { layers: [{ ...copy.layers[0], activation: 'relu' as const }, ...copy.layers.slice(1)] };
    test.not(prepareHead(other, 15), first, 'another activation');
    test.throws(() => prepareHead(copy, 14), { code: 'BTM_SHAPE', argument: 'head.layers[0].weights' });
  }
  const zero = Float64Array.of(0, 1);
  const one: Head = { layers: [{ weights: zero, bias: [0], activation: 'identity' }] };
  const positive = prepareHead(one, 2);
  zero[0] = -0;
  test.not(prepareHead(one, 2), positive, 'a changed sign of zero is a change');
  test.end();
});

t.test('kernels take their own handles alone', (test) => {
  const prepared = prepareHead(double, 15);
  const widths = new Int32Array(5).fill(3);
  for (const { name, backend } of natives) {
    const { kernels } = backend;
    const out = new Float64Array(4);
    const forward = (handle: unknown) => kernels.headForward(out, new Float64Array(15), handle as object, widths, 1);
    test.equal(forward(prepared.on(kernels)), true, name);
    for (const handle of [{}, null, undefined, 7, prepared, new Float64Array(99), () => 0]) {
      test.throws(() => forward(handle), { code: 'BTM_TYPE' }, `${name}: ${String(handle)}`);
    }
    const others = natives.filter((other) => other.backend.describe().isa !== backend.describe().isa);
    for (const other of others) {
      test.throws(() => forward(prepared.on(other.backend.kernels)), { code: 'BTM_DOMAIN' }, `${name} with the panels of ${other.name}`);
    }
    const wrong = new Int32Array(4).fill(3);
    test.throws(() => kernels.headForward(out, new Float64Array(15), prepared.on(kernels), wrong, 1), { code: 'BTM_SHAPE' });
  }
  test.end();
});

t.test('handles are freed with their heads', async (test) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const backend = createBackend({ kind: 'native', threads: 1 });
  for (let round = 0; round < 50; round++) {
    const head: Head = { layers: [{ weights: new Float64Array(1 << 20).fill(round), bias: [0], activation: 'identity' }] };
    headForward({ head, responses: new Float64Array(1 << 20), batch: 1, peers: 1, width: 1 << 20, backend });
    collect();
    await new Promise(setImmediate);
  }
  test.ok(process.memoryUsage().rss < 600 * 2 ** 20, `${process.memoryUsage().rss}`);
});

t.test('a prepared head is laid out once for each backend', async (t) => {
  const head = prepareHead(single, 15);
  const [first, second] = [natives[0].backend.kernels, createBackend({ kind: 'reference' }).kernels];
  t.equal(head.on(first), head.on(first));
  t.equal(head.on(second), head.on(second));
  t.not(head.on(first), head.on(second));
});
