// Heads against scikit-learn's, folds, preconditioning and the minimiser on problems with known answers.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';
import type { Loss } from '../../src/core/closed-lists.js';
import { crossFit, heldOutLogits, heldOutLosses, lossesOf } from '../../src/stacking/cross-fit.js';
import { buildDesign, type Design } from '../../src/stacking/design.js';
import { fitHeads, withoutModels } from '../../src/stacking/fit.js';
import { dealFolds } from '../../src/stacking/folds.js';
import { invertSymmetric } from '../../src/stacking/inverse.js';
import { minimise } from '../../src/stacking/minimise.js';
import { checkPool } from '../../src/stacking/pool.js';
import { precondition } from '../../src/stacking/preconditioner.js';
import { natives, reference } from '../support/backends.js';
import { skilledPool } from './skilled-pool.js';

const golden = JSON.parse(readFileSync(join(packageRoot, 'test/stacking/golden.json'), 'utf8'));
const { kernels } = natives[0];

/** The problem of golden.py: three models of two columns each, one fold that nothing is held out of. */
function problem(loss: Loss): Design {
  const { samples, width } = golden;
  const weights = Float64Array.from({ length: samples }, (_, s) => 0.5 + (s % 4) / 2);
  const total = weights.reduce((sum, w) => sum + w, 0);
  const features = Float64Array.from({ length: samples * width }, (_, k) => {
    const s = Math.floor(k / width);
    const d = k % width;
    return Math.sin(1.7 * s + 2.3 * d + 0.1 * s * d);
  });
  for (let d = 0; d < width; d++) {
    let mean = 0;
    for (let s = 0; s < samples; s++) mean += (weights[s] * features[s * width + d]) / total;
    for (let s = 0; s < samples; s++) features[s * width + d] -= mean;
  }
  const labels = Int32Array.from({ length: samples }, (_, s) => (s * s + Math.floor(s / 7)) % 3);
  const binary = Float64Array.from(labels, (label) => (label > 0 ? 1 : 0));
  const values = Float64Array.from({ length: samples }, (_, s) => Math.cos(0.9 * s));
  return {
    samples,
    width,
    outputs: loss === 'softmaxCrossEntropy' ? 3 : 1,
    loss,
    features,
    starts: Int32Array.of(0, 2, 4, 6),
    absent: null,
    labels,
    targets: loss === 'binaryCrossEntropy' ? binary : loss === 'squaredError' ? values : new Float64Array(0),
    weights: weights.map((w) => (w * samples) / total),
    order: Int32Array.from({ length: samples }, (_, s) => s),
    foldStarts: Int32Array.of(0, samples),
    means: new Float64Array(width),
    scales: new Float64Array(3).fill(1),
  };
}

/** Largest difference of two heads; the biases of a softmax are compared without their common constant. */
function distance(found: Float64Array, expected: readonly (readonly number[])[]): number {
  const outputs = expected[0].length;
  const last = (expected.length - 1) * outputs;
  let mean = 0;
  if (outputs > 1) for (let c = 0; c < outputs; c++) mean += found[last + c] / outputs;
  return Math.max(...found.map((value, k) => Math.abs(value - (k >= last ? mean : 0) - expected[Math.floor(k / outputs)][k % outputs])));
}

for (const [name, loss, without] of [
  ['softmax', 'softmaxCrossEntropy', []],
  ['softmaxWithoutModel1', 'softmaxCrossEntropy', [1]],
  ['binary', 'binaryCrossEntropy', []],
  ['ridge', 'squaredError', []],
] as const) {
  t.test(`the head '${name}' is scikit-learn's`, async (t) => {
    const design = problem(loss);
    const preconditioner = precondition(kernels, design, new Float64Array(design.samples).fill(0.2), golden.l2);
    const [head] = fitHeads(kernels, design, [{ fold: null, l2: golden.l2, without }], preconditioner, { tolerance: 1e-11, maxSteps: 500 });
    t.equal(head.status, 'converged');
    t.ok(head.gradientNorm <= 1e-11);
    const off = distance(head.parameters, golden[name]);
    t.ok(off < 1e-7, `largest difference ${off}`);
  });
}

t.test('every fold is fitted without its own samples, to the norm asked for, with the same bits on every backend', async (t) => {
  const pool = checkPool(skilledPool(90, 3, [1, 0.5, 0], 1));
  const fold = dealFolds({ folds: 3, seed: 4, labels: pool.labels });
  const run = (of: typeof kernels) =>
    crossFit(of, buildDesign(of, pool, fold, 3), { l2: 'auto', penalty: 'adaptive', tolerance: 1e-5, maxSteps: 200 });
  const expected = run(reference.kernels);
  for (const { kernels: own } of natives) {
    const found = run(own);
    t.same(found.path, expected.path);
    t.same(
      found.heads.map(({ parameters }) => parameters),
      expected.heads.map(({ parameters }) => parameters),
    );
  }
  t.ok(expected.heads.every(({ gradientNorm, status }) => gradientNorm <= 1e-5 && status === 'converged'));
  // changing the labels of the first fold leaves its own head alone and moves the others
  const design = buildDesign(kernels, pool, fold, 3);
  const base = crossFit(kernels, design, { l2: 0.01, penalty: 'even', tolerance: 1e-8, maxSteps: 300 });
  const labels = design.labels.map((label, row) => (row < design.foldStarts[1] ? (label + 1) % 3 : label));
  const moved = crossFit(kernels, { ...design, labels }, { l2: 0.01, penalty: 'even', tolerance: 1e-8, maxSteps: 300 });
  const change = (f: number) => Math.max(...base.heads[f].parameters.map((p, k) => Math.abs(p - moved.heads[f].parameters[k])));
  t.ok(change(0) < 1e-5, `the head that did not see them: ${change(0)}`);
  t.ok(change(1) > 1e-2 && change(2) > 1e-2);
});

t.test('held-out logits come from the head of the fold', async (t) => {
  const pool = checkPool(skilledPool(40, 2, [1, 0.5], 2));
  const design = buildDesign(kernels, pool, dealFolds({ folds: 2, seed: 0, labels: pool.labels }), 2);
  const heads = [0, 1].map((f) => new Float64Array((design.width + 1) * 2).fill(f + 1));
  const logits = heldOutLogits(kernels, design, heads);
  for (const row of [0, design.foldStarts[1] - 1, design.foldStarts[1], 39]) {
    const factor = row < design.foldStarts[1] ? 1 : 2;
    let sum = factor;
    for (let c = 0; c < design.width; c++) sum += factor * design.features[row * design.width + c];
    t.ok(Math.abs(logits[row * 2] - sum) < 1e-12);
  }
});

t.test('leaving models out starts at the exact minimum where the loss is quadratic', async (t) => {
  const design = problem('squaredError');
  const preconditioner = precondition(kernels, design, new Float64Array(design.samples).fill(1), golden.l2);
  const options = { tolerance: 1e-12, maxSteps: 200 };
  const [whole] = fitHeads(kernels, design, [{ fold: null, l2: golden.l2, without: [] }], preconditioner, options);
  const start = withoutModels(kernels, design, preconditioner, whole.parameters, [1]);
  const [refitted] = fitHeads(kernels, design, [{ fold: null, l2: golden.l2, without: [1] }], preconditioner, options, [start]);
  t.equal(refitted.steps, 0, 'no step is needed');
  t.same(refitted.parameters.subarray(2, 4), new Float64Array(2));
});

t.test('folds: every class and group has its share, groups stay together', async (t) => {
  const labels = Int32Array.from({ length: 103 }, (_, s) => s % 4);
  const fold = dealFolds({ folds: 5, seed: 1, labels });
  for (let c = 0; c < 4; c++) {
    const counts = [0, 0, 0, 0, 0];
    labels.forEach((label, s) => {
      if (label === c) counts[fold[s]] += 1;
    });
    t.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join(' '));
  }
  const groups = Int32Array.from({ length: 103 }, (_, s) => Math.floor(s / 4));
  const grouped = dealFolds({ folds: 5, seed: 1, labels, groups });
  groups.forEach((group, s) => {
    if (grouped[s] !== grouped[group * 4]) t.fail(`group ${group} is in two folds`);
  });
  t.ok(new Set(grouped).size === 5);
  t.not(dealFolds({ folds: 5, seed: 2, labels }).join(), fold.join());
  t.throws(() => dealFolds({ folds: 5, seed: 0, labels: new Int32Array(4) }), { code: 'BTM_DOMAIN' });
});

t.test('the inverse is one, also where the matrix is almost singular', async (t) => {
  const inverse = invertSymmetric(kernels, Float64Array.of(4, 0, 0, 1, 3, 0, 0.5, 0.2, 2), 3);
  const a = [4, 1, 0.5, 1, 3, 0.2, 0.5, 0.2, 2];
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      let sum = 0;
      for (let k = 0; k < 3; k++) sum += a[i * 3 + k] * inverse[k * 3 + j];
      t.ok(Math.abs(sum - (i === j ? 1 : 0)) < 1e-14);
    }
  }
  t.ok(invertSymmetric(kernels, Float64Array.of(1, 1, 1, 1), 2).every(Number.isFinite));
  t.ok(invertSymmetric(kernels, new Float64Array(4), 2).every(Number.isFinite));
});

t.test('in halves too, of sizes that do not divide, and with a singular half', async (t) => {
  for (const n of [97, 200, 251]) {
    const a = new Float64Array(n * n);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) a[i * n + j] = 1 / (1 + Math.abs(i - j)) + (i === j ? (i % 7) / 2 : 0);
    const inverse = invertSymmetric(kernels, a, n);
    const product = new Float64Array(n * n);
    kernels.matMul(product, a, inverse, new Float64Array(0), n, n, n, false, false);
    t.ok(
      product.every((value, at) => Math.abs(value - (at % (n + 1) === 0 ? 1 : 0)) < 1e-12),
      `n = ${n}`,
    );
    t.ok(
      inverse.every((value, at) => value === inverse[(at % n) * n + Math.floor(at / n)]),
      'symmetric to the bit',
    );
    for (const from of [0, n - 3]) {
      const singular = a.slice();
      for (let i = from; i < from + 2; i++)
        for (let k = 0; k < n; k++) singular[i * n + k] = singular[k * n + i] = k >= from && k < from + 2 ? 1 : 0;
      t.ok(invertSymmetric(kernels, singular, n).every(Number.isFinite), `a pivot of 0 at ${from}`);
    }
  }
});

t.test('losses of several sets of heads are those of each', async (t) => {
  const pool = checkPool(skilledPool(40, 2, [1, 0.5], 2));
  const design = buildDesign(kernels, pool, dealFolds({ folds: 2, seed: 0, labels: pool.labels }), 2);
  const sets = [0, 1, 2].map((s) =>
    [0, 1].map((f) => Float64Array.from({ length: (design.width + 1) * 2 }, (_, k) => Math.sin(k + 3 * s + 5 * f))),
  );
  t.same(
    heldOutLosses(kernels, design, sets),
    sets.map((heads) => lossesOf(kernels, design, heldOutLogits(kernels, design, heads))),
  );
});

t.test('the minimiser finds the minimum of quadratics in few steps, and says where it stopped', async (t) => {
  const scales = [1, 10, 1000];
  const evaluate = (which: readonly number[], points: readonly Float64Array[]) =>
    which.map((_, k) => ({
      value: points[k].reduce((sum, x, d) => sum + 0.5 * scales[d] * (x - d) ** 2, 0),
      gradient: points[k].map((x, d) => scales[d] * (x - d)),
    }));
  const precondition = (_: readonly number[], vectors: readonly Float64Array[]) => vectors.map((vector) => vector.slice());
  const starts = [new Float64Array(3), Float64Array.of(0, 1, 2)];
  const [far, there] = minimise({ evaluate, precondition }, starts, { tolerance: 1e-10, maxSteps: 100 });
  t.ok(far.point.every((x, d) => Math.abs(x - d) < 1e-9));
  t.equal(far.status, 'converged');
  t.equal(there.steps, 0);
  const [short] = minimise({ evaluate, precondition }, starts.slice(0, 1), { tolerance: 1e-10, maxSteps: 2 });
  t.same([short.status, short.steps], ['stepLimit', 2]);
});
