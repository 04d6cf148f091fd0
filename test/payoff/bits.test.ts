// Native equals the reference to the bit: every kernel of rankings, competition and payoffs, sizes around the vector widths, misaligned views, threads.
import t from 'tap';
import type { Backend } from '../../src/backend/index.js';
import { competitionMask, maskedInputs } from '../../src/competition.js';
import { RandomStream } from '../../src/core/random.js';
import { stepEpoch } from '../../src/epoch.js';
import { headWeightGradient, payoffGradient } from '../../src/payoff.js';
import { projectBoundedStep, projectSimplex, residuals } from '../../src/projection.js';
import { idealRanking, inflate, interRanking, networkRanking, rankGradient } from '../../src/ranking.js';
import { natives, reference } from './backends.js';
import { bits, hessians, misaligned, simplexRows, spread, stakes } from './states.js';

const SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 16, 17, 97];
const NORMS = ['l2', 'l1', 'none'] as const;

/** Every array that these functions return for one random state, by name. */
function outputs(backend: Backend, n: number): Record<string, Float64Array> {
  const stream = new RandomStream(20, n);
  const weights = simplexRows(stream, n, n);
  const stake = stakes(stream, n);
  const temperature = n % 2 === 0 ? 0.05 : 2;
  const standing = { weights, stake, temperature, n, backend };
  const out: Record<string, Float64Array> = {};
  const scores = spread(stream, 3 * n);
  const step = spread(stream, n * n);
  const gradient = spread(stream, n * n);
  if (n > 0) out['idealRanking'] = idealRanking({ scores, n, backend });
  out['interRanking'] = interRanking({ scores: misaligned(scores.map(Math.abs), 3), n, backend });
  const ranking = networkRanking({ weights, stake, n, backend });
  out['networkRanking'] = ranking;
  for (const norm of NORMS) {
    out[`rankGradient ${norm}`] = rankGradient({ weights, stake, n, norm, backend });
    const paid = inflate({ stake, ranking, tau: 0.3, norm, backend });
    out[`inflate ${norm}`] = Float64Array.of(...paid.stake, paid.minted);
  }
  for (const shiftGradient of ['exact', 'stopped'] as const) {
    for (const openDiagonal of [false, true]) {
      const { mask, shift, derivative, deadShare } = competitionMask({ ...standing, shiftGradient, openDiagonal });
      const name = `mask ${shiftGradient} ${openDiagonal}`;
      Object.assign(out, {
        [name]: mask,
        [`${name} shift`]: shift,
        [`${name} slope`]: derivative,
        [`${name} dead`]: Float64Array.of(deadShare),
      });
    }
  }
  if (n > 0) {
    const responses = spread(stream, 5 * n * 3);
    const at = { ...standing, participant: n - 1, responses, batch: 5, width: 3 };
    out['maskedInputs'] = maskedInputs(at);
    const { gradient: head, inner } = headWeightGradient({ ...at, inputGradient: spread(stream, 5 * n * 3) });
    Object.assign(out, { 'head gradient': head, inner });
  }
  hessians(stream, n).forEach((hessian, k) => {
    const initial = { reference: 'initial' as const, initialWeights: simplexRows(stream, n, n) };
    const against = k % 2 === 0 ? {} : initial;
    const found = payoffGradient({ ...standing, ...against, hessian, alpha: 5, tau: 0.7 });
    Object.assign(out, { [`payoff ${k}`]: found.gradient, [`loss ${k}`]: found.loss });
  });
  out['projectSimplex'] = projectSimplex({ rows: gradient, n, backend });
  out['projectSimplex floor'] = projectSimplex({ rows: gradient, n, floor: 1 / (2 * n + 1), backend });
  for (const epsilon of [1e-6, 0.05, 0.4, 3]) {
    out[`projectBoundedStep ${epsilon}`] = projectBoundedStep({ rows: weights, steps: step, epsilon, n, backend });
    const { gap, natural, regret } = residuals({ weights, gradient, epsilon, n, backend });
    Object.assign(out, { [`gap ${epsilon}`]: gap, [`natural ${epsilon}`]: natural, [`regret ${epsilon}`]: regret });
  }
  for (const epsilon of [1e-3, 0.5]) {
    const epoch = stepEpoch({ weights: misaligned(weights), steps: step, epsilon, stake, tau: 2, n, backend });
    const { weights: moved, minted } = epoch;
    Object.assign(out, { [`epoch ${epsilon}`]: moved, [`epoch ranking ${epsilon}`]: epoch.ranking });
    Object.assign(out, { [`epoch stake ${epsilon}`]: Float64Array.of(...epoch.stake, minted) });
  }
  return out;
}

for (const n of SIZES) {
  t.test(`n = ${n}`, (test) => {
    const expected = outputs(reference, n);
    for (const { name, backend } of natives) {
      const actual = outputs(backend, n);
      for (const key of Object.keys(expected)) {
        if (bits(actual[key]) !== bits(expected[key])) test.fail(`${key} differs, n = ${n}, ${name}`);
      }
      test.same(Object.keys(actual), Object.keys(expected), `${Object.keys(expected).length} outputs, ${name}`);
    }
    test.end();
  });
}

t.test('rows long enough for every thread', (test) => {
  const n = 700; // several blocks of 256 in a sum, several blocks of rows
  const stream = new RandomStream(21);
  const weights = simplexRows(stream, 40, n);
  const steps = spread(stream, 40 * n);
  const run = (backend: Backend) => [
    projectSimplex({ rows: steps, n, backend }),
    projectBoundedStep({ rows: weights, steps, epsilon: 0.01, n, backend }),
    interRanking({ scores: steps.map(Math.abs), n, backend }),
    idealRanking({ scores: steps, n, backend }),
  ];
  const expected = run(reference).map(bits);
  for (const { name, backend } of natives) test.same(run(backend).map(bits), expected, name);
  test.end();
});

t.test('an epoch is its three parts, beyond what caches hold too', (test) => {
  for (const n of [0, 1, 300, 840]) {
    const stream = new RandomStream(22, n);
    const weights = simplexRows(stream, n, n);
    const steps = spread(stream, n * n).map((x) => x / Math.max(n, 1));
    const stake = stakes(stream, n);
    for (const { name, backend } of natives) {
      const moved = projectBoundedStep({ rows: weights, steps, epsilon: 0.01, n, backend });
      const ranking = networkRanking({ weights: moved, stake, n, backend });
      const paid = inflate({ stake, ranking, tau: 3, norm: 'l1', backend });
      const epoch = stepEpoch({ weights, steps, epsilon: 0.01, stake, tau: 3, norm: 'l1', n, backend });
      const same = bits(epoch.weights) === bits(moved) && bits(epoch.ranking) === bits(ranking) && bits(epoch.stake) === bits(paid.stake);
      if (!same || epoch.minted !== paid.minted) test.fail(`n = ${n}, ${name}`);
    }
    if (n > 0 && n < 400) {
      const rows = 4;
      const some = { rows: weights.subarray(0, rows * n), steps: steps.subarray(0, rows * n), epsilon: 0.01, n };
      const expected = bits(projectBoundedStep({ ...some, backend: reference }));
      for (const { name, backend } of natives) test.equal(bits(projectBoundedStep({ ...some, backend })), expected, name);
    }
  }
  test.end();
});

t.test('a ranking whose sums overflow is still finite', (test) => {
  const options = { weights: [0.5, 0.5, 0.5, 0.5], steps: [0, 0, 0, 0], epsilon: 0.1, stake: [1.7e308, 1.7e308], tau: 0, n: 2 };
  for (const { name, backend } of [{ name: 'reference', backend: reference }, ...natives])
    test.same([...stepEpoch({ ...options, backend }).ranking], [0.85e308, 0.85e308], name);
  test.end();
});
