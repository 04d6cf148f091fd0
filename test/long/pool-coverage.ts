/**
 * Coverage of the intervals of `rankPool`: 200 synthetic pools whose worth is known from 40,000 fresh samples under the same heads.
 * Run: node lib/test/long/pool-coverage.js [pools] [samples]
 */
import { createBackend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { fittedContributions, trainingMeans } from '../../src/stacking/contributions.js';
import { crossFit } from '../../src/stacking/cross-fit.js';
import { buildDesign, type Design } from '../../src/stacking/design.js';
import { measure } from '../../src/stacking/measure.js';
import { checkPool } from '../../src/stacking/pool.js';
import { prepare } from '../../src/stacking/rank.js';
import { estimate } from '../../src/stacking/resample.js';

const POOLS = Number(process.argv[2] ?? 200);
const SAMPLES = Number(process.argv[3] ?? 500);
const FRESH = 40000;
const CLASSES = 3;
const SKILLS = [0, 0.5, 1, 1.5];
const FOLDS = 5;
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

let covered = 0;
let intervals = 0;
const byModel = SKILLS.map(() => 0);
for (let seed = 0; seed < POOLS; seed++) {
  const call = prepare({ ...draw(SAMPLES, seed, 0), folds: FOLDS, seed, backend });
  const { design, units, draws } = call;
  const fit = crossFit(backend.kernels, design, { l2: 'auto', penalty: 'adaptive', tolerance: 1e-5, maxSteps: 300 });
  const parameters = fit.heads.map((head) => head.parameters);
  const means = parameters.map((_, fold) => trainingMeans(design, fold));
  const here = measure(backend, design, fittedContributions(backend.kernels, design, parameters, means), units);
  const found = estimate(backend.kernels, units, draws, here.ablation, SKILLS.length, 0.95);
  const fresh = freshDesign(design, seed);
  const one = { count: 1, of: new Int32Array(FRESH), mass: Float64Array.of(FRESH), what: 'samples' as const };
  const truth = measure(backend, fresh, fittedContributions(backend.kernels, fresh, parameters, means), one).ablation;
  found.forEach(({ low, high }, i) => {
    const value = truth[i] / FRESH;
    intervals += 1;
    if (value >= low && value <= high) {
      covered += 1;
      byModel[i] += 1;
    }
  });
}
const share = covered / intervals;
process.stdout.write(
  `${POOLS} pools of ${SAMPLES} samples, ${SKILLS.length} models: ${(100 * share).toFixed(1)} % of ${intervals} intervals cover; by model ${byModel.map((count) => ((100 * count) / POOLS).toFixed(1)).join(', ')} %\n`,
);
process.exitCode = share >= 0.93 && share <= 0.97 ? 0 : 1;
