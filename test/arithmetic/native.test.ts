/** The native kernels give the bits of the TypeScript reference, for every instruction set this machine has and any number of threads. */
import t from 'tap';
import { createBackend, loadAddon } from '../../src/backend/index.js';
import { fma } from '../../src/core/arithmetic/index.js';
import { RandomStream } from '../../src/core/random.js';
import { arithmeticReference } from '../../src/reference/arithmetic.js';
import { allPoints, firstDifference, POINT_COUNT } from './points.js';

const view = new DataView(new ArrayBuffer(8));
const isas = Object.entries(loadAddon().addon.describe().isas);
const elementwise = ['exp', 'expm1', 'log', 'log1p', 'sigmoid', 'sigmoidDerivative', 'tanh'] as const;
const lengths = [0, 1, 3, 4, 5, 7, 8, 9, 11, 17, 97];

function backends() {
  const available = isas.filter(([, status]) => status === 'available').map(([isa]) => isa);
  return available.flatMap((isa) => [1, 2, 7].map((threads) => createBackend({ kind: 'native', isa, threads })));
}

/** The middle of a larger array: a view that starts one element in. */
function misaligned(values: Float64Array): Float64Array {
  const around = new Float64Array(values.length + 2);
  around.set(values, 1);
  return around.subarray(1, values.length + 1);
}

const normals = (random: RandomStream, n: number) => misaligned(Float64Array.from({ length: n }, () => 3 * random.normal()));

t.test('elementwise functions: native = reference to the bit', async (t) => {
  const x = allPoints();
  const expected = new Map(
    elementwise.map((name) => {
      const y = new Float64Array(x.length);
      arithmeticReference[name](y, x);
      return [name, y] as const;
    }),
  );
  for (const [isa, status] of isas) {
    if (status !== 'available') {
      t.pass(`${isa} is not on this machine: ${status}`, { skip: status });
      continue;
    }
    const { kernels, describe } = createBackend({ kind: 'native', isa });
    t.equal(describe().isa, isa, 'the forced one runs');
    const y = new Float64Array(x.length);
    for (const name of elementwise) {
      kernels[name](y, x);
      const at = firstDifference(y, expected.get(name)!);
      t.equal(at, -1, `${name} on ${isa}: ${POINT_COUNT} points${at < 0 ? '' : `; ${name}(${x[at]}) = ${y[at]}`}`);
    }
  }
});

/** Random significands under exponents that make products and sums meet: cancellation, ties, underflow, overflow. */
function hostile(random: RandomStream, around: number, spread: number): number {
  view.setUint32(
    0,
    (((random.integer(2) << 31) | ((around + random.integer(2 * spread) - spread) << 20)) >>> 0) + (random.nextUint32() >>> 12),
  );
  view.setUint32(4, random.integer(4) === 0 ? random.integer(2) : random.nextUint32());
  return view.getFloat64(0);
}

t.test("the software fused multiply-add is the processor's, over a million points", async (t) => {
  const [rows, columns] = [1024, 1024];
  const random = new RandomStream(10);
  const factor = new Float64Array(1);
  const b = new Float64Array(columns);
  const c = new Float64Array(columns);
  const out = new Float64Array(columns);
  const expected = new Float64Array(columns);
  const kernels = backends()
    .filter(({ describe }) => describe().threads === 1)
    .map((backend) => ({ isa: backend.describe().isa, wrong: 0, ...backend.kernels }));
  for (let row = 0; row < rows; row++) {
    const [around, near] = row % 16 === 0 ? [520, 30] : row % 16 === 1 ? [1530, 2020] : [1023, 1023];
    factor[0] = hostile(random, around, 3);
    for (let j = 0; j < columns; j++) {
      b[j] = hostile(random, around, 3);
      const kind = random.integer(3);
      c[j] = kind === 0 ? -(factor[0] * b[j]) : kind === 1 ? factor[0] * b[j] * 2 ** (random.integer(110) - 55) : hostile(random, near, 25);
      expected[j] = fma(factor[0], b[j], c[j]);
    }
    for (const kernel of kernels) {
      kernel.matMul(out, factor, b, c, 1, 1, columns, false, false);
      if (firstDifference(out, expected) >= 0) kernel.wrong++;
    }
  }
  for (const { isa, wrong } of kernels) t.equal(wrong, 0, `${rows * columns} points on ${isa}`);
});

t.test('rows, trees and products: native = reference to the bit at every size', async (t) => {
  for (const { kernels, describe } of backends()) {
    const random = new RandomStream(8);
    const { isa, threads } = describe();
    let wrong = 0;
    const same = (what: string, a: Float64Array, b: Float64Array) => {
      if (firstDifference(a, b) < 0) return;
      wrong++;
      t.fail(what);
    };
    const both = (length: number, run: (k: typeof arithmeticReference, out: Float64Array) => void, what: string) => {
      const native = misaligned(new Float64Array(length));
      const reference = new Float64Array(length);
      run(kernels, native);
      run(arithmeticReference, reference);
      same(what, native, reference);
    };
    for (const n of [...lengths, 255, 256, 257, 600]) {
      const [a, b, z] = [normals(random, n), normals(random, n), normals(random, 3 * n)];
      same(`treeSum ${n}`, Float64Array.of(kernels.treeSum(a)), Float64Array.of(arithmeticReference.treeSum(a)));
      same(`treeDot ${n}`, Float64Array.of(kernels.treeDot(a, b)), Float64Array.of(arithmeticReference.treeDot(a, b)));
      both(3 * n, (k, out) => k.softmax(out, z, 3, n), `softmax ${n}`);
      both(3, (k, out) => k.logSumExp(out, z, 3, n), `logSumExp ${n}`);
    }
    for (let trial = 0; trial < 60; trial++) {
      const [m, k, n] = [0, 0, 0].map(() => lengths[random.integer(lengths.length)]) as [number, number, number];
      const [a, b, x] = [normals(random, m * k), normals(random, k * n), normals(random, k)];
      const init = normals(random, [0, n, m * n][trial % 3]!);
      const [tA, tB] = [random.integer(2) === 1, random.integer(2) === 1];
      both(m * n, (f, out) => f.matMul(out, a, b, init, m, k, n, tA, tB), `matMul ${m} ${k} ${n} ${tA} ${tB}`);
      both(m, (f, out) => f.matVec(out, a, x, normals(new RandomStream(trial), trial % 2 === 0 ? 0 : m), m, k), `matVec ${m} ${k}`);
    }
    t.equal(wrong, 0, `${isa}, ${threads} threads`);
  }
});

t.test('a product that is split over threads keeps its bits', async (t) => {
  const random = new RandomStream(9);
  const [m, k, n] = [130, 120, 70];
  const [a, b, init] = [normals(random, m * k), normals(random, k * n), normals(random, n)];
  const expected = new Float64Array(m * n);
  arithmeticReference.matMul(expected, a, b, init, m, k, n, false, false);
  for (const { kernels, describe } of backends()) {
    const out = new Float64Array(m * n);
    kernels.matMul(out, a, b, init, m, k, n, false, false);
    t.equal(firstDifference(out, expected), -1, `${describe().isa}, ${describe().threads} threads`);
  }
});

t.test('the addon refuses sizes that do not match', async (t) => {
  const { kernels } = createBackend({ kind: 'native' });
  const f = (n: number) => new Float64Array(n);
  t.throws(() => kernels.softmax(f(6), f(6), 2, 2), { code: 'BTM_SHAPE' });
  t.throws(() => kernels.logSumExp(f(3), f(6), 2, 3), { code: 'BTM_SHAPE' });
  t.throws(() => kernels.treeDot(f(3), f(2)), { code: 'BTM_SHAPE' });
  t.throws(() => kernels.matMul(f(4), f(4), f(4), f(3), 2, 2, 2, false, false), { code: 'BTM_SHAPE' });
  t.throws(() => kernels.matVec(f(2), f(4), f(3), f(0), 2, 2), { code: 'BTM_SHAPE' });
});
