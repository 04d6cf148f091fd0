/** What small changes of the scenario's modules would break and no larger test notices. */
import t from 'tap';
import { sameAnswers } from '../../src/participant/same-answers.js';
import {
  breakEvensOf,
  carriedShares,
  compareWithTwin,
  consensusClip,
  drawWorld,
  hoarder,
  othersOnly,
  type PlayOptions,
  playScenario,
  type Sight,
  type Strategy,
} from '../../src/scenario/index.js';
import { estimate, quantile, ratioEstimate, resamples } from '../../src/scenario/statistics.js';

const world = drawWorld('wishart-quality', { seed: 8, trial: 0, n: 5 });
const base: Omit<PlayOptions, 'strategy'> = { world, coalition: [0], stakeShare: 0.45, blocks: 30, temperature: 0.2, alpha: 1, tau: 0.4 };

t.test('rows of so many blocks ago: 1 is the block before, 0 counts as 1, and the oldest stands for all before it', async (t) => {
  const written: number[] = [];
  const seen: number[][] = [];
  const probe: Strategy = {
    name: 'probe',
    row(sight: Sight) {
      seen.push([0, 1, 2, 1000].map((lag) => sight.rows(lag)[0]!));
      const own = 0.1 * (sight.block + 1);
      written.push(own);
      return [own, 1 - own, 0, 0, 0];
    },
  };
  playScenario({ ...base, strategy: probe, blocks: 4 });
  const near = (a: readonly number[], b: readonly number[]) => a.every((x, k) => Math.abs(x - b[k]!) < 1e-12);
  t.ok(near(seen[3]!.slice(0, 3), [written[2]!, written[2]!, written[1]!]), `${seen[3]} after ${written}`);
  t.equal(seen[3]![3], seen[0]![1], 'before the first block stand the measured rows');
});

t.test('parts that do not make up a whole answer stay as they are', async (t) => {
  const part = (share: number) => ({ player: 0, stakeShare: 0.5, answer: { source: 0, share } });
  t.same([...carriedShares([part(0.25), part(0.5)])], [0.25, 0.5]);
  t.same([...carriedShares([part(1), part(0.5)])], [2 / 3, 1 / 3], 'more than a whole answer is shared');
  t.same([...carriedShares([part(2)])], [2], 'one loud answer stays loud');
});

t.test('what depends on stake is weighed in every block', async (t) => {
  // Consensus shifts as the hoarder's stake grows; played at once it would stay that of the first block.
  for (const defences of [[consensusClip(0.5)], [othersOnly, consensusClip(0.55)]]) {
    const at = (steady: boolean) => playScenario({ ...base, strategy: { ...hoarder, steady }, defences });
    t.same(at(true), at(false));
  }
  // A name without stake earns some in the first block, and from then on it rates: others' empty rows count for it too.
  const newcomer = (steady: boolean): Strategy => ({
    name: 'newcomer',
    steady,
    enter: ({ player }) => [1, 0].map((stakeShare) => ({ stakeShare, answer: { source: player, share: 0.5 } })),
    row: ({ self, identities }) => Float64Array.from({ length: identities }, (_, j) => Number(j === self)),
  });
  const play = (steady: boolean) => playScenario({ ...base, strategy: newcomer(steady), defences: [othersOnly], blocks: 3 });
  t.same(play(true), play(false));
});

t.test('quantiles lie between neighbours; an interval cuts off a fortieth on either side', async (t) => {
  const sorted = Float64Array.of(0, 10, 20, 40);
  t.same(
    [0, 0.5, 0.75, 1].map((part) => quantile(sorted, part)),
    [0, 15, 25, 40],
  );
  // One value a resample: their order statistics are the interval, 1001 values 0 .. 1000.
  const values = Float64Array.from({ length: 1001 }, (_, k) => k);
  const sets = Array.from(values, (_, k) => Int32Array.of(k));
  t.same(estimate(values, sets), { mean: 500, low: 25, high: 975 });
  const ones = new Float64Array(1001).fill(1);
  t.same(ratioEstimate(values, ones, sets), { mean: 500, low: 25, high: 975 });
});

t.test('the majority begins with the first block that ends above half of all stake', async (t) => {
  const { majorityBlock, play, twinShare } = compareWithTwin({ ...base, strategy: hoarder });
  const shares = Array.from({ length: base.blocks + 1 }, (_, block) => {
    const stake = play.stake.subarray(block * 5, (block + 1) * 5);
    return stake[0]! / stake.reduce((sum, s) => sum + s, 0);
  });
  t.equal(
    majorityBlock,
    shares.findIndex((share) => share > 0.5),
    `${shares.map((share) => share.toFixed(3))}`,
  );
  t.ok(majorityBlock! > 1 && twinShare < 0.5, 'from below half to above it');
  t.equal(compareWithTwin({ ...base, strategy: hoarder, stakeShare: 0.05, blocks: 2 }).majorityBlock, null);
});

t.test('the larger of two answers is the measure of their distance', async (t) => {
  const two = { responses: Float64Array.of(100, 101), batch: 1, peers: 2, width: 1 };
  t.same(sameAnswers(two, 1 / 100.5), [[0, 1]]);
  t.same(sameAnswers(two, 1 / 101.5), [[0], [1]]);
});

t.test('the interval of a break-even stake cuts off a fortieth of the resamples on either side', async (t) => {
  const [trials, seed] = [8, 5];
  const minted = [0.1, 0.3].map((stake) => Array.from({ length: trials }, (_, k) => (stake < 0.2 ? 0.9 - 0.05 * k : 1.1 + 0.03 * k * k)));
  const played = [0.1, 0.3].map((stake, index) => ({
    group: { index, defence: 'paper', stake },
    cells: [],
    twin: { strategy: 'honest', minted: Array(trials).fill(1), loss: Array(trials).fill(0) },
    outcomes: [{ strategy: 'hoarder', minted: minted[index]!, loss: Array(trials).fill(0) }],
  }));
  const rest = { players: 5, members: 1, blocks: 5, temperature: 0.1, tau: 0.1, law: 'wishart-quality' } as const;
  const spec = { ...rest, strategies: ['hoarder'], defences: ['paper'], stakes: [0.1, 0.3], ratios: [0], trials, seed };
  const [found] = breakEvensOf(spec, played);
  const crossings = resamples(trials, seed)
    .slice(0, 200)
    .map((set) => {
      const [low, high] = minted.map((values) => set.reduce((sum, k) => sum + values[k]! - 1, 0) / trials) as [number, number];
      return 0.1 + (0.2 * -low) / (high - low);
    });
  const sorted = Float64Array.from(crossings).sort();
  t.ok(Math.abs(found!.low! - quantile(sorted, 0.025)) < 1e-12 && Math.abs(found!.high! - quantile(sorted, 0.975)) < 1e-12);
  t.ok(sorted[4]! < sorted[10]! - 1e-4, 'a twentieth would be another stake');
});
