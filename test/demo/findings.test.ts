/** The claims of the demonstration, at the positions where they begin and cease to hold. */
import t from 'tap';
import { checksOf, type Outcome } from '../../src/demo/findings.js';

/** Participants of which the first answers noise, at this position by every ranking. */
function outcome(participants: number, position: number, spearman: number | null): Outcome {
  const rankings = (['ablation', 'ideal', 'ledger'] as const).map((name) => ({
    ...{ name, title: name, description: '', unit: '', values: [] },
    positions: [position, ...Array<number>(participants - 1).fill(1)],
  }));
  const people = Array.from({ length: participants }, (_, index) => ({ name: `p${index}`, role: index === 0 ? 'noise' : 'generalist' }));
  const agreement = [{ a: 'ablation', b: 'ideal', pearson: null, spearman, kendall: null, reason: 'constant' }];
  return { roster: [], participants: people, rankings, agreement, measurements: [] } as unknown as Outcome;
}

const held = (participants: number, position: number) =>
  checksOf(outcome(participants, position, 1))
    .slice(1)
    .map((check) => check.held);

t.test('noise has to be in the last quarter, and at least last', (t) => {
  t.same(held(8, 6), [false, false, false]);
  t.same(held(8, 7), [true, true, true]);
  t.same(held(6, 5), [false, false, false]);
  t.same(held(6, 6), [true, true, true]);
  t.same(held(3, 2), [false, false, false]);
  t.same(held(3, 3), [true, true, true], 'of three participants the last place counts');
  t.end();
});

t.test('agreement is expected from 0.9 on, and an undefined one does not hold', (t) => {
  const agreement = (spearman: number | null) => checksOf(outcome(8, 8, spearman))[0]!;
  t.ok(agreement(0.9).held);
  t.notOk(agreement(0.89).held);
  t.match(agreement(null), { held: false, measured: 'undefined: constant' });
  t.end();
});
