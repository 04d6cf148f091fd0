/** What the figures of a pool draw, against a ranking and a selection written by hand. */
import t from 'tap';
import { poolFigures } from '../../src/report/pool-figures.js';
import type { PoolRanking, PoolSelection } from '../../src/stacking/index.js';

type Row = Record<string, unknown>;
const rowsOf = (spec: unknown): Row[] => (spec as { data: { values: Row[] } }).data.values;
const interval = (value: number) => ({ value, low: value - 0.5, high: value + 0.25, pValue: 0.01 });
const VERDICTS = ['redundant', 'keep', 'carriesClass'];

/** Three models: the second is worth most, the first least. */
function ranking(change: object = {}): PoolRanking {
  const models = ['a', 'b', 'c'].map((name, i) => ({
    ...{ name, position: [3, 1, 2][i], worth: interval(i + 1), refitted: null, accuracy: 0.25 * (i + 1) },
    verdict: { code: VERDICTS[i] },
  }));
  // Entry (i, j) over the roots of its diagonal entries: 0.5, -0.25, 0.125.
  const gram = Float64Array.of(4, 3, -1, 3, 9, 0.75, -1, 0.75, 4);
  const resampled = { units: 60, what: 'samples' };
  return {
    ...{ models, gram, clusterOrder: [2, 0, 1], refitBy: null, level: 0.9, resamples: 1000, seed: 7, resampled },
    ...change,
  } as unknown as PoolRanking;
}

const set = (models: number[], cost: number, loss: number) => ({
  models,
  cost,
  loss,
  increase: { value: loss - 1, low: loss - 2, high: loss + 1 },
});
const selection = (cost: (models: number[]) => number) => {
  const sets = [set([1], cost([1]), 3), set([1, 2], cost([1, 2]), 2), set([0, 1, 2], cost([0, 1, 2]), 1)];
  return {
    ...{ names: ['a', 'b', 'c'], chosen: sets[1], curve: sets, front: sets.slice(0, 2), loss: 1, level: 0.9, looked: 7 },
  } as unknown as PoolSelection;
};

t.test('worth: one interval a model, best first; a second one where the head was fitted again', async (t) => {
  const [worth] = poolFigures(ranking(), null);
  t.match(rowsOf(worth!.spec), [
    { name: 'b', measure: 'same head', ...interval(2) },
    { name: 'c', measure: 'same head', ...interval(3) },
    { name: 'a', measure: 'same head', ...interval(1) },
  ]);
  t.equal(rowsOf(worth!.spec).length, 3);
  t.match(worth!.caption, '90 % intervals from 1\u2009000 paired bootstrap resamples of 60 samples, seed 7');
  const models = ranking().models.map((model, i) => ({ ...model, refitted: i === 1 ? interval(9) : null }));
  const [again] = poolFigures(ranking({ models, refitBy: 'newton' }), null);
  t.same(
    rowsOf(again!.spec).map(({ name, measure, value }) => [name, measure, value]),
    [
      ['b', 'same head', 2],
      ['b', 'fitted again', 9],
      ['c', 'same head', 3],
      ['a', 'same head', 1],
    ],
  );
});

t.test('alike models: entries over the roots of the diagonal, in the order of the clusters, 0 for a model that does nothing', async (t) => {
  const alike = (given: PoolRanking) => rowsOf(poolFigures(given, null)[1]!.spec).map(({ a, b, value }) => [a, b, value]);
  t.same(alike(ranking()), [
    ['c', 'c', 1],
    ['c', 'a', -0.25],
    ['c', 'b', 0.125],
    ['a', 'c', -0.25],
    ['a', 'a', 1],
    ['a', 'b', 0.5],
    ['b', 'c', 0.125],
    ['b', 'a', 0.5],
    ['b', 'b', 1],
  ]);
  const idle = alike(ranking({ gram: Float64Array.of(4, 3, 0, 3, 9, 0, 0, 0, 0) }));
  t.same(
    idle.filter(([a, b]) => a === 'c' || b === 'c').map(([, , value]) => value),
    [0, 0, 0, 0, 0],
  );
});

t.test('accuracy against worth, with what is worth keeping; none without accuracies', async (t) => {
  const figures = poolFigures(ranking(), null);
  t.same(
    rowsOf(figures[2]!.spec).map(({ label, accuracy, worth, kept }) => [label, accuracy, worth, kept]),
    [
      ['b', 0.5, 2, 'worth keeping'],
      ['c', 0.75, 3, 'worth keeping'],
      ['a', 0.25, 1, 'other'],
    ],
  );
  const models = ranking().models.map((model) => ({ ...model, accuracy: null }));
  t.same(
    poolFigures(ranking({ models }), null).map(({ name }) => name),
    ['worth', 'gram'],
  );
});

t.test('selection: a point a size, the chosen set marked; a second figure only where models differ in cost', async (t) => {
  const names = (given: PoolSelection) => poolFigures(ranking(), given).map(({ name }) => name);
  const same = selection((models) => models.length * 2);
  const unequal = selection((models) => models.reduce((sum, i) => sum + i + 1, 0));
  t.same(names(same), ['worth', 'gram', 'accuracy', 'selection']);
  t.same(names(unequal), ['worth', 'gram', 'accuracy', 'selection', 'selection-cost']);
  const [bySize, byCost] = poolFigures(ranking(), unequal).slice(3);
  t.same(rowsOf(bySize!.spec), [
    { x: 1, loss: 3, low: 2, high: 5, chosen: false },
    { x: 2, loss: 2, low: 1, high: 4, chosen: true },
    { x: 3, loss: 1, low: 0, high: 3, chosen: false },
  ]);
  t.same(
    rowsOf(byCost!.spec).map(({ x, chosen }) => [x, chosen]),
    [
      [2, false],
      [5, true],
    ],
  );
  t.match(bySize!.caption, '2 of 3 models, a change of 1.0000. 7 sets were looked at');
  t.match(bySize!.caption, 'of each size');
  t.match(byCost!.caption, 'at each cost');
});
