// What a ranking says of pools whose answer is known.
import t from 'tap';
import { rankPool } from '../../src/stacking/index.js';
import { backends } from '../curvature/backends.js';
import { skilledPool } from './skilled-pool.js';

t.test('better models are worth more, copies are named, and removing a copy costs nothing once the head is fitted again', async (t) => {
  const { labels, models } = skilledPool(600, 3, [0, 0.5, 1, 2], 1);
  const copy = { name: 'copy', answers: Float64Array.from(models[3].answers, (z) => 2 * z + 1) };
  const ranking = await rankPool({ labels, models: [...models, copy] });
  const worth = ranking.models.map((model) => model.worth.value);
  t.ok(worth[0] < worth[1] && worth[1] < worth[2] && worth[2] < worth[3]);
  t.same(ranking.copies, [[3, 4]]);
  const [last] = ranking.models.slice(-1);
  t.equal(last.verdict.code, 'copy');
  t.match(last.verdict.text, /m3/);
  t.ok(last.refitted !== null && last.refitted.low < 0.01 && last.worth.low > 0.02);
  t.same(ranking.pairs[0].models, [3, 4], 'the two copies stand in for each other');
  t.ok(ranking.pairs[0].synergy.low > 0);
  for (const { models: pair, worth: both, synergy } of ranking.pairs) {
    t.ok(Math.abs(synergy.value - (both.value - worth[pair[0]] - worth[pair[1]])) < 1e-12);
  }
  const together = ranking.clusterOrder.indexOf(3) - ranking.clusterOrder.indexOf(4);
  t.equal(Math.abs(together), 1);
  t.equal(ranking.status, 'ok');
  t.ok((ranking.fit?.gradientNorm ?? 1) <= 1e-6 && (ranking.refitGradientNorm ?? 1) <= 1e-6);
});

t.test('the same figures on every backend', async (t) => {
  const given = skilledPool(60, 3, [0.5, 1.5], 2);
  const [expected, ...others] = await Promise.all(
    backends.map(({ backend }) => rankPool({ ...given, backend, resamples: 100, folds: 3, tolerance: 1e-4 })),
  );
  for (const found of others) t.same(found, expected);
});

t.test('a model whose answers are shifted by a constant is worth the same', async (t) => {
  // features keep their constants, so the head's bias takes it up: equal logits, another parametrisation
  const given = skilledPool(300, 3, [1, 1], 3);
  const models = given.models.map((model) => ({ ...model, kind: 'features' as const }));
  const shifted = [models[0], { ...models[1], answers: Float64Array.from(models[1].answers, (z, k) => z + 50 * (k % 3)) }];
  const [a, b] = await Promise.all(
    [models, shifted].map((list) => rankPool({ labels: given.labels, models: list, l2: 0.01, tolerance: 1e-10, resamples: 100 })),
  );
  for (const i of [0, 1]) {
    t.ok(Math.abs(a.models[i].worth.value - b.models[i].worth.value) < 1e-9);
    t.ok(Math.abs(a.models[i].gaussNewton - b.models[i].gaussNewton) < 1e-9);
  }
});

t.test('a vote without a model is the vote of the others', async (t) => {
  const labels = [0, 1, 0, 1];
  const models = [
    { name: 'a', answers: [0.9, 0.1, 0.4, 0.6, 0.8, 0.2, 0.3, 0.7] },
    { name: 'b', answers: [0.5, 0.5, 0.2, 0.8, 0.6, 0.4, 0.9, 0.1] },
  ];
  const { models: found, loss } = await rankPool({ labels, models, head: 'vote', folds: 2, resamples: 100 });
  const of = (answer: (model: number, k: number) => number, which: number[]) =>
    labels.reduce(
      (sum, label, s) => sum - Math.log(which.reduce((p, i) => p + answer(i, 2 * s + label), 0) / which.length) / labels.length,
      0,
    );
  const answer = (i: number, k: number) => models[i].answers[k];
  t.ok(Math.abs(loss.value - of(answer, [0, 1])) < 1e-12);
  t.ok(Math.abs(found[0].worth.value - (of(answer, [1]) - of(answer, [0, 1]))) < 1e-12);
  t.ok(Math.abs(found[1].worth.value - (of(answer, [0]) - of(answer, [0, 1]))) < 1e-12);
});

t.test('a sample without an answer costs nothing to lose, and is counted', async (t) => {
  const given = skilledPool(400, 3, [1, 1], 4);
  const answered = Uint8Array.from({ length: 400 }, (_, s) => (s % 4 === 0 ? 0 : 1));
  const answers = Float64Array.from(given.models[1].answers, (z, k) => (answered[Math.floor(k / 3)] === 0 ? Number.NaN : z));
  const partial = await rankPool({ labels: given.labels, models: [given.models[0], { name: 'part', answers, answered }], resamples: 100 });
  t.equal(partial.models[1].coverage, 0.75);
  t.ok(partial.models[1].worth.value > 0 && partial.models[1].worth.value < partial.models[0].worth.value);
  t.match(partial.warnings.join(), /without an answer/);
  await t.rejects(rankPool({ labels: given.labels, models: [given.models[0], { name: 'part', answers }] }), {
    code: 'BTM_NONFINITE',
    argument: 'models[1].answers',
    index: 0,
  });
});

t.test('wrong pools are refused by name', async (t) => {
  const given = skilledPool(40, 3, [1, 1], 5);
  const models = given.models;
  const refuse = (options: object, code: string, words: RegExp) =>
    t.rejects(rankPool({ ...given, ...options } as never), { code, message: words });
  await refuse({ models: [] }, 'BTM_TYPE', /at least one model/);
  await refuse({ models: [models[0], models[0]] }, 'BTM_DOMAIN', /name 'm0'/);
  await refuse({ models: [{ name: 'x', answers: [1, 2, 3] }] }, 'BTM_SHAPE', /'x'.*each of 40 samples/);
  await refuse({ labels: Array.from(given.labels, (label) => label + 1), classes: 3 }, 'BTM_LABEL', /from 1 to 3/);
  await refuse({ labels: Array.from(given.labels, () => 0.5) }, 'BTM_LABEL', /0\.5|integer/);
  await refuse({ folds: 1 }, 'BTM_DOMAIN', /folds/);
  await refuse({ l2: 0 }, 'BTM_DOMAIN', /l2/);
  await refuse({ level: 1 }, 'BTM_DOMAIN', /level/);
  await refuse({ weights: new Float64Array(40) }, 'BTM_DOMAIN', /all be 0/);
  await refuse({ weights: [1] }, 'BTM_SHAPE', /weights/);
  await refuse({ groups: [1] }, 'BTM_SHAPE', /groups/);
  await refuse({ models: [{ ...models[0], cost: -1 }] }, 'BTM_NEGATIVE', /cost/);
  await refuse({ models: [{ ...models[0], answered: new Uint8Array(40) }] }, 'BTM_ALL_MASKED', /m0/);
  await refuse({ models: [{ name: 'wide', answers: new Float64Array(200) }], head: 'vote' }, 'BTM_SHAPE', /'vote'.*'wide'/);
  const controller = new AbortController();
  controller.abort();
  await t.rejects(rankPool({ ...given, signal: controller.signal }), { code: 'BTM_ABORTED' });
});
