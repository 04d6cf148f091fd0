/**
 * Coverage of the intervals of `rankPool`: 200 synthetic pools whose worth is known from 40,000 fresh samples under the same heads.
 * Run: node lib/test/long/pool-coverage.js [pools] [samples]
 */
import { createBackend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { MAX_STEPS, prepare } from '../../src/stacking/call.js';
import { baselineAnswers, fittedContributions } from '../../src/stacking/contributions.js';
import { crossFit, heldOutLogits, lossesOf } from '../../src/stacking/cross-fit.js';
import { buildDesign, type Design } from '../../src/stacking/design.js';
import { measure } from '../../src/stacking/measure.js';
import { checkPool } from '../../src/stacking/pool.js';
import { rankPool } from '../../src/stacking/rank.js';
import { refitWithout } from '../../src/stacking/refit.js';

const POOLS = Number(process.argv[2] ?? 200);
const SAMPLES = Number(process.argv[3] ?? 500);
const FRESH = 40000;
const CLASSES = 3;
const SKILLS = [0, 0.5, 1, 1.5];
const FOLDS = 5;
const TOLERANCE = 1e-5;
const backend = createBackend({ kind: 'native' });

/** Correlated models: half of each one's noise is common. */
function draw(samples: number, seed: number, part: number) {
  const stream = new RandomStream(20261128, seed, part);
  const labels = Int32Array.from({ length: samples }, () => stream.integer(CLASSES));
  const answers = SKILLS.map(() => new Float64Array(samples * CLASSES));
  for (let k = 0; k < samples * CLASSES; k++) {
    const common = stream.normal();
    const right = k % CLASSES === labels[Math.floor(k / CLASSES)] ? 1 : 0;
    SKILLS.forEach((skill, i) => {
      answers[i][k] = skill * right + 0.5 * common + stream.normal();
    });
  }
  return { labels, classes: CLASSES, models: answers.map((own, i) => ({ name: `m${i}`, answers: own })) };
}

/** Fresh samples in the units of a design, dealt evenly to its heads. */
function freshDesign(design: Design, seed: number): Design {
  const pool = checkPool(draw(FRESH, seed, 1));
  const fresh = buildDesign(
    backend.kernels,
    pool,
    Int32Array.from({ length: FRESH }, (_, s) => s % FOLDS),
    FOLDS,
  );
  const features = fresh.features.map((x, k) => {
    const column = k % design.width;
    const i = Math.floor(column / CLASSES);
    return (x * fresh.scales[i] + fresh.means[column] - design.means[column]) / design.scales[i];
  });
  return { ...fresh, features };
}

/** Mean change of the loss without each model, under heads fitted with and without it. */
function refittedWorth(design: Design, heads: readonly Float64Array[], without: readonly (readonly Float64Array[])[]): number[] {
  const mean = (parameters: readonly Float64Array[]) => {
    const losses = lossesOf(backend.kernels, design, heldOutLogits(backend.kernels, design, parameters));
    return losses.reduce((sum, loss) => sum + loss / losses.length, 0);
  };
  return without.map((parameters) => mean(parameters) - mean(heads));
}

const KINDS = ['worth', 'refitted'] as const;
const covered = KINDS.map(() => SKILLS.map(() => 0));
for (let seed = 0; seed < POOLS; seed++) {
  const call = prepare({ ...draw(SAMPLES, seed, 0), folds: FOLDS, seed, tolerance: TOLERANCE, backend });
  const { models } = await rankPool({ ...draw(SAMPLES, seed, 0), folds: FOLDS, seed, tolerance: TOLERANCE, backend });
  const { design } = call;
  const fit = crossFit(backend.kernels, design, { l2: 'auto', penalty: 'adaptive', tolerance: TOLERANCE, maxSteps: MAX_STEPS });
  const parameters = fit.heads.map((head) => head.parameters);
  const without: (readonly Float64Array[])[] = [];
  const sets = SKILLS.map((_, i) => [i]);
  refitWithout(backend.kernels, design, fit, sets, { tolerance: TOLERANCE, maxSteps: MAX_STEPS }, (found, set) => {
    without[set] = found.parameters;
  });
  const fresh = freshDesign(design, seed);
  const one = { count: 1, of: new Int32Array(FRESH), mass: Float64Array.of(FRESH), what: 'samples' as const };
  const means = baselineAnswers(design, 'mean');
  const { ablation } = measure(backend, fresh, fittedContributions(backend.kernels, fresh, parameters, means), one);
  const truth = [[...ablation].map((sum) => sum / FRESH), refittedWorth(fresh, parameters, without)];
  KINDS.forEach((kind, k) => {
    models.forEach((model, i) => {
      const found = model[kind];
      if (found !== null && truth[k][i] >= found.low && truth[k][i] <= found.high) covered[k][i] += 1;
    });
  });
}
const percent = (count: number, of: number) => `${((100 * count) / of).toFixed(1)} %`;
KINDS.forEach((kind, k) => {
  const all = covered[k].reduce((sum, count) => sum + count, 0);
  const each = covered[k].map((count) => percent(count, POOLS)).join(', ');
  process.stdout.write(
    `${kind}: ${percent(all, POOLS * SKILLS.length)} of ${POOLS * SKILLS.length} intervals cover, by model ${each} (${POOLS} pools of ${SAMPLES} samples)\n`,
  );
  const share = all / (POOLS * SKILLS.length);
  if (share < 0.93 || share > 0.97) process.exitCode = 1;
});
