/** What a play brought, summed by hand. */
import t from 'tap';
import type { Play, World } from '../../src/scenario/index.js';
import { gainOf, harmOf, outcomeOf, payoffOf, truths } from '../../src/scenario/measures.js';

import { carriedShares, type Member } from '../../src/scenario/world.js';

const world = {
  players: 4,
  hessian: undefined,
  law: 'by hand',
  // The last player loses by nobody.
  scores: Float64Array.of(1, 3, 0, 0, 2, 2, 0, 4, 0, 0, 5, 0, 0, 0, 0, 0),
} as World;
const play = {
  stake: Float64Array.of(1, 1, 1, 1, 4, 2, 1, 1),
  minted: Float64Array.of(3, 1, 0.5, 0.25),
  loss: Float64Array.of(8, 16, 32, 64),
} as unknown as Play;

t.test('minted tokens and losses of the coalition, losses of the others, and its share of stake at the end', async (t) => {
  t.same(outcomeOf(play, world, [0, 2]), { minted: 3.5, loss: 40, othersLoss: 80, share: 5 / 8 });
  t.equal(outcomeOf({ ...play, stake: new Float64Array(8) }, world, [1]).share, 0, 'of nothing');
  t.same(outcomeOf(play, world, [1]), { minted: 1, loss: 16, othersLoss: 104, share: 2 / 8 });
});

t.test('payoff, gain as a part of honest income, harm over the twin', async (t) => {
  t.equal(payoffOf({ minted: 3.5, loss: 40 }, 0.05), 1.5);
  t.equal(gainOf({ minted: 3.5, loss: 40 }, { minted: 2, loss: 30 }, 0.05), (1.5 - 0.5) / 2);
  t.equal(gainOf({ minted: 3.5, loss: 40 }, { minted: 0, loss: 30 }, 0.05), 0, 'no honest income to compare with');
  const outcome = (othersLoss: number) => ({ minted: 0, loss: 0, othersLoss, share: 0 });
  t.equal(harmOf(outcome(90), outcome(60)), 0.5);
  t.equal(harmOf(outcome(90), outcome(0)), 0);
});

t.test('ablation is the mean score of a column; by row every row counts alike, and one of zeros counts nothing', async (t) => {
  const { ablation, ablationByRow } = truths(world);
  t.same([...ablation], [3 / 4, 5 / 4, 5 / 4, 1]);
  const close = (found: number, wanted: number) => t.ok(Math.abs(found - wanted) < 1e-15, `${found} against ${wanted}`);
  for (const [j, wanted] of [(0.25 + 0.25) / 4, (0.75 + 0.25) / 4, 1 / 4, 0.5 / 4].entries()) close(ablationByRow[j]!, wanted);
});

t.test('answers of one source carry at most the whole answer between them, in proportion; a single one what it says', async (t) => {
  const carried = (...answers: [source: number, share: number][]) => [
    ...carriedShares(answers.map(([source, share]) => ({ answer: { source, share } }) as Member)),
  ];
  t.same(carried([0, 1], [1, 0.5], [2, 10]), [1, 0.5, 10], 'alone, also a loud one');
  t.same(carried([0, 1], [0, 1]), [0.5, 0.5], 'an original and its copy count half each');
  t.same(carried([0, 0.25], [0, 0.75], [1, 0.25], [1, 0.25]), [0.25, 0.75, 0.25, 0.25], 'parts that sum to one, or less, stay');
  t.same(carried([0, 3], [0, 1]), [0.75, 0.25]);
  t.same(carried([0, 10], [0, 0]), [10, 0], 'no answer does not share');
});
