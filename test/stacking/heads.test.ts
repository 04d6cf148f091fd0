/** Heads that take no features: what names no class is refused, whatever its width. */
import t from 'tap';
import { rankPool } from '../../src/stacking/index.js';

const labels = Int32Array.from({ length: 12 }, (_, s) => s % 2);
const answers = (width: number) => Float64Array.from({ length: 12 * width }, (_, k) => Math.sin(k));
const base = { folds: 2, resamples: 100 };

t.test('a model of features, and answers of another width, are refused by name', async (t) => {
  for (const head of ['vote', 'logPool'] as const) {
    const named = (name: string, width: number, kind?: 'features') => ({ name, answers: answers(width), ...(kind && { kind }) });
    for (const odd of [named('as wide', 2, 'features'), named('wider', 3, 'features')]) {
      await t.rejects(rankPool({ ...base, head, labels, models: [named('plain', 2), odd] }), {
        ...{ code: 'BTM_SHAPE', argument: 'head' },
        message: new RegExp(`'${head}' needs answers that name classes, but '${odd.name}' gives ${odd.answers.length / 12} features`),
      });
    }
    t.equal((await rankPool({ ...base, head, labels, models: [named('a', 2), named('b', 2)] })).models.length, 2);
  }
});
