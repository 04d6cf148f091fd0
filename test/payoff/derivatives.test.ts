// Third routes: central differences for every gradient, an explicit sum for every loss, through the public functions.
import t from 'tap';
import { competitionMask, maskedInputs } from '../../src/competition.js';
import { RandomStream } from '../../src/core/random.js';
import type { Hessian } from '../../src/curvature.js';
import { headForward, headGradient } from '../../src/head.js';
import { headWeightGradient, maskedLoss, payoffGradient, weightGradient } from '../../src/payoff.js';
import { networkRanking, rankGradient } from '../../src/ranking.js';
import { reference as backend } from './backends.js';
import { hessianOf, hessians, simplexRows, stakes } from './states.js';

const STEP = 1e-5;

/** Central difference in entry `at`, along a direction that keeps nothing but that entry moving: rows may leave the simplex by STEP. */
function slope(value: (weights: Float64Array) => number, weights: Float64Array, at: number): number {
  const moved = (by: number) => value(weights.map((w, k) => (k === at ? w + by : w)));
  return (moved(STEP) - moved(-STEP)) / (2 * STEP);
}

/** The same along a tangent: entry `at` up, entry `against` down, so that rows stay on the simplex. */
function tangent(value: (weights: Float64Array) => number, weights: Float64Array, at: number, against: number): number {
  const moved = (by: number) => value(weights.map((w, k) => (k === at ? w + by : k === against ? w - by : w)));
  return (moved(STEP) - moved(-STEP)) / (2 * STEP);
}

/** delta^T H delta written out over all pairs, from the definition of each storage. */
function explicitLoss(hessian: Hessian, delta: Float64Array, i: number, n: number): number {
  const { data, rank = 0 } = hessian;
  const entry = (j: number, k: number): number => {
    if (hessian.kind === 'dense') return data[(i * n + j) * n + k];
    if (hessian.kind === 'shared') return data[j * n + k];
    if (hessian.kind === 'diagonal') return j === k ? data[(data.length === n ? 0 : i * n) + j] : 0;
    const start = data.length === rank * n ? 0 : i * rank * n;
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += data[start + r * n + j] * data[start + r * n + k];
    return sum;
  };
  let sum = 0;
  for (let j = 0; j < n; j++) for (let k = 0; k < n; k++) sum += delta[j] * entry(j, k) * delta[k];
  return sum;
}

for (const n of [2, 5, 9]) {
  const stream = new RandomStream(30, n);
  // away from the boundary, so that steps of both signs stay valid
  const inside = simplexRows(stream, n, n).map((w) => 0.9 * w + 0.1 / n);
  const stake = stakes(stream, n);
  const standing = { stake, temperature: 0.8, n, backend };

  t.test(`the mask follows from its definition, n = ${n}`, (test) => {
    const { mask, shift, derivative } = competitionMask({ weights: inside, ...standing });
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let mean = 0;
        for (let k = 0; k < n; k++) mean += stake[k] * inside[k * n + j];
        mean /= n;
        const expected = 1 / (1 + Math.exp(-(stake[i] * inside[i * n + j] - mean) / 0.8));
        if (Math.abs(mask[i * n + j] - expected) > 1e-14) test.fail(`mask ${i} ${j}`);
        if (Math.abs(shift[j] - mean) > 1e-14) test.fail(`shift ${j}`);
        const other = j === 0 ? 1 : 0;
        const along = tangent((w) => competitionMask({ weights: w, ...standing }).mask[i * n + j], inside, i * n + j, i * n + other);
        if (Math.abs(along - derivative[i * n + j]) > 1e-8) test.fail(`derivative ${i} ${j}: ${derivative[i * n + j]} against ${along}`);
      }
    }
    test.pass('mask, shift and derivative');
    test.end();
  });

  hessians(stream, n).forEach((hessian, which) => {
    t.test(`loss and gradient, storage ${which} (${hessian.kind}), n = ${n}`, (test) => {
      for (const reference of ['ones', 'closed'] as const) {
        const options = { ...standing, hessian, reference };
        const { gradient, loss } = weightGradient({ weights: inside, ...options });
        const { mask } = competitionMask({ weights: inside, ...standing });
        for (let i = 0; i < n; i++) {
          const delta = mask.slice(i * n, (i + 1) * n).map((m) => m - (reference === 'ones' ? 1 : 0));
          const expected = explicitLoss(hessian, delta, i, n);
          if (Math.abs(loss[i] - expected) > 1e-12 * (1 + Math.abs(expected))) test.fail(`loss ${i}: ${loss[i]} against ${expected}`);
          for (let j = 1; j < n; j++) {
            const along = tangent((w) => maskedLoss({ weights: w, ...options })[i], inside, i * n + j, i * n);
            const found = gradient[i * n + j] - gradient[i * n];
            if (Math.abs(along - found) > 1e-7 * (1 + Math.abs(found))) test.fail(`gradient ${i} ${j}: ${found} against ${along}`);
          }
        }
      }
      test.pass('both references');
      test.end();
    });
  });

  t.test(`payoff gradient is that of -alpha L + tau R, n = ${n}`, (test) => {
    const hessian = hessianOf(stream, n, 0);
    const terms = { alpha: 3, tau: 0.5, scaling: 'absolute' as const };
    const { gradient } = payoffGradient({ weights: inside, ...standing, hessian, ...terms });
    for (let i = 0; i < n; i++) {
      const payoff = (w: Float64Array) =>
        -3 * maskedLoss({ weights: w, ...standing, hessian })[i] + 0.5 * networkRanking({ weights: w, stake, n, backend })[i];
      for (let j = 1; j < n; j++) {
        const along = tangent(payoff, inside, i * n + j, i * n);
        const found = gradient[i * n + j] - gradient[i * n];
        if (Math.abs(along - found) > 1e-7 * (1 + Math.abs(found))) test.fail(`${i} ${j}: ${found} against ${along}`);
      }
    }
    const ratio = payoffGradient({ weights: inside, ...standing, hessian, alpha: 3, tau: 0.5 }).gradient;
    const error = Math.max(...ratio.map((g, k) => Math.abs(g * 0.5 - gradient[k])));
    test.ok(error < 1e-12, '(13) is (10) over tau');
    test.end();
  });

  t.test(`rank gradients, n = ${n}`, (test) => {
    for (const norm of ['none', 'l1', 'l2'] as const) {
      const found = rankGradient({ weights: inside, stake, n, norm, backend });
      for (let i = 0; i < n; i++) {
        const share = (w: Float64Array) => {
          let size = 1;
          const r = Array.from({ length: n }, (_, j) => {
            let sum = 0;
            for (let k = 0; k < n; k++) sum += stake[k] * w[k * n + j];
            return sum / n;
          });
          if (norm === 'l1') size = r.reduce((a, b) => a + b, 0);
          if (norm === 'l2') size = Math.hypot(...r);
          return r[i] / size;
        };
        for (let j = 0; j < n; j++) {
          const along = slope(share, inside, i * n + j);
          if (Math.abs(along - found[i * n + j]) > 1e-8) test.fail(`${norm} ${i} ${j}: ${found[i * n + j]} against ${along}`);
        }
      }
      test.pass(norm);
    }
    test.end();
  });
}

t.test('through a real head: the gradient is that of the head over masked inputs', (test) => {
  const [batch, n, width] = [6, 4, 3];
  const stream = new RandomStream(31);
  const normal = (count: number) => Float64Array.from({ length: count }, () => stream.normal());
  const head = {
    layers: [
      { weights: normal(5 * n * width), bias: normal(5), activation: 'tanh' as const },
      { weights: normal(3 * 5), bias: normal(3), activation: 'identity' as const },
    ],
  };
  const responses = normal(batch * n * width);
  const labels = Int32Array.from({ length: batch }, () => stream.integer(3));
  const weights = simplexRows(stream, n, n).map((w) => 0.9 * w + 0.1 / n);
  const stake = Float64Array.of(1, 2, 0.5, 1.5);
  for (let participant = 0; participant < n; participant++) {
    const standing = { stake, temperature: 0.7, n, participant, responses, batch, width, backend };
    const inputs = (w: Float64Array) => maskedInputs({ weights: w, ...standing });
    const loss = (w: Float64Array) => {
      const logits = headForward({ head, responses: inputs(w), batch, peers: n, width, backend });
      let sum = 0;
      for (let b = 0; b < batch; b++) {
        const z = logits.subarray(b * 3, b * 3 + 3);
        sum += Math.log(z.reduce((total, entry) => total + Math.exp(entry), 0)) - z[labels[b]];
      }
      return sum;
    };
    const { responses: inputGradient } = headGradient({
      head,
      responses: inputs(weights),
      labels,
      reduction: 'sum',
      batch,
      peers: n,
      width,
      backend,
    });
    const { gradient } = headWeightGradient({ weights, ...standing, inputGradient });
    for (let j = 1; j < n; j++) {
      const along = tangent(loss, weights, participant * n + j, participant * n);
      const found = gradient[j] - gradient[0];
      if (Math.abs(along - found) > 1e-7 * (1 + Math.abs(found))) test.fail(`${participant} ${j}: ${found} against ${along}`);
    }
  }
  test.pass('every participant');
  test.end();
});
