// Selection against enumeration, and statistics against tables.
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { fitPool, rankPool, rankScores, selectModels } from '../../src/stacking/index.js';
import { searchSets } from '../../src/stacking/search.js';
import { betaShare, clopperPearson, holm, logGamma, normalTail } from '../../src/stacking/statistics.js';
import { skilledPool } from './skilled-pool.js';

t.test('the search finds what enumeration finds where the parts only add up, and looks at each set once', async (t) => {
  const gains = [5, 1, 4, 2, 3, 0.5, 2.5, 1.5, 0.1];
  const loss = (models: readonly number[]) => 30 - models.reduce((sum, i) => sum + gains[i], 0);
  const costs = gains.map(() => 1);
  const onSet = async () => {};
  const exact = await searchSets(loss, { costs, exactUpTo: 9, limit: 1e6, onSet });
  const found = await searchSets(loss, { costs, exactUpTo: 0, limit: 1e6, onSet });
  t.equal(exact.seen.length, 2 ** 9 - 1);
  t.same(found.bySize, exact.bySize);
  t.equal(new Set(found.seen.map(({ models }) => models.join())).size, found.seen.length);
  t.ok(found.seen.length < 200);
});

t.test('exchanges repair what removal alone gets wrong', async (t) => {
  // 0 and 1 are only good together, 2 is best alone: removal keeps the pair, addition starts with 2
  const loss = (models: readonly number[]) =>
    10 - (models.includes(0) && models.includes(1) ? 6 : 0) - (models.includes(2) ? 4 : 0) - (models.includes(3) ? 1 : 0);
  const { bySize } = await searchSets(loss, { costs: [1, 1, 1, 1], exactUpTo: 0, limit: 1e6, onSet: async () => {} });
  t.same(
    bySize.map(({ models }) => models),
    [[2], [0, 1], [0, 1, 2], [0, 1, 2, 3]],
  );
});

t.test('of 11 models exchanges choose a set within half a percent of the exhaustive optimum', async (t) => {
  const skills = Array.from({ length: 11 }, (_, i) => 0.15 * i);
  const fitted = await fitPool({ ...skilledPool(60, 2, skills, 6), l2: 0.1, penalty: 'even', folds: 2, tolerance: 1e-3, resamples: 100 });
  const complete = await selectModels({ fitted, exactUpTo: 11 });
  const searched = await selectModels({ fitted, exactUpTo: 0 });
  t.same([complete.looked, complete.search, complete.gap], [2 ** 11 - 1, 'complete', 0]);
  t.same([searched.search, searched.gap], ['exchanges', null]);
  t.ok(searched.looked < complete.looked);
  complete.curve.forEach(({ loss }, k) => {
    const gap = searched.curve[k].loss / loss - 1;
    t.ok(gap < 0.005, `${k + 1} models: ${gap} above the optimum`);
    const { loss: own, increase } = searched.curve[k];
    t.ok(Math.abs(increase.value - (own - searched.loss)) < 1e-12 && increase.low <= increase.high, `increase of ${k + 1}`);
    t.ok(k === 10 ? increase.error === 0 : increase.error > 0, `error of ${k + 1}`);
  });
});

t.test('dropping one model costs what its refit says, with the same standard error', async (t) => {
  const fitted = await fitPool(skilledPool(200, 3, [0.2, 0.6, 1, 1.4], 8));
  const { models } = await rankPool({ fitted });
  const { curve } = await selectModels({ fitted });
  const out = models.findIndex((_, i) => !curve[2].models.includes(i));
  const { refitted } = models[out];
  t.ok(Math.abs(curve[2].increase.value - (refitted?.value ?? 1)) < 1e-4);
  t.ok(Math.abs(curve[2].increase.error / (refitted?.error ?? 0) - 1) < 0.02, `${curve[2].increase.error}, ${refitted?.error}`);
});

t.test('noise is dropped, and budgets are kept', async (t) => {
  const given = skilledPool(300, 3, [0, 0, 1.5, 2], 1);
  const { chosen, dropped, curve, search, gap } = await selectModels({ ...given, resamples: 100 });
  t.same([chosen.models, dropped, search, gap], [[2, 3], [0, 1], 'complete', 0]);
  t.equal(curve.length, 4);
  t.same([curve[3].increase.low, curve[3].increase.high], [0, 0], 'all models lose nothing against themselves');
  const priced = given.models.map((model, i) => ({ ...model, cost: i === 3 ? 10 : 1 }));
  const cheap = await selectModels({ ...given, models: priced, budget: 3, resamples: 100 });
  t.notOk(cheap.chosen.models.includes(3));
  t.ok(cheap.chosen.cost <= 3);
  const nothing = await selectModels({ ...given, models: priced, budget: 0.5, resamples: 100 });
  t.equal(nothing.status, 'nothingFits');
  await t.rejects(selectModels({ ...given, epsilon: 0.1, budget: 1 }), { code: 'BTM_DOMAIN', argument: 'epsilon' });
  await t.rejects(selectModels({ ...given, epsilon: -1 }), { code: 'BTM_NEGATIVE' });
  await t.rejects(selectModels({ ...given, exactUpTo: 40 }), { code: 'BTM_DOMAIN' });
});

t.test('distributions and corrections have the values of tables', async (t) => {
  const close = (found: number, expected: number, words: string) => t.ok(Math.abs(found / expected - 1) < 1e-10, `${words}: ${found}`);
  close(normalTail(1.959963984540054), 0.025, 'normal');
  close(normalTail(-1), 0.8413447460685429, 'normal, below 0');
  close(normalTail(6), 9.865876450376981e-10, 'far tail');
  close(logGamma(0.5), 0.5723649429247001, 'log gamma');
  close(betaShare(0.3, 2, 5), 0.579825, 'beta');
  const { low, high } = clopperPearson(3, 50, 0.95);
  close(low, 0.01254858783533406, 'Clopper-Pearson'); // scipy.stats.binomtest(3, 50).proportion_ci(0.95, 'exact')
  close(high, 0.1654819466037729, 'Clopper-Pearson');
  t.same(clopperPearson(0, 10, 0.95).low, 0);
  t.same(clopperPearson(10, 10, 0.95).high, 1);
  t.same(
    holm([0.01, 0.04, 0.03]).map((p) => Number(p.toFixed(10))),
    [0.03, 0.06, 0.06],
  );
});

t.test('scores: worth is the loss of the best, and Shapley values are those of enumeration', async (t) => {
  const stream = new RandomStream(20261128, 9);
  const models = [0, 1, 2, 3].map((i) => ({
    name: `m${i}`,
    scores: Float64Array.from({ length: 40 }, () => (stream.uniform() < 0.1 ? Number.NaN : stream.uniform())),
  }));
  const best = (set: readonly number[]) => {
    let sum = 0;
    for (let s = 0; s < 40; s++) sum += Math.max(0, ...set.map((i) => models[i].scores[s]).filter((score) => !Number.isNaN(score))) / 40;
    return sum;
  };
  const ranking = rankScores({ models, resamples: 100 });
  const all = [0, 1, 2, 3];
  ranking.models.forEach(({ worth, shapley }, i) => {
    t.ok(Math.abs(worth.value - (best(all) - best(all.filter((j) => j !== i)))) < 1e-12);
    let value = 0;
    for (let bits = 0; bits < 16; bits++) {
      if ((bits >> i) & 1) continue;
      const set = all.filter((j) => (bits >> j) & 1);
      const share = [1 / 4, 1 / 12, 1 / 12, 1 / 4][set.length];
      value += share * (best([...set, i]) - best(set));
    }
    t.ok(Math.abs(shapley - value) < 1e-12);
  });
  t.throws(
    () =>
      rankScores({
        models: [
          { name: 'a', scores: [1, 2] },
          { name: 'b', scores: [1] },
        ],
      }),
    { code: 'BTM_SHAPE' },
  );
});
