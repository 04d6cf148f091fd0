import t from 'tap';
import { exp, fma, log, logSumExp, matMul, matVec, softmax, treeDot, treeSum, treeSumOf } from '../../src/core/arithmetic/index.js';
import { RandomStream } from '../../src/core/random.js';

function values(random: RandomStream, n: number): number[] {
  return Array.from({ length: n }, () => random.normal() * 10 ** (random.integer(13) - 6));
}

/** The tree of the contract written out another way: recursively, from the fold down to the lanes. */
function treeByHand(n: number, start: (lane: number, elements: number[]) => number): number {
  let total = Number.NaN;
  for (let begin = 0; begin === 0 || begin < n; begin += 256) {
    const size = Math.min(256, n - begin);
    const lane = (l: number): number =>
      start(
        l,
        Array.from({ length: size }, (_, r) => begin + r).filter((r) => (r - begin) % 8 === l),
      );
    const fold = (width: number, l: number): number => (width === 8 ? lane(l) : fold(2 * width, l) + fold(2 * width, l + width));
    const block = fold(1, 0);
    total = begin === 0 ? block : total + block;
  }
  return total;
}

t.test('treeSum and treeDot follow the fixed tree', async (t) => {
  const random = new RandomStream(3);
  for (const n of [0, 1, 2, 7, 8, 9, 15, 16, 97, 255, 256, 257, 511, 512, 513, 1000]) {
    const a = values(random, n);
    const b = values(random, n);
    t.ok(
      Object.is(
        treeSum(a),
        treeByHand(n, (_, r) => r.reduce((sum, i) => sum + a[i], 0)),
      ),
      `sum of ${n}`,
    );
    t.ok(
      Object.is(
        treeDot(a, b),
        treeByHand(n, (_, r) => r.reduce((sum, i) => fma(a[i], b[i], sum), 0)),
      ),
      `dot of ${n}`,
    );
    t.equal(
      treeSumOf(n, (r) => a[r]),
      treeSum(a),
    );
    const padded = [9, 9, 9, ...a, 9];
    t.equal(treeSum(padded, 3, n), treeSum(a), 'an offset changes nothing');
  }
});

t.test('a sum is within eight roundings of the exact one', async (t) => {
  const random = new RandomStream(4);
  const a = Array.from({ length: 10_000 }, () => random.integer(2 ** 40) - 2 ** 39);
  t.equal(treeSum(a), Number(a.reduce((sum, x) => sum + BigInt(x), 0n)), 'integers below 2^53 add exactly');
});

t.test('empty and negative-zero sums are +0', async (t) => {
  t.ok(Object.is(treeSum([]), 0) && Object.is(treeDot([], []), 0) && Object.is(treeSum([-0, -0]), 0));
});

t.test('softmax and logSumExp agree with their definitions and survive the ends of the range', async (t) => {
  const random = new RandomStream(5);
  for (const n of [1, 2, 3, 8, 10, 97, 300]) {
    const z = Array.from({ length: n }, () => 5 * random.normal());
    const p = softmax(z);
    const lse = logSumExp(z);
    const direct = log(z.reduce((sum, x) => sum + exp(x), 0));
    t.ok(Math.abs(lse - direct) <= 1e-13 * Math.max(1, Math.abs(direct)));
    t.ok(Math.abs(treeSum(p) - 1) <= 4e-15);
    for (let c = 0; c < n; c++) t.ok(Math.abs(p[c] - exp(z[c] - lse)) <= 1e-13 * p[c]);
  }
  t.same([...softmax([1000, 0])], [1, 0]);
  t.equal(logSumExp([1000, 1000]), 1000 + log(2));
  t.same([...softmax([Number.NEGATIVE_INFINITY, 0])], [0, 1]);
  t.equal(logSumExp([]), Number.NEGATIVE_INFINITY);
  t.equal(logSumExp([Number.POSITIVE_INFINITY, 1]), Number.POSITIVE_INFINITY);
  t.ok(Number.isNaN(logSumExp([Number.POSITIVE_INFINITY, Number.NaN])) && Number.isNaN(softmax([0, Number.NaN])[0]));
});

t.test('products are exact on integers, whatever is transposed and wherever the chains start', async (t) => {
  const random = new RandomStream(6);
  const [m, k, n] = [5, 7, 3];
  const whole = (count: number) => Array.from({ length: count }, () => random.integer(2000) - 1000);
  const a = whole(m * k);
  const b = whole(k * n);
  const init = whole(m * n);
  const transpose = (x: number[], rows: number, columns: number) =>
    Array.from({ length: rows * columns }, (_, i) => x[(i % rows) * columns + Math.floor(i / rows)]);
  const expected = Array.from({ length: m * n }, (_, o) => {
    let sum = 0;
    for (let p = 0; p < k; p++) sum += a[Math.floor(o / n) * k + p] * b[p * n + (o % n)];
    return sum;
  });
  t.same([...matMul(a, b, m, k, n)], expected);
  t.same([...matMul(transpose(a, m, k), b, m, k, n, { transposeA: true })], expected);
  t.same([...matMul(a, transpose(b, k, n), m, k, n, { transposeB: true })], expected);
  t.same(
    [...matMul(a, b, m, k, n, { init })],
    expected.map((x, i) => x + init[i]),
  );
  t.same(
    [...matMul(a, b, m, k, n, { init: init.slice(0, n) })],
    expected.map((x, i) => x + init[i % n]),
  );
  t.same([...matVec(a, b.slice(0, k), m, k)], [...matMul(a, b.slice(0, k), m, k, 1)]);
});

t.test('a chain rounds once per step, in ascending order', async (t) => {
  const a = [2 ** 53, 1, 1, -(2 ** 53)];
  t.equal(matVec(a, [1, 1, 1, 1], 1, 4)[0], 0, 'each 1 is lost against 2^53');
  t.equal(matVec([...a].reverse(), [1, 1, 1, 1], 1, 4)[0], 2, 'in the other order both survive');
});
