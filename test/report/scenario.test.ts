/** The page of a map of scenarios: everything it must say, from cells as plain data. */
import t from 'tap';
import { scenarioPage } from '../../src/report/index.js';
import type { MapCell, MapSpec, Paying } from '../../src/scenario/index.js';

const spec: MapSpec = {
  strategies: ['hoarder', 'griefer'],
  defences: ['paper', 'consensus-clip'],
  stakes: [0.1, 0.3],
  ratios: [0, 0.1],
  players: 7,
  members: 2,
  blocks: 9,
  temperature: 0.3,
  tau: 0.2,
  law: 'wishart',
  trials: 11,
  seed: 42,
};
const flat = (mean: number) => ({ mean, low: mean - 0.1, high: mean + 0.1 });
const cells: MapCell[] = spec.defences.flatMap((defence) =>
  spec.stakes.flatMap((stake) =>
    spec.ratios.flatMap((ratio) =>
      spec.strategies.map((strategy) => {
        // Only hoarding under the paper's mechanism pays.
        const gain = flat(strategy === 'hoarder' && defence === 'paper' ? 0.5 : -0.5);
        const share = flat(stake);
        return {
          strategy,
          defence,
          stake,
          ratio,
          trials: 11,
          gain,
          share,
          twinShare: stake,
          harm: flat(0),
          spearman: null,
          twinSpearman: 1,
          majorities: 0,
        };
      }),
    ),
  ),
);

const paying: Paying[] = spec.ratios.map((ratio) => {
  const best = cells.find((cell) => cell.strategy === 'hoarder' && cell.ratio === ratio)!;
  return { strategy: 'hoarder', defence: 'paper', ratio, stake: 0, low: 0.125, high: null, best, stakes: 2 };
});

t.test('the page counts and lists what pays, and says what it rests on', async (t) => {
  const text = await scenarioPage({ command: 'intermodel scenario map --out m', spec, cells, paying, version: '1.2.3' });
  t.match(text, /2 strategies against 2 defences at 2 stakes and 2 prices: 16 cells\. In 4 of them/);
  t.equal(text.match(/<th scope="row" class="text">hoarder<\/th>/g)?.length, 2, 'one row of the table for each price');
  t.match(text, />any<.*>0\.125 to never</s, 'break-even stake with its interval');
  t.notMatch(text, /<th scope="row" class="text">griefer<\/th>/);
  t.equal(text.match(/<svg/g)?.length, 3, 'a heat map a price, and the curves');
  t.match(text, /intermodel scenario map --out m/);
  t.match(text, /Seed 42, n 7, coalition 2, 11 trials, 9 blocks, T 0\.3, tau 0\.2, law of H wishart/);
  t.notMatch(text, /<script|https?:\/\/(?!www\.w3\.org)/, 'self-contained');
  t.equal(
    await scenarioPage({ command: 'intermodel scenario map --out m', spec, cells, paying, version: '1.2.3' }),
    text,
    'the same to the byte',
  );
});

t.test('curves: a panel for each strategy and defence, at most six defences in a figure, what lies above the honest twin', async (t) => {
  const defences = ['a', 'b', 'c', 'd', 'e', 'f', 'g+h'];
  const many = defences.flatMap((defence) =>
    cells
      .filter((cell) => cell.defence === 'paper')
      .map((cell) => ({ ...cell, defence, share: flat(cell.stake + 0.25), twinShare: cell.stake })),
  );
  const text = await scenarioPage({ command: 'c', spec: { ...spec, defences }, cells: many, paying, version: '1' });
  const figures = text.match(/<svg[\s\S]*?<\/svg>/g)!;
  t.equal(figures.length, 4, 'two heat maps, and two figures of curves');
  const [first, second] = figures.slice(2) as [string, string];
  t.match(text, /, part 2/);
  t.same(
    defences.slice(0, 6).map((name) => first.includes(`>${name}</text>`)),
    Array(6).fill(true),
  );
  t.ok(second.includes('>g<') && second.includes('>h<') && !second.includes('>g+h<'), 'parts of a defence one below the other');
  t.equal(first.match(/stroke-dasharray="4,3"/g)?.length, 12, 'one honest line in each of 2 x 6 panels');
  // Shares end 0.25 above the twin with 0.1 on either side, so the scale ends at 0.35.
  t.ok(/>\+0\.3</.test(first) && !/>\+0\.4</.test(first), 'the axis is that of the difference');
});

t.test('a map in which nothing pays says so', async (t) => {
  const none = cells.map((cell) => ({ ...cell, gain: flat(-1) }));
  t.match(await scenarioPage({ command: 'c', spec, cells: none, paying: [], version: '1' }), /No strategy pays in any cell\./);
});
