/** The claims of the demonstration, at the positions where they begin and cease to hold. */
import t from 'tap';
import { checksOf, type Outcome } from '../../src/demo/findings.js';

/** Participants of which the first answers noise, at this position by every ranking; correlations with ablation, and of the ledger with ablation by row. */
function outcome(participants: number, position: number, spearman: number | null, ledger: number | null = 1): Outcome {
  const rankings = (['ablation', 'ideal', 'ledger'] as const).map((name) => ({
    ...{ name, title: name, description: '', unit: '', values: [] },
    positions: [position, ...Array<number>(participants - 1).fill(1)],
  }));
  const people = Array.from({ length: participants }, (_, index) => ({ name: `p${index}`, role: index === 0 ? 'noise' : 'generalist' }));
  const pair = { pearson: null, kendall: null, reason: 'constant' };
  const agreement = [
    { ...pair, a: 'ablation', b: 'ledger', spearman: 0 },
    { ...pair, a: 'ablation', b: 'ideal', spearman },
    { ...pair, a: 'ablationByRow', b: 'ledger', spearman: ledger },
  ];
  return { roster: [], participants: people, rankings, agreement, measurements: [] } as unknown as Outcome;
}

const held = (participants: number, position: number) =>
  checksOf(outcome(participants, position, 1))
    .slice(2)
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
  const ofLedger = (spearman: number | null) => checksOf(outcome(8, 8, 0, spearman))[1]!;
  t.ok(ofLedger(0.9).held);
  t.match(ofLedger(0.89), { held: false, measured: 'Spearman 0.890' });
  t.match(ofLedger(null), { held: false, measured: 'undefined: constant' });
  t.end();
});
