// One head function in two parametrisations: under the mean baseline the scores are equal to 1e-12, relative.
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { removalScores } from '../../src/curvature.js';
import { type Baseline, fittedContributions } from '../../src/stacking/contributions.js';
import type { Design } from '../../src/stacking/design.js';
import { measure } from '../../src/stacking/measure.js';

const SAMPLES = 60;
const CLASSES = 3;
const STARTS = [0, 3, 5, 9];
const WIDTH = 9;
const backend = createBackend({ kind: 'native' });
const stream = new RandomStream(20261128, 41);
const labels = Int32Array.from({ length: SAMPLES }, () => stream.integer(CLASSES));
const features = Float64Array.from({ length: SAMPLES * WIDTH }, () => stream.normal());
const heads = [0, 1].map(() => Float64Array.from({ length: (WIDTH + 1) * CLASSES }, () => stream.normal()));
const shifts = Float64Array.from({ length: WIDTH }, () => 10 * stream.normal());
const modelOf = (column: number) => STARTS.findIndex((start) => start > column) - 1;
const factorOf = (column: number) => [3, 0.7, 11][modelOf(column)];

/** x' = factor (x + shift): the head takes up the factor in its weights and the shift in its biases. */
const moved = features.map((x, k) => factorOf(k % WIDTH) * (x + shifts[k % WIDTH]));
const movedHeads = heads.map((head) => {
  const out = head.slice();
  for (let d = 0; d < WIDTH; d++) {
    for (let c = 0; c < CLASSES; c++) {
      out[d * CLASSES + c] = head[d * CLASSES + c] / factorOf(d);
      out[WIDTH * CLASSES + c] -= head[d * CLASSES + c] * shifts[d];
    }
  }
  return out;
});

function design(own: Float64Array): Design {
  return {
    samples: SAMPLES,
    width: WIDTH,
    outputs: CLASSES,
    loss: 'softmaxCrossEntropy',
    features: own,
    starts: Int32Array.from(STARTS),
    absent: null,
    labels,
    targets: new Float64Array(0),
    weights: new Float64Array(SAMPLES).fill(1),
    order: Int32Array.from({ length: SAMPLES }, (_, s) => s),
    foldStarts: Int32Array.of(0, 25, SAMPLES),
    means: new Float64Array(WIDTH),
    scales: new Float64Array(3).fill(1),
  };
}

function scoresOf(own: Float64Array, parameters: readonly Float64Array[], baseline: Baseline) {
  const given = design(own);
  const units = { count: 1, of: new Int32Array(SAMPLES), mass: Float64Array.of(SAMPLES), what: 'samples' as const };
  const { ablation, gaussNewton, gram } = measure(backend, given, fittedContributions(backend.kernels, given, parameters, baseline), units);
  return [...ablation, ...gaussNewton, ...gram];
}

/** The largest difference beside the largest number of its kind. */
function apart(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, k) => Math.abs(value - b[k]) / Math.abs(value)));
}

t.test('worth, Gauss-Newton scores and Gram matrix of a pool', async (t) => {
  const mean = apart(scoresOf(features, heads, 'mean'), scoresOf(moved, movedHeads, 'mean'));
  t.ok(mean < 1e-12, `${mean}`);
  t.ok(apart(scoresOf(features, heads, 'zero'), scoresOf(moved, movedHeads, 'zero')) > 0.1, 'under a baseline of zeros they differ');
});

t.test('removalScores over peers of unequal widths', async (t) => {
  const scores = (own: Float64Array, head: Float64Array, withBaseline: boolean) => {
    const weights = new Float64Array(CLASSES * WIDTH);
    for (let d = 0; d < WIDTH; d++) for (let c = 0; c < CLASSES; c++) weights[c * WIDTH + d] = head[d * CLASSES + c];
    const baseline = new Float64Array(WIDTH);
    own.forEach((x, k) => {
      baseline[k % WIDTH] += x / SAMPLES;
    });
    return ['gaussNewton', 'ablation', 'relativeEntropy'].flatMap((estimator) => [
      ...removalScores({
        head: { layers: [{ weights, bias: head.slice(WIDTH * CLASSES), activation: 'identity' }] },
        responses: own,
        labels,
        batch: SAMPLES,
        peers: 3,
        widths: [3, 2, 4],
        ...(withBaseline ? { baseline } : {}),
        estimator: estimator as 'ablation',
        backend,
      }).scores,
    ]);
  };
  const mean = apart(scores(features, heads[0], true), scores(moved, movedHeads[0], true));
  t.ok(mean < 1e-12, `${mean}`);
  t.ok(apart(scores(features, heads[0], false), scores(moved, movedHeads[0], false)) > 0.1);
});
