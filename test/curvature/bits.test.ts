// Native kernels give the reference's bits: every estimator, loss and activation, awkward sizes, misaligned views, 1, 2 and 7 threads.
import t from 'tap';
import type { Backend } from '../../src/backend/index.js';
import { ACTIVATIONS, ESTIMATORS, LOSSES } from '../../src/core/closed-lists.js';
import { RandomStream } from '../../src/core/random.js';
import { outputQuadraticForm, peerGram, quadraticForm, removalScores } from '../../src/curvature.js';
import { type Activation, type Head, headForward, headGradient, type Loss } from '../../src/head.js';
import { natives, reference } from './backends.js';

const SEED = 20261122;
/** Random numbers in a view that starts off any vector boundary. */
function random(stream: RandomStream, length: number, scale = 1): Float64Array {
  const offset = 1 + stream.integer(7);
  const view = new Float64Array(length + offset).subarray(offset);
  for (let k = 0; k < length; k++) view[k] = scale * stream.normal();
  return view;
}

function randomHead(stream: RandomStream, widths: readonly number[], activations: readonly Activation[]): Head {
  return {
    layers: activations.map((activation, l) => ({
      weights: random(stream, widths[l] * widths[l + 1], 1.5 / Math.sqrt(widths[l])),
      bias: random(stream, widths[l + 1], 0.3),
      activation,
    })),
  };
}

/** Distinct bits, NaN and signed zeros included. */
function sameBits(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((x, k) => Object.is(x, b[k]));
}

/** Every array in a result, in order. */
function arraysOf(value: unknown): Float64Array[] {
  if (value instanceof Float64Array) return [value];
  if (typeof value === 'number') return [Float64Array.of(value)];
  if (value !== null && typeof value === 'object') return Object.values(value).flatMap(arraysOf);
  return [];
}

/** Runs one call on the oracle and on every native backend; returns the names of those that differ. */
function disagreeing(call: (backend: Backend) => unknown): string[] {
  const expected = arraysOf(call(reference));
  return natives
    .filter(({ backend }) => {
      const actual = arraysOf(call(backend));
      return actual.length !== expected.length || !actual.every((array, k) => sameBits(array, expected[k]));
    })
    .map(({ name }) => name);
}

function targetsFor(loss: Loss, stream: RandomStream, batch: number, outputs: number) {
  if (loss === 'softmaxCrossEntropy') return { labels: Int32Array.from({ length: batch }, () => stream.integer(outputs)) };
  const targets = random(stream, batch * outputs);
  return { targets: loss === 'binaryCrossEntropy' ? targets.map((x) => (x > 0 ? 1 : 0)) : targets };
}

interface Case {
  readonly batch: number;
  readonly peers: number;
  readonly width: number;
  readonly hidden: readonly number[];
  readonly outputs: number;
}

// batch, peers, width and outputs each pass 0, 1, lanes - 1, lanes, lanes + 1, 11 and 97 for 4 and 8 lanes
const CASES: readonly Case[] = [
  { batch: 0, peers: 3, width: 2, hidden: [4], outputs: 3 },
  { batch: 1, peers: 1, width: 1, hidden: [], outputs: 1 },
  { batch: 3, peers: 4, width: 5, hidden: [7], outputs: 8 },
  { batch: 4, peers: 3, width: 7, hidden: [9, 5], outputs: 9 },
  { batch: 5, peers: 7, width: 8, hidden: [], outputs: 10 },
  { batch: 7, peers: 8, width: 9, hidden: [11], outputs: 7 },
  { batch: 8, peers: 9, width: 3, hidden: [3, 8], outputs: 11 },
  { batch: 9, peers: 11, width: 4, hidden: [], outputs: 97 },
  { batch: 11, peers: 5, width: 11, hidden: [17], outputs: 5 },
  { batch: 97, peers: 2, width: 3, hidden: [6], outputs: 4 },
  { batch: 2, peers: 97, width: 2, hidden: [5], outputs: 3 },
  { batch: 2, peers: 2, width: 97, hidden: [], outputs: 2 },
  { batch: 2, peers: 3, width: 4, hidden: [97], outputs: 300 },
  { batch: 300, peers: 2, width: 2, hidden: [], outputs: 2 },
];

t.test('what is compared', (test) => {
  test.ok(natives.length >= 3, natives.map(({ name }) => name).join(', '));
  for (const { name, backend } of natives) test.ok(name.startsWith(backend.describe().isa), `${name} runs ${backend.describe().isa}`);
  const changed = disagreeing((backend) => Float64Array.of(backend === reference ? 0 : -0));
  test.equal(changed.length, natives.length, 'a changed sign of zero is seen');
  test.end();
});

for (const [index, size] of CASES.entries()) {
  const { batch, peers, width, hidden, outputs } = size;
  t.test(JSON.stringify(size), (test) => {
    const stream = new RandomStream(SEED, index);
    const loss = LOSSES[index % 3];
    for (const scale of [1, 30]) {
      const widths = [peers * width, ...hidden, outputs];
      const activations = widths.slice(1).map((_, l) => (l < hidden.length ? ACTIVATIONS[(index + l) % 5] : 'identity'));
      const head = randomHead(stream, widths, activations);
      const responses = random(stream, batch * peers * width, scale);
      const data = { head, responses, batch, peers, width, loss };
      const labelled = { ...data, ...targetsFor(loss, stream, batch, outputs) };
      for (const estimator of ESTIMATORS) {
        const reduction = (['none', 'sum', 'mean'] as const)[stream.integer(3)];
        test.same(
          disagreeing((backend) => removalScores({ ...labelled, estimator, reduction, draws: 11, backend })),
          [],
          estimator,
        );
      }
      test.same(
        disagreeing((backend) => peerGram({ ...data, factor: 'stacked', backend })),
        [],
        'gram',
      );
      test.same(
        disagreeing((backend) => headForward({ ...data, backend })),
        [],
        'forward',
      );
      test.same(
        disagreeing((backend) => headGradient({ ...labelled, backend })),
        [],
        'gradient',
      );
      const outputGradient = random(stream, batch * outputs);
      test.same(
        disagreeing((backend) => headGradient({ ...data, outputGradient, backend })),
        [],
        'carried gradient',
      );
      const form = { logits: random(stream, batch * outputs, scale), vectors: random(stream, batch * peers * outputs, scale) };
      test.same(
        disagreeing((backend) => outputQuadraticForm({ ...form, loss, batch, outputs, peers, backend })),
        [],
        'output form',
      );
    }
    test.end();
  });
}

t.test('every activation with every loss', (test) => {
  const stream = new RandomStream(SEED, 100);
  for (const hidden of ACTIVATIONS) {
    for (const last of ACTIVATIONS) {
      for (const loss of LOSSES) {
        const data = {
          head: randomHead(stream, [6, 5, 4], [hidden, last]),
          responses: random(stream, 30, 4),
          batch: 5,
          peers: 3,
          width: 2,
          loss,
        };
        const labelled = { ...data, ...targetsFor(loss, stream, 5, 4) };
        for (const estimator of ['taylor2', 'monteCarloFisher', 'ablation', 'diagonal'] as const) {
          const differ = disagreeing((backend) => removalScores({ ...labelled, estimator, reduction: 'none', backend }));
          test.same(differ, [], `${hidden}, ${last}, ${loss}, ${estimator}`);
        }
        test.same(
          disagreeing((backend) => headGradient({ ...labelled, backend })),
          [],
          `${hidden}, ${last}, ${loss}, gradient`,
        );
      }
    }
  }
  test.end();
});

t.test('extreme responses: saturation, changes beyond the exponential, overflow', (test) => {
  const stream = new RandomStream(SEED, 101);
  for (const scale of [1e-200, 1e-9, 300, 1e4, 1e160]) {
    for (const loss of LOSSES) {
      for (const activations of [['identity'], ['gelu', 'identity'], ['tanh', 'identity']] as const) {
        const widths = activations.length === 1 ? [12, 3] : [12, 5, 3];
        const head = randomHead(stream, widths, activations);
        const data = { head, responses: random(stream, 60, scale), batch: 5, peers: 4, width: 3, loss };
        const labelled = { ...data, ...targetsFor(loss, stream, 5, 3) };
        for (const estimator of ESTIMATORS) {
          const differ = disagreeing((backend) => removalScores({ ...labelled, estimator, reduction: 'none', backend }));
          test.same(differ, [], `${scale}, ${loss}, ${activations[0]}, ${estimator}`);
        }
      }
    }
  }
  test.end();
});

t.test('a gram over more blocks of samples than are held at once', (test) => {
  const stream = new RandomStream(SEED, 103);
  const batch = 256 * 15 + 3;
  const data = { head: randomHead(stream, [3, 2], ['identity']), responses: random(stream, batch * 3), batch, peers: 3, width: 1 };
  test.same(
    disagreeing((backend) => peerGram({ ...data, backend })),
    [],
  );
  test.same(
    disagreeing((backend) => removalScores({ ...data, backend })),
    [],
  );
  test.end();
});

t.test('storages of a Hessian', (test) => {
  const stream = new RandomStream(SEED, 102);
  for (const n of [1, 3, 4, 5, 7, 8, 9, 11, 97, 300]) {
    const count = n > 90 ? 3 : 5;
    const vectors = random(stream, count * n);
    const square = random(stream, n * n);
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) square[i * n + j] = square[j * n + i];
    const dense = new Float64Array(count * n * n).map((_, k) => square[k % (n * n)]);
    const hessians = [
      { kind: 'shared' as const, data: square },
      { kind: 'dense' as const, data: dense },
      { kind: 'lowRank' as const, data: random(stream, 9 * n), rank: 9 },
      { kind: 'lowRank' as const, data: random(stream, count * 2 * n), rank: 2 },
      { kind: 'lowRank' as const, data: [], rank: 0 },
      { kind: 'diagonal' as const, data: random(stream, n) },
      { kind: 'diagonal' as const, data: random(stream, count * n) },
    ];
    for (const hessian of hessians) {
      const differ = disagreeing((backend) => quadraticForm({ hessian, vectors, n, backend }));
      test.same(differ, [], `n = ${n}, ${hessian.kind}, ${hessian.data.length} numbers`);
    }
    test.equal(quadraticForm({ hessian: hessians[0], vectors: [], n, backend: natives[0].backend }).length, 0, 'no vectors');
  }
  test.end();
});
