/**
 * Agreement of `rankPool` with brute force over 20 synthetic pools: Spearman's coefficient of worth and of refitted worth with the loss of
 * a pool that never had the model. With a folder it also writes each stack for pool-agreement.py, which asks scikit-learn.
 * Run: node lib/test/long/pool-agreement.js [pools] [folder]
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBackend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { spearman } from '../../src/ranking.js';
import { prepare } from '../../src/stacking/call.js';
import { crossFit } from '../../src/stacking/cross-fit.js';
import { rankPool } from '../../src/stacking/index.js';

const POOLS = Number(process.argv[2] ?? 20);
const FOLDER = process.argv[3];
const SAMPLES = 1000;
const CLASSES = 4;
const MODELS = 8;
const backend = createBackend({ kind: 'native' });

function draw(seed: number) {
  const stream = new RandomStream(20261128, 77, seed);
  const labels = Int32Array.from({ length: SAMPLES }, () => stream.integer(CLASSES));
  const answers = Array.from({ length: MODELS }, () => new Float64Array(SAMPLES * CLASSES));
  const skills = answers.map(() => 2 * stream.uniform());
  const shared = answers.map(() => stream.uniform());
  for (let k = 0; k < SAMPLES * CLASSES; k++) {
    const common = stream.normal();
    const right = k % CLASSES === labels[Math.floor(k / CLASSES)] ? 1 : 0;
    skills.forEach((skill, i) => {
      answers[i][k] = skill * right + shared[i] * common + stream.normal();
    });
  }
  return { labels, classes: CLASSES, models: answers.map((own, i) => ({ name: `m${i}`, answers: own })) };
}

const agreements = { worth: 0, refitted: 0 };
for (let seed = 0; seed < POOLS; seed++) {
  const pool = draw(seed);
  const options = { seed, backend, resamples: 100, tolerance: 1e-5 };
  const ranking = await rankPool({ ...pool, ...options });
  const brute: number[] = [];
  for (let i = 0; i < MODELS; i++) {
    const without = await rankPool({ ...pool, models: pool.models.filter((_, j) => j !== i), ...options, refit: false });
    brute.push(without.loss.value - ranking.loss.value);
  }
  const coefficient = (values: readonly number[]) => spearman(Float64Array.from(values), Float64Array.from(brute)).value ?? 0;
  agreements.worth += coefficient(ranking.models.map(({ worth }) => worth.value)) / POOLS;
  agreements.refitted += coefficient(ranking.models.map(({ refitted }) => refitted?.value ?? 0)) / POOLS;
  if (FOLDER === undefined) continue;
  const { design } = prepare({ ...pool, ...options });
  const fit = crossFit(backend.kernels, design, { l2: 'auto', penalty: 'even', tolerance: 1e-5, maxSteps: 300 });
  const even = await rankPool({ ...pool, ...options, penalty: 'even', refit: false });
  const stack = {
    l2: fit.l2,
    models: MODELS,
    labels: [...design.labels],
    folds: [...design.foldStarts],
    features: [...design.features],
    worth: even.models.map(({ worth }) => worth.value),
    gaussNewton: even.models.map(({ gaussNewton }) => gaussNewton),
  };
  writeFileSync(join(FOLDER, `stack-${seed}.json`), JSON.stringify(stack));
}
process.stdout.write(
  `${POOLS} pools, mean Spearman with brute-force refitted drop-one: worth ${agreements.worth.toFixed(3)}, refitted ${agreements.refitted.toFixed(3)}\n`,
);
process.exitCode = agreements.refitted >= 0.9 ? 0 : 1;
