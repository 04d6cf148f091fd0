/** What the figures of a demonstration run draw: the numbers of the run, each at its participant, round and block. */
import t from 'tap';
import { LEDGER_AGAINST_TRUTH, rankingAgainstTruth } from '../../src/report/demo-comparison.js';
import { demoFigures } from '../../src/report/demo-figures.js';
import { demoFixture } from './demo-fixture.js';

type Row = Record<string, number | string | boolean>;
const fixture = demoFixture();
const figures = new Map(demoFigures(fixture).map((figure) => [figure.name, figure]));
const valuesOf = (spec: unknown): Row[] => (spec as { data: { values: Row[] } }).data.values;
const valuesIn = (name: string): Row[] => valuesOf(figures.get(name)!.spec);
const ranking = (name: string) => fixture.rankings.find((one) => one.name === name)!;
/** The kinds of all scales in a specification, as it would be written to a file. */
const scalesOf = (spec: unknown): string[] => [...JSON.stringify(spec).matchAll(/"scale":\{"type":"(\w+)"/g)].map((match) => match[1]!);

t.test('points stand at the value of the truth and at the value of the measure', async (t) => {
  for (const [figure, truth, measured] of [
    ['ranking-against-truth', 'ablation', 'ideal'],
    ['ledger-against-truth', 'ablationByRow', 'ledger'],
  ] as const) {
    const rows = valuesIn(figure);
    t.equal(rows.length, fixture.participants.length);
    for (const [k, { name }] of fixture.participants.entries()) {
      t.match(rows[k], { name, truth: ranking(truth).values[k], measured: ranking(measured).values[k] });
    }
  }
});

t.test('axes are logarithmic only where both rankings are positive and far apart, and linear where that was asked for', async (t) => {
  const n = fixture.participants.length;
  const wide = Array.from({ length: n }, (_, k) => 1.5 ** k);
  const narrow = Array.from({ length: n }, (_, k) => n + k);
  const kindOf = (truth: readonly number[], measured: readonly number[], scale?: 'linear') => {
    const values = { ablation: truth, ideal: measured } as Record<string, readonly number[]>;
    const rankings = fixture.rankings.map((one) => ({ ...one, values: values[one.name] ?? one.values }));
    const comparison = { figure: 'f', title: 't', truth: 'ablation', measured: 'ideal', ...(scale && { scale }) } as const;
    return [...new Set(scalesOf(rankingAgainstTruth({ ...fixture, rankings }, comparison).spec))].sort();
  };
  t.same(kindOf(wide, wide), ['log']);
  t.same(kindOf(wide, narrow), ['linear'], 'both axes have one kind');
  t.same(kindOf(narrow, wide), ['linear']);
  t.same(kindOf(wide, wide, 'linear'), ['linear']);
  t.equal(LEDGER_AGAINST_TRUTH.scale, 'linear');
});

t.test('each ranking is as many places off the truth as its position says', async (t) => {
  const rows = valuesIn('positions-by-method');
  t.equal(rows.length, fixture.rankings.length * fixture.participants.length);
  const truth = new Map(fixture.participants.map(({ name }, k) => [name, ranking('ablation').positions[k]!]));
  for (const row of rows) {
    const own = fixture.rankings.find(({ title }) => title === row['ranking'])!;
    const at = fixture.participants.findIndex(({ name }) => name === row['name']);
    t.equal(row['position'], own.positions[at]);
    t.equal(
      row['off'],
      Math.max(own.positions[at]! - truth.get(String(row['name']))!, truth.get(String(row['name']))! - own.positions[at]!),
    );
  }
  const order = JSON.stringify(figures.get('positions-by-method')!.spec).match(/"name","type":"nominal","sort":(\[[^\]]*\])/)!;
  const places = (JSON.parse(order[1]!) as string[]).map((name) => truth.get(name)!);
  t.same(
    places,
    [...places].sort((a, b) => a - b),
    'rows go from the best by the truth to the worst',
  );
});

t.test('each panel of the losses holds each loss at its round and participant', async (t) => {
  const panels = (figures.get('loss-curves')!.spec as unknown as { concat: unknown[] }).concat;
  t.equal(panels.length, fixture.curves.length);
  for (const [k, panel] of panels.entries()) {
    const curve = fixture.curves[k]!;
    const byRound = new Map<number, number[]>();
    for (const { round, loss } of valuesOf(panel)) byRound.set(round as number, [...(byRound.get(round as number) ?? []), loss as number]);
    t.same([...byRound.keys()], curve.rounds);
    t.same([...byRound.values()], curve.values);
  }
  t.match(figures.get('loss-curves')!.caption, `over ${fixture.curves[0]!.rounds.at(-1)} training rounds`);
});

t.test('the matrix gives each weight from its rater to the participant it ranks, and stake stands at its block', async (t) => {
  const names = fixture.participants.map(({ name }) => name);
  for (const { rater, ranked, weight } of valuesIn('weight-matrix')) {
    t.equal(weight, fixture.weights[names.indexOf(String(rater))]![names.indexOf(String(ranked))]);
  }
  t.equal(valuesIn('weight-matrix').length, names.length ** 2);
  const stakes = valuesIn('stake-over-blocks');
  t.equal(stakes.length, names.length * fixture.blocks.length);
  for (const { height, name, stake } of stakes) {
    t.equal(stake, fixture.blocks.find((block) => block.height === height)!.stake[names.indexOf(String(name))]);
  }
});
