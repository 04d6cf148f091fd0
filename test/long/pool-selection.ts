/**
 * `selectModels` against the best set of each size (8 to 12 models, every set fitted) and against greedy selection with replacement
 * (Caruana et al. 2004, 25 rounds over mean probabilities), judged on 20,000 fresh samples.
 * Run: node lib/test/long/pool-selection.js [pools] [samples] [most models]
 */
import { createBackend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { prepare } from '../../src/stacking/call.js';
import { crossFit, heldOutLogits, lossesOf } from '../../src/stacking/cross-fit.js';
import { buildDesign } from '../../src/stacking/design.js';
import { selectModels } from '../../src/stacking/index.js';
import { checkPool, type Pool } from '../../src/stacking/pool.js';

const POOLS = Number(process.argv[2] ?? 20);
const SAMPLES = Number(process.argv[3] ?? 400);
const MOST = Number(process.argv[4] ?? 12);
const FRESH = 20000;
const CLASSES = 3;
const ROUNDS = 25;
const TOLERANCE = 1e-4;
const { kernels } = createBackend({ kind: 'native' });

type Drawn = Omit<Pool, 'models' | 'labels'> & {
  readonly models: readonly { readonly name: string; readonly answers: Float64Array }[];
  readonly labels: Int32Array;
};

/** Models of skills from 0 to 1.5 and of different sharpness, in families that share part of their noise; the last is close to a copy. */
function draw(n: number, seed: number, samples: number, part: number): Drawn {
  const settings = new RandomStream(20261128, seed, 0);
  const skills = Array.from({ length: n }, () => Math.max(0, 2 * settings.uniform() - 0.5));
  const shares = skills.map(() => 0.6 * settings.uniform());
  const sharpness = skills.map(() => 0.5 + 2 * settings.uniform());
  const stream = new RandomStream(20261128, seed, part);
  const labels = Int32Array.from({ length: samples }, () => stream.integer(CLASSES));
  const answers = skills.map(() => new Float64Array(samples * CLASSES));
  for (let k = 0; k < samples * CLASSES; k++) {
    const right = k % CLASSES === labels[Math.floor(k / CLASSES)] ? 1 : 0;
    const family = [stream.normal(), stream.normal()];
    skills.forEach((skill, i) => {
      answers[i][k] = sharpness[i] * (skill * right + shares[i] * family[i % 2] + (1 - shares[i]) * stream.normal());
    });
    answers[n - 1][k] = answers[0][k] + 0.1 * stream.normal();
  }
  return { labels, classes: CLASSES, models: answers.map((own, i) => ({ name: `m${i}`, answers: own })) };
}

const some = (pool: Drawn, kept: readonly number[]): Drawn => ({ ...pool, models: kept.map((i) => pool.models[i]) });

/** Mean loss of heads that are fitted to a pool, over fresh samples dealt evenly to them. */
function freshLoss(pool: Drawn, fresh: Drawn): number {
  const { design, settings } = prepare(pool);
  const { heads } = crossFit(kernels, design, { ...settings, tolerance: TOLERANCE, maxSteps: 300 });
  const fold = Int32Array.from({ length: FRESH }, (_, s) => s % settings.folds);
  const other = buildDesign(kernels, checkPool(fresh), fold, settings.folds);
  const features = other.features.map((x, k) => {
    const column = k % design.width;
    const i = Math.floor(column / CLASSES);
    return (x * other.scales[i] + other.means[column] - design.means[column]) / design.scales[i];
  });
  const parameters = heads.map((head) => head.parameters);
  const losses = lossesOf(kernels, other, heldOutLogits(kernels, { ...other, features }, parameters));
  return losses.reduce((sum, loss) => sum + loss / FRESH, 0);
}

/** [samples, models]: probability of the right class, from each model's softmax. */
function rightProbabilities({ models, labels }: Drawn): Float64Array {
  const n = models.length;
  const out = new Float64Array(labels.length * n);
  models.forEach(({ answers }, i) => {
    const p = new Float64Array(answers.length);
    kernels.softmax(p, answers, labels.length, CLASSES);
    labels.forEach((label, s) => {
      out[s * n + i] = p[s * CLASSES + label];
    });
  });
  return out;
}

function loss(p: Float64Array, counts: Float64Array): number {
  const n = counts.length;
  const total = counts.reduce((sum, count) => sum + count, 0);
  let sum = 0;
  for (let s = 0; s < p.length; s += n) {
    let right = 0;
    for (let i = 0; i < n; i++) right += counts[i] * p[s + i];
    sum -= Math.log(right / total);
  }
  return (sum * n) / p.length;
}

/** Greedy selection with replacement; returns how often each model was taken. */
function caruana(p: Float64Array, n: number): Float64Array {
  const counts = new Float64Array(n);
  for (let round = 0; round < ROUNDS; round++) {
    const losses = Array.from({ length: n }, (_, i) => {
      const next = counts.slice();
      next[i] += 1;
      return loss(p, next);
    });
    counts[losses.indexOf(Math.min(...losses))] += 1;
  }
  return counts;
}

let worst = 0;
let usualWorst = 0;
let notWorse = 0;
for (let seed = 0; seed < POOLS; seed++) {
  const n = Math.min(MOST, 8 + (seed % 5));
  const pool = draw(n, seed, SAMPLES, 1);
  const fresh = draw(n, seed, FRESH, 2);
  const options = { ...pool, seed, tolerance: TOLERANCE, resamples: 100 };
  const usual = await selectModels(options);
  const searched = await selectModels({ ...options, exactUpTo: 0 });
  const complete = await selectModels({ ...options, exactUpTo: n });
  const gaps = complete.curve.map(({ loss: best }, k) => searched.curve[k].loss / best - 1);
  const gap = Math.max(...gaps);
  worst = Math.max(worst, gap);
  const counts = caruana(rightProbabilities(pool), n);
  const greedy = loss(rightProbabilities(fresh), counts);
  const { models } = usual.chosen;
  const behind = usual.chosen.loss / complete.chosen.loss - 1;
  usualWorst = Math.max(usualWorst, behind);
  const own = freshLoss(some(pool, models), some(fresh, models));
  if (own <= greedy) notWorse += 1;
  process.stdout.write(
    `pool ${seed}: ${n} models; ${usual.search}, chosen ${(100 * behind).toFixed(3)} % above the best; exchanges alone: ${searched.looked} of ${complete.looked} sets, largest gap of a size ${(100 * gap).toFixed(3)} %; fresh loss of ${models.length} chosen ${own.toFixed(4)}, greedy with ${counts.filter((count) => count > 0).length} ${greedy.toFixed(4)}\n`,
  );
}
process.stdout.write(
  `${POOLS} pools: the chosen set is at most ${(100 * usualWorst).toFixed(3)} % above the best; exchanges alone miss the best set of a size by at most ${(100 * worst).toFixed(3)} %; not worse than greedy on ${notWorse}\n`,
);
process.exitCode = usualWorst <= 0.005 && notWorse >= 0.8 * POOLS ? 0 : 1;
