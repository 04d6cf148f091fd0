/** The claims of the demonstration, at the positions where they begin and cease to hold. */
import t from 'tap';
import { checksOf, findingsOf, type Outcome } from '../../src/demo/findings.js';

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

/** Four participants of which the last is `role`; two raters measured, in nats. */
function odd(role: string, change: object = {}): Outcome {
  const n = 4;
  const ablation = [
    [0.1, 0.2, 0.3, 0.004],
    [0.1, 0.2, 0.5, 0.008],
  ];
  const measurements = ablation.map((row, rater) => ({
    ideal: Float64Array.from(row, (worth) => worth / 2),
    ablation: Float64Array.from(row),
    shapley: new Float64Array(n),
    // Symmetric, and different in every pair.
    gram: Float64Array.from({ length: n * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      return i === j ? 0.1 * (i + 1) + 0.01 * rater : 0.01 * (i + j) + 0.001 * rater;
    }),
    linearShare: 0,
  }));
  const participants = Array.from({ length: n }, (_, index) => ({
    ...{ name: `p${index}`, role: index === n - 1 ? role : 'generalist', ownAccuracy: 0.125, headAccuracy: 0.75 },
  }));
  const rankings = ['ablation', 'ideal', 'ledger'].map((name) => ({ name, title: name, positions: [1, 2, 3, 4], values: [] }));
  const roster = participants.map((_, index) => ({ samples: 100 * (index + 1), ...(index === n - 1 ? { copyOf: 1 } : {}) }));
  return { roster, participants, rankings, agreement: [], measurements, ...change } as unknown as Outcome;
}

const textOf = (outcome: Outcome): string => {
  const found = findingsOf(outcome);
  t.equal(found.length, 1, 'only the odd one is spoken of');
  t.equal(found[0]!.participant, 'p3');
  return found[0]!.text;
};

t.test('a copy: removed together, two blocks cost their own terms and twice the one between them', (t) => {
  // Means over the raters: p1 alone 0.205, p3 alone 0.405; between them 0.0405; together 0.205 + 0.405 + 2 * 0.0405 = 0.691.
  const text = textOf(odd('copy'));
  t.match(text, 'It and p1 answer the same');
  t.match(text, 'they cost 405.00 millinats (copy) and 205.00 millinats (original)');
  t.match(text, 'removed together 691.00 millinats, 1.13 times the sum');
  t.match(text, 'Position 4 by ablation, 4 by ideal, 4 by ledger, of 4');
  t.end();
});

t.test('the others: what removing one costs is the mean over the raters', (t) => {
  t.match(textOf(odd('shuffled')), /\(12\.5 % right on them alone\).*removing it costs the others 6\.00 millinats/);
  t.match(textOf(odd('scarce')), /It owns 400 samples.*removing it costs the others 6\.00 millinats; its own head reaches 75\.0 %/);
  const noise = textOf(odd('noise'));
  t.match(noise, 'what is left costs 3.00 millinats by the measure, and removing it raises the loss only by chance (6.00 millinats');
  const harmful = odd('noise');
  for (const { ablation } of harmful.measurements) ablation[3] = -0.001;
  t.match(textOf(harmful), 'removing it lowers the loss (-1.00 millinats');
  const before = odd('noise', { rankings: [{ name: 'ledger', title: 'ledger', positions: [1, 2, 4, 3], values: [] }] });
  t.match(textOf(before), 'these heads have not been trained');
  t.end();
});
