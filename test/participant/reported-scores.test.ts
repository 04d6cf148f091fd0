/** What a row reports of measured scores: worth as it is, harm as nothing, and nothing of anybody where harm outweighs worth. */
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { reportedScores } from '../../src/participant/measure.js';

const reported = (...scores: number[]) => [...reportedScores(Float64Array.from(scores))];

t.test('by hand: on either side of the edge', async (t) => {
  t.same(reported(4, 1, 0), [4, 1, 0], 'scores without harm stay as they are');
  t.same(reported(4, 1, -2), [4, 1, 0], 'harm counts as nothing');
  t.same(reported(2, -1, -0.75), [2, 0, 0], 'worth outweighs harm');
  t.same(reported(2, -1, -1), [1, 1, 1], 'as much harm as worth: there is nothing to share out');
  t.same(reported(2, -1, -1.25), [1, 1, 1]);
  t.same(reported(-1, 0, -2), [1, 1, 1], 'no peer helps');
  t.same(reported(0, 0), [1, 1]);
  t.ok(reported(1, Number.NaN).some(Number.isNaN), 'a score that is no number is not hidden');
});

t.test(
  'one peer cannot silence a rater that two others help, however harmful it is; the order and the unit of scores do not matter',
  async (t) => {
    const random = new RandomStream(12, 0);
    for (let trial = 0; trial < 100; trial++) {
      const worth = Array.from({ length: 2 + random.integer(5) }, () => 0.1 + random.uniform());
      const at = random.integer(worth.length + 1);
      const poisoned = (harm: number) => [...worth.slice(0, at), -harm, ...worth.slice(at)];
      t.same(reported(...poisoned(1e9)), poisoned(-0), `${worth.length} helpful peers, position ${at}`);
      const mixed = Array.from({ length: 6 }, () => random.uniform() - 0.6);
      const rated = reported(...mixed);
      const silent = rated.every((score) => score === 1);
      t.same(reported(...mixed.toReversed()), rated.toReversed());
      const larger = reported(...mixed.map((score) => 8 * score));
      t.same(larger, silent ? rated : rated.map((score) => 8 * score));
    }
  },
);
