/** Maps: the same cells for any number of workers, shards and interruptions; break-even stakes where they are known. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import {
  breakEven,
  breakEvensOf,
  checkMap,
  compareWithTwin,
  defencesOf,
  drawWorld,
  griefer,
  groupsOf,
  type MapCell,
  type MapSpec,
  payingOf,
  playGroup,
  runMap,
  strategyOf,
} from '../../src/scenario/index.js';

const spec: MapSpec = {
  strategies: ['hoarder', 'griefer'],
  defences: ['paper', 'consensus-clip+no-self-weight'],
  stakes: [0.1, 0.3],
  ratios: [0, 0.1],
  players: 5,
  members: 1,
  blocks: 5,
  temperature: 0.1,
  tau: 0.1,
  law: 'wishart-quality',
  trials: 4,
  seed: 3,
};

const folder = mkdtempSync(join(tmpdir(), 'intermodel-map-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

t.test('workers, shards and a torn line change no cell', async (t) => {
  const whole = await runMap({ spec, folder: join(folder, 'one'), jobs: 1 });
  t.equal(whole.cells.length, 16);
  t.same(await runMap({ spec, folder: join(folder, 'two'), jobs: 2 }), whole, 'two workers');
  const parts = await Promise.all(
    [1, 2].map((index) => runMap({ spec, folder: join(folder, `part-${index}`), jobs: 1, shard: { index, count: 2 } })),
  );
  t.same(
    parts.flatMap(({ cells }) => cells.map((cell) => JSON.stringify(cell))).sort(),
    whole.cells.map((cell) => JSON.stringify(cell)).sort(),
    'two shards hold every cell once, with the same values',
  );
  t.same(parts[0]!.breakEvens, [], 'a shard without all stakes of a defence tells no break-even stake');
  appendFileSync(join(folder, 'part-1', 'groups.jsonl'), readFileSync(join(folder, 'part-2', 'groups.jsonl')));
  t.same(await runMap({ spec, folder: join(folder, 'part-1'), jobs: 1 }), whole, 'their lines in one folder are the whole map');
  const lines = join(folder, 'one', 'groups.jsonl');
  const text = readFileSync(lines, 'utf8');
  truncateSync(lines, Math.floor(text.length / 2));
  let found = -1;
  const onProgress = (_done: number, _total: number, there: number) => {
    found = there;
  };
  t.same(await runMap({ spec, folder: join(folder, 'one'), jobs: 1, onProgress }), whole, 'continued after a cut in the middle of a line');
  t.ok(found > 0 && found < 4, `${found} groups were there`);
  for (const again of [1, 2]) {
    await runMap({ spec, folder: join(folder, 'one'), jobs: 1, onProgress });
    t.equal(found, 4, `opened once more (${again}): every line is still whole`);
  }
  await t.rejects(runMap({ spec: { ...spec, seed: 4 }, folder: join(folder, 'one'), jobs: 1 }), { code: 'BTM_DOMAIN', argument: 'folder' });
});

t.test('a bad word or number is named', async (t) => {
  await t.rejects(runMap({ spec: { ...spec, strategies: ['lier'] }, folder }), { code: 'BTM_DOMAIN', argument: 'strategies[0]' });
  await t.rejects(runMap({ spec: { ...spec, defences: ['paper+wall'] }, folder }), { code: 'BTM_DOMAIN', argument: 'defences[0]' });
  await t.rejects(runMap({ spec: { ...spec, stakes: [0.5, 1] }, folder }), { code: 'BTM_DOMAIN', argument: 'stakes', index: 1 });
});

t.test('words carry settings after colons', async (t) => {
  t.equal(strategyOf('cabal:0.25', 's').name, 'cabal(0.25)');
  t.equal(strategyOf('late-bribe:0.2:3', 's').name, 'late bribe(0.2, 3, 1)');
  t.same(
    defencesOf('others-only+stake-cap:0.1', 'd').map(({ name }) => name),
    ['others only', 'stake cap(0.1)'],
  );
  for (const words of ['hoarder:1', 'cabal:', 'cabal:x', 'cabal:0.1:0.2']) {
    t.throws(() => strategyOf(words, 's'), { code: 'BTM_DOMAIN', argument: 's', value: words });
  }
  t.throws(() => strategyOf('cabal:2', 's'), { code: 'BTM_DOMAIN', argument: 'c' });
});

t.test('one play serves all prices: a cell is what the comparison at its price says', async (t) => {
  const group = groupsOf(spec)[1]!;
  const { cells, outcomes } = playGroup(spec, group);
  t.equal(group.stake, 0.3);
  for (const ratio of spec.ratios) {
    const gains = Array.from({ length: spec.trials }, (_, trial) => {
      const world = drawWorld(spec.law, { seed: spec.seed, trial, n: spec.players });
      const { blocks, temperature, tau } = spec;
      const options = { world, coalition: [0], strategy: griefer(1), stakeShare: 0.3, blocks, temperature, tau, alpha: ratio * tau };
      return compareWithTwin(options);
    });
    const cell = cells.find((one) => one.strategy === 'griefer' && one.ratio === ratio)!;
    const added = gains.reduce((sum, { payoff, twinPayoff }) => sum + payoff - twinPayoff, 0);
    const income = gains.reduce((sum, { twin }) => sum + twin.minted[0]!, 0);
    t.ok(Math.abs(cell.gain.mean - added / income) < 1e-13, `alpha / tau ${ratio}`);
    t.ok(Math.abs(cell.harm.mean - gains.reduce((sum, { harm }) => sum + harm, 0) / spec.trials) < 1e-14);
    t.equal(cell.majorities, gains.filter(({ share }) => share > 0.5).length);
  }
  t.equal(outcomes[1]!.strategy, 'griefer');
});

t.test('break-even stakes of a map: where the mean gain crosses zero between two stakes', async (t) => {
  const outcome = (strategy: string, minted: number[], loss: number[]) => ({ strategy, minted, loss });
  // Two trials. At alpha / tau 1 and tau 0.1 the gains are (minted - 1 - 0.1 loss) / 1: -0.3 and 0.1 on average.
  const played = [0.1, 0.3].map((stake, index) => ({
    group: { index, defence: 'paper', stake },
    cells: [],
    twin: outcome('honest', [1, 1], [0, 0]),
    outcomes: [outcome('hoarder', index === 0 ? [0.7, 0.9] : [1.3, 1.1], index === 0 ? [0, 2] : [1, 1])],
  }));
  const small = { ...spec, strategies: ['hoarder'], defences: ['paper'], ratios: [1, 0], trials: 2 };
  const [dear, free] = breakEvensOf(small, played);
  t.ok(Math.abs(dear!.stake! - 0.25) < 1e-12, 'three quarters of the way from 0.1 to 0.3');
  t.ok(Math.abs(free!.stake! - 0.2) < 1e-12, 'without a price the gains are -0.2 and 0.2');
  // Resamples of (trial 0, trial 0) have gains -0.3 and 0.2, of (1, 1) -0.3 and 0.0: never.
  t.ok(Math.abs(dear!.low! - 0.22) < 1e-12 && dear!.high === null, `${dear!.low} to ${dear!.high}`);
  const cell = (stake: number, low: number, mean: number) =>
    ({ strategy: 'hoarder', defence: 'paper', ratio: 0, stake, gain: { mean, low, high: 1 } }) as unknown as MapCell;
  const cells = [cell(0.1, -0.1, 0.9), cell(0.2, 0.1, 0.2), cell(0.3, 0.05, 0.3)];
  const [one, ...more] = payingOf(cells, [dear!, free!]);
  t.same(more, [], 'no cell at the dear price');
  t.ok(one!.best === cells[2] && one!.stakes === 2 && one!.stake === free!.stake, 'the largest gain whose interval lies above zero');
  t.same(breakEvensOf(small, played.slice(1)), [], 'a missing stake says nothing');
  const never = played.map((one) => ({ ...one, outcomes: [outcome('hoarder', [0.9, 0.9], [0, 0])] }));
  t.equal(breakEvensOf(small, never)[0]!.stake, null);
  const always = played.map((one) => ({ ...one, outcomes: [outcome('hoarder', [1.1, 1.1], [0, 0])] }));
  t.equal(breakEvensOf(small, always)[1]!.stake, 0);
});

t.test('hoarding pays at any stake where loss is free, and never where it is dear', async (t) => {
  const wide = { ...spec, stakes: [0.05, 0.45], trials: 5 };
  t.same(breakEven(wide, 'hoarder', 'paper', 0), { stake: 0, low: 0, high: 0 });
  t.equal(breakEven(wide, 'hoarder', 'paper', 100).stake, null);
});

t.test('what a map cannot be made of is named', async (t) => {
  for (const [change, argument] of [
    [{ strategies: [] }, 'strategies'],
    [{ strategies: ['hoarder', 'nobody'] }, 'strategies[1]'],
    [{ defences: [] }, 'defences'],
    [{ defences: ['paper', 'moat'] }, 'defences[1]'],
    [{ stakes: [0.1, 1] }, 'stakes'],
    [{ stakes: [0] }, 'stakes'],
    [{ ratios: [0, -0.1] }, 'ratios[1]'],
    [{ ratios: [Number.NaN] }, 'ratios[0]'],
    [{ players: 1 }, 'players'],
    [{ players: 257 }, 'players'],
    [{ members: 0 }, 'members'],
    [{ members: 5 }, 'members'],
    [{ blocks: 0 }, 'blocks'],
    [{ trials: 0 }, 'trials'],
    [{ seed: -1 }, 'seed'],
    [{ temperature: 0 }, 'temperature'],
    [{ temperature: Number.POSITIVE_INFINITY }, 'temperature'],
    [{ tau: 0 }, 'tau'],
  ] as [Partial<MapSpec>, string][]) {
    const wrong = { ...spec, ...change };
    t.throws(() => checkMap(wrong), { name: 'InputError' }, JSON.stringify(change));
    try {
      checkMap(wrong);
    } catch (error) {
      t.ok((error as { argument: string }).argument.startsWith(argument), `${argument}: ${(error as Error).message}`);
    }
  }
  t.equal(checkMap({ ...spec, players: 256, members: 255 }).members, 255, 'the ends of the ranges are in them');
});
