/** What can be said of each model without any head: its own accuracy, its coverage, and the ceiling of all of them together. */
import type { CheckedModel, CheckedPool } from './pool.js';
import { clopperPearson } from './statistics.js';

/** A model by itself. */
export interface Alone {
  /** Share of the answered samples, by weight, that it gets right; null where its answers name no class. */
  readonly accuracy: number | null;
  /** Share of the samples that it answered. */
  readonly coverage: number;
}

/** Accuracy and coverage of every model. */
export function modelsAlone(pool: CheckedPool): Alone[] {
  return pool.models.map((model) => {
    let right = 0;
    let mass = 0;
    let answered = 0;
    for (let sample = 0; sample < pool.samples; sample++) {
      if (model.answered !== null && model.answered[sample] === 0) continue;
      const weight = pool.weights?.[sample] ?? 1;
      answered += 1;
      mass += weight;
      if (isRight(pool, model, sample)) right += weight;
    }
    return { accuracy: namesClasses(pool, model) && mass > 0 ? right / mass : null, coverage: answered / pool.samples };
  });
}

/** The share of samples on which no model is right. */
export interface Ceiling {
  readonly beta: number;
  readonly low: number;
  readonly high: number;
  readonly samples: number;
  readonly allWrong: number;
}

/** beta with its Clopper-Pearson interval; null when some model names no class. A sample that no model answered counts as wrong. */
export function ceilingOf(pool: CheckedPool, level: number): Ceiling | null {
  if (!pool.models.every((model) => namesClasses(pool, model))) return null;
  let allWrong = 0;
  for (let sample = 0; sample < pool.samples; sample++) {
    const someRight = pool.models.some(
      (model) => (model.answered === null || model.answered[sample] === 1) && isRight(pool, model, sample),
    );
    if (!someRight) allWrong += 1;
  }
  return { beta: allWrong / pool.samples, ...clopperPearson(allWrong, pool.samples, level), samples: pool.samples, allWrong };
}

function namesClasses(pool: CheckedPool, model: CheckedModel): boolean {
  return model.kind !== 'features' && pool.loss !== 'squaredError';
}

/** Whether the largest answer is that of the right class; the first of equal ones counts. */
function isRight(pool: CheckedPool, { answers, width, kind }: CheckedModel, sample: number): boolean {
  if (pool.loss === 'binaryCrossEntropy') {
    const threshold = kind === 'probabilities' ? 0.5 : 0;
    for (let c = 0; c < width; c++) if (answers[sample * width + c] > threshold !== pool.targets[sample * width + c] > 0.5) return false;
    return true;
  }
  let best = 0;
  for (let c = 1; c < width; c++) if (answers[sample * width + c] > answers[sample * width + best]) best = c;
  return best === pool.labels[sample];
}
