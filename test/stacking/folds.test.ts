/** Folds by their laws, and the folds of groups written out by hand. */
import t from 'tap';
import { dealFolds } from '../../src/stacking/folds.js';

const counts = (values: Int32Array, of: number): number[] => Array.from({ length: of }, (_, f) => values.filter((v) => v === f).length);
/** Labels and groups of groups that hold so many samples of each class. */
function grouped(sizes: readonly (readonly number[])[]) {
  const labels = sizes.flatMap((group) => group.flatMap((count, label) => Array<number>(count).fill(label)));
  const groups = sizes.flatMap((group, g) => Array<number>(group.reduce((a, b) => a + b, 0)).fill(g));
  return { labels: Int32Array.from(labels), groups: Int32Array.from(groups) };
}
/** The fold of each group. */
function foldsOf(sizes: readonly (readonly number[])[], folds: number, seed: number): number[] {
  const { labels, groups } = grouped(sizes);
  const fold = dealFolds({ folds, seed, labels, groups });
  return sizes.map((_, g) => {
    const own = [...new Set(fold.filter((_f, sample) => groups[sample] === g))];
    t.equal(own.length, 1, 'a group is in one fold');
    return own[0]!;
  });
}

t.test('without groups every fold has its share of every class, and folds differ by one sample at most', async (t) => {
  const labels = Int32Array.from({ length: 47 }, (_, s) => [0, 3, 1, 0, 0, 1][s % 6]!);
  for (const folds of [2, 3, 5]) {
    const fold = dealFolds({ folds, seed: folds, labels });
    const within = (list: number[]) => Math.max(...list) - Math.min(...list) <= 1;
    t.ok(within(counts(fold, folds)), 'folds');
    for (const label of [0, 1, 3])
      t.ok(
        within(
          counts(
            fold.filter((_, s) => labels[s] === label),
            folds,
          ),
        ),
        `class ${label}`,
      );
    t.same(dealFolds({ folds, seed: folds, labels }), fold);
    t.notSame(dealFolds({ folds, seed: folds + 1, labels }), fold, 'the seed decides which sample goes where');
  }
});

t.test('groups of one class: the largest come first, each to the fold that holds least', async (t) => {
  const sizes = [[4], [8], [6], [5], [7]];
  // 8 -> 0, 7 -> 1, 6 -> 1 (7 < 8), 5 -> 0 (8 < 13), 4 -> 0 (13 = 13, the first of equals)
  for (const seed of [0, 1, 2, 3]) t.same(foldsOf(sizes, 2, seed), [0, 0, 1, 0, 1]);
  // 8 -> 0, 7 -> 1, 6 -> 2, 5 -> 2 (6 < 7), 4 -> 1 (7 < 8)
  for (const seed of [0, 1, 2, 3]) t.same(foldsOf(sizes, 3, seed), [1, 0, 2, 2, 1]);
});

t.test('groups of several classes go where there is least of their own classes', async (t) => {
  // 9 of class 0 -> 0. 8 of class 1: 0 has none of them either -> 0. 7: 3 * 9 against 0 -> 1. 6: 1 * 9 + 5 * 8 in fold 0,
  // 1 * 3 + 5 * 4 in fold 1 -> 1. 5 of class 0: 9 in fold 0, 3 + 1 in fold 1 -> 1. 4 of class 1: 8 in fold 0, 4 + 5 in fold 1 -> 0.
  const sizes = [
    [9, 0],
    [0, 8],
    [3, 4],
    [1, 5],
    [5, 0],
    [0, 4],
  ];
  for (const seed of [0, 1, 2, 3]) t.same(foldsOf(sizes, 2, seed), [0, 0, 1, 1, 1, 0]);
});

t.test('there are at least as many samples, or groups, as folds', async (t) => {
  const { labels, groups } = grouped([[3], [3]]);
  t.same(counts(dealFolds({ folds: 2, seed: 0, labels, groups }), 2), [3, 3]);
  t.throws(() => dealFolds({ folds: 3, seed: 0, labels, groups }), { code: 'BTM_DOMAIN', argument: 'folds', message: /2 groups/ });
  t.same(counts(dealFolds({ folds: 6, seed: 0, labels }), 6), [1, 1, 1, 1, 1, 1]);
  t.throws(() => dealFolds({ folds: 7, seed: 0, labels }), { code: 'BTM_DOMAIN', argument: 'folds', message: /6 samples/ });
});
