/** The tier in single precision: exact fused multiply-adds, the same bits everywhere, a stated error, and what it refuses. */
import t from 'tap';
import type { Backend } from '../../src/backend/index.js';
import { fmaSingle } from '../../src/core/arithmetic/single.js';
import { RandomStream } from '../../src/core/random.js';
import { removalScores } from '../../src/curvature.js';
import type { Head, Loss } from '../../src/head.js';
import { natives, reference } from './backends.js';

const LOSSES: readonly Loss[] = ['softmaxCrossEntropy', 'binaryCrossEntropy', 'squaredError'];

/** A double as an integer times 2^-1074. */
function asInteger(x: number): bigint {
  const bits = new BigUint64Array(Float64Array.of(x).buffer)[0];
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = exponent === 0 ? fraction : (fraction | 0x10000000000000n) << BigInt(exponent - 1);
  return x < 0 ? -magnitude : magnitude;
}

/** Whether `found` is the float nearest to a b + c, ties to even: no float lies nearer, by integers. */
function isNearest(a: number, b: number, c: number, found: number): boolean {
  const exact = asInteger(a) * asInteger(b) + (asInteger(c) << 1074n); // times 2^-2148
  const distance = (x: number) => {
    const apart = exact - (asInteger(x) << 1074n);
    return apart < 0n ? -apart : apart;
  };
  const bits = new Int32Array(Float32Array.of(found).buffer)[0];
  const at = (step: number) => new Float32Array(Int32Array.of(bits + step).buffer)[0];
  const own = distance(found);
  for (const other of found === 0 ? [2 ** -149, -(2 ** -149)] : [at(1), at(-1)]) {
    if (!Number.isFinite(other)) continue;
    if (distance(other) < own || (distance(other) === own && bits % 2 !== 0)) return false;
  }
  return true;
}

t.test('fmaSingle rounds once', async (t) => {
  const stream = new RandomStream(11);
  const float = (low: number, high: number) => {
    const size = 2 ** (low + (high - low) * stream.uniform());
    return Math.fround(stream.uniform() < 0.5 ? -size : size);
  };
  let wrong = 0;
  let twice = 0; // where rounding to a double first would have given another float
  const check = (a: number, b: number, c: number) => {
    const found = fmaSingle(a, b, c);
    if (!isNearest(a, b, c, found)) wrong++;
    if (found !== Math.fround(a * b + c)) twice++;
  };
  for (let k = 0; k < 4000; k++) {
    check(float(-3, 3), float(-3, 3), float(-6, 6));
    check(float(-75, -60), float(-80, -60), float(-149, -120)); // subnormal results
    const half = Math.fround(1 + 2 ** -23 * stream.integer(2 ** 20));
    check(half, Math.fround(2 ** -24), stream.uniform() < 0.5 ? 1 : -1);
    // a tie of floats, a hair to one side
    check(Math.fround(1 + 2 ** -12), Math.fround((1 + 2 ** -11) * 2 ** -13), Math.fround(2 ** 23 + stream.integer(1000)));
    check(Math.fround(2 ** -30 * (1 + stream.integer(8))), float(-40, -30), Math.fround(1 + 2 ** -23 * stream.integer(99)));
  }
  for (const c of [1, -1, 1 + 2 ** -23, 3]) {
    for (const tiny of [2 ** -80, -(2 ** -80)]) {
      // c + half a unit exactly, then the tiny part that a double cannot hold
      check(Math.fround(2 ** -24 + 2 ** -47), Math.fround(Math.abs(c) > 2 ? 2 : 1), Math.fround(c));
      check(Math.fround(tiny), Math.fround(2 ** 10), Math.fround(c));
    }
  }
  // a hair below a tie, which a double cannot hold
  check(Math.fround(2 ** -12 * (1 + 2 ** -20)), Math.fround(2 ** -12 * (1 - 2 ** -20)), Math.fround(1 + 2 ** -23));
  check(Math.fround(2 ** -12 * (1 + 2 ** -20)), Math.fround(2 ** -12 * (1 - 2 ** -20)), Math.fround(-1 - 2 ** -23));
  t.equal(wrong, 0);
  t.ok(twice > 0, `rounding twice would have been wrong ${twice} times`);
  t.equal(fmaSingle(2 ** 100, 2 ** 100, 0), Number.POSITIVE_INFINITY);
  t.ok(Number.isNaN(fmaSingle(Number.POSITIVE_INFINITY, 0, 1)));
  t.ok(Object.is(fmaSingle(-0, 1, -0), -0));
});

interface Drawn {
  readonly head: Head;
  readonly responses: Float32Array;
  readonly batch: number;
  readonly peers: number;
  readonly widths: readonly number[];
  readonly sampleWeights?: Float64Array;
}

function draw(seed: number, batch: number, widths: readonly number[], outputs: number, scale = 1): Drawn {
  const stream = new RandomStream(seed, batch, outputs);
  const inputs = widths.reduce((a, b) => a + b, 0);
  const floats = (length: number, by: number) => {
    const view = new Float32Array(length + 3).subarray(3); // off any vector boundary
    for (let k = 0; k < length; k++) view[k] = by * stream.normal();
    return view;
  };
  const weights = floats(outputs * inputs, 1.5 / Math.sqrt(inputs));
  const layers = [{ weights, bias: floats(outputs, 0.3), activation: 'identity' as const }];
  return { head: { layers }, responses: floats(batch * inputs, scale), batch, peers: widths.length, widths };
}

function scoresOf(drawn: Drawn, backend: Backend, loss: Loss, precision: 'f32' | 'f64', reduction: 'none' | 'sum' = 'none'): Float64Array {
  return removalScores({ ...drawn, loss, precision, reduction, backend }).scores;
}

t.test('every instruction set and number of threads gives the bits of the reference', async (t) => {
  const shapes: [number, number[], number][] = [
    [1, [1], 1],
    [2, [3, 1, 5], 2],
    [33, [16, 17, 4, 40], 10],
    [70, [5, 64], 13],
    [5, [9, 2], 119],
    [34, [3, 8], 120],
    [7, [4, 4, 4], 121],
    [3, [20, 3], 367],
    [260, [2, 3], 25],
  ];
  for (const [k, [batch, widths, outputs]] of shapes.entries()) {
    for (const loss of LOSSES) {
      for (const scale of [1, 30]) {
        const drawn = draw(k, batch, widths, outputs, scale);
        const weighted = { ...drawn, sampleWeights: Float64Array.from({ length: batch }, (_, s) => (s % 3) / 2) };
        const expected = [scoresOf(drawn, reference, loss, 'f32'), scoresOf(weighted, reference, loss, 'f32', 'sum')];
        const differing = natives.filter(({ backend }) => {
          const found = [scoresOf(drawn, backend, loss, 'f32'), scoresOf(weighted, backend, loss, 'f32', 'sum')];
          return !found.every((array, a) => array.every((x, i) => Object.is(x, expected[a][i])));
        });
        t.same(
          differing.map(({ name }) => name),
          [],
          `${loss} B=${batch} widths ${widths} C=${outputs} scale ${scale}`,
        );
      }
    }
  }
});

t.test('the error of a score is a few units of single precision', async (t) => {
  let worst = 0;
  for (const [k, outputs] of [2, 10, 100, 121, 500, 2000].entries()) {
    const drawn = draw(k, 8, [16, 16, 32], outputs, k % 2 === 0 ? 1 : 10);
    for (const loss of LOSSES) {
      const [single, double] = (['f32', 'f64'] as const).map((precision) => scoresOf(drawn, natives[0].backend, loss, precision));
      const largest = Math.max(...double);
      for (let i = 0; i < double.length; i++) worst = Math.max(worst, Math.abs(single[i] - double[i]) / largest);
    }
  }
  t.ok(worst < 4e-6, `largest error ${worst} of the largest score`);
  t.ok(worst > 1e-9, 'it is not f64 in disguise');
});

t.test('a mean that all classes share costs no more digits than it has to', async (t) => {
  const weights = Float32Array.from([1000, 1001, 999.5, 2, 3, 4]);
  const head = { layers: [{ weights, bias: [0, 0, 0], activation: 'identity' as const }] };
  const wide = { layers: [{ ...head.layers[0], weights: Float32Array.from([1000, 2, 1001, 3, 999.5, 4]) }] };
  const at = { head: wide, responses: [1, 1], batch: 1, peers: 2, width: 1 } as const;
  const [single, double] = (['f32', 'f64'] as const).map((precision) => removalScores({ ...at, precision }).scores);
  t.ok(Math.abs(single[0] / double[0] - 1) < 1e-4 && Math.abs(single[1] / double[1] - 1) < 1e-5, `${single} ${double}`);
});

t.test('what it refuses, and what it converts', async (t) => {
  const drawn = draw(1, 3, [2, 2], 4);
  const refused = (options: object, argument: string, code = 'BTM_DOMAIN') =>
    t.throws(() => removalScores({ ...drawn, precision: 'f32', ...options }), { code, argument });
  refused({ precision: 'f16' }, 'precision');
  refused({ estimator: 'relativeEntropy' }, 'estimator');
  refused({ compareAblation: true, labels: [0, 1, 2] }, 'compareAblation');
  refused({ baseline: [0, 0, 0, 0] }, 'baseline');
  refused({ answered: [1, 1] }, 'answered');
  const [layer] = drawn.head.layers;
  refused({ head: { layers: [{ ...layer, activation: 'relu' }] } }, 'head.layers');
  refused({ head: { layers: [{ ...layer, weights: new Float64Array(16).fill(1e39) }] } }, 'head.layers[0]');
  refused({ responses: new Float64Array(12).fill(1e39) }, 'responses', 'BTM_NONFINITE');
  const hole = drawn.responses.slice();
  hole[7] = Number.NaN;
  for (const { backend } of [{ backend: reference }, ...natives]) {
    t.throws(() => removalScores({ ...drawn, responses: hole, precision: 'f32', backend }), { code: 'BTM_NONFINITE', index: 7 });
  }
  const wide = { ...drawn, responses: Float64Array.from(drawn.responses) };
  t.same(removalScores({ ...wide, precision: 'f32' }).scores, removalScores({ ...drawn, precision: 'f32' }).scores);
  const large = { ...drawn, responses: new Float32Array(12).fill(3e38) };
  t.equal(removalScores({ ...large, precision: 'f32' }).status, 'overflow');
  t.equal(removalScores({ ...drawn, precision: 'f32', labels: [0, 1, 2] }).linearShare, null);
});
