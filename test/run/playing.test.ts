/** Strategies on real participants: who answers, learns and writes what; and the empirical game agrees on the same measurements. */
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { openLocalRun, type RunSettings, resolveSettings, runLocally } from '../../src/run/index.js';
import type { MemberFactory } from '../../src/run/member.js';
import { playing } from '../../src/run/playing.js';
import {
  cabal,
  copier,
  freeRider,
  hoarder,
  honest,
  lateBribe,
  loud,
  playScenario,
  poisoner,
  type Strategy,
  split,
  thief,
  worldOfRows,
} from '../../src/scenario/index.js';
import { smallRoster } from '../process/small-roster.js';

t.setTimeout(240_000);

const SEED = 5;
const N = 4;
const backend = createBackend({ kind: 'native' });
const given: Partial<RunSettings> = {
  ...{ participants: N, rounds: 4, blocks: 2, closingBlocks: 4, width: 3, batch: 8, headHidden: 6, largestShard: 40 },
  ...{ refitSteps: 20, refitBatch: 16, refitSamples: 40, validation: 40, blockValidation: 20, emission: 'l1', tau: 20, stepBound: 1.4 },
};

async function attacked(
  strategy: Strategy,
  coalition: number[],
  more: Partial<RunSettings> = {},
): Promise<{ members: MemberFactory[]; settings: RunSettings }> {
  const settings = resolveSettings({ ...given, ...more });
  const request = { settings, seed: SEED, data: '', tensorflow: 'auto' as const, backend };
  const built = await Promise.all(
    Array.from({ length: N }, (_, index) => smallRoster.build(index, request, async () => new Float32Array(0))),
  );
  const members = built.map(
    ({ member }) =>
      () =>
        member,
  );
  const worth = Float64Array.of(1, 2, 4, 3);
  return { members: playing({ members, coalition, strategy, worth, settings, outputs: 3, seed: SEED, backend }), settings };
}

async function play(strategy: Strategy, coalition: number[], more: Partial<RunSettings> = {}) {
  const { members, settings } = await attacked(strategy, coalition, more);
  const record = await runLocally({ members, settings, seed: SEED, backend });
  const rows = Array.from({ length: N }, (_, i) => Array.from(record.weights.subarray(i * N, (i + 1) * N)));
  return { record, rows, scores: record.results.map((result) => Float64Array.from(result!.measurement.ideal)) };
}

/** What (3) makes of scores by R-10. */
const normal = (scores: Float64Array) => {
  const positive = scores.map((score) => Math.max(0, score));
  const sum = positive.reduce((a, b) => a + b, 0);
  const harm = scores.reduce((total, score) => total + Math.min(Math.max(0, -score), Math.max(...positive)), 0);
  return Array.from(positive, (score) => (sum > harm ? score / sum : 1 / N));
};
const near = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number) =>
  Array.from(a).every((x, k) => Math.abs(x - b[k]!) <= tolerance);

t.test('stake of the closing blocks is what the empirical game says of the same measurements', async (t) => {
  const cases: [Strategy, number[]][] = [
    [honest, [1]],
    [hoarder, [1]],
    [cabal(0.5), [1, 3]],
    [lateBribe(0.2, 0), [2]],
  ];
  for (const [strategy, coalition] of cases) {
    const { record, scores } = await play(strategy, coalition);
    const { blocks } = record;
    const paid = given.closingBlocks as number;
    const from = blocks.length - 1 - paid;
    const world = worldOfRows(Float64Array.from(scores.flatMap(normal)), N);
    const game = playScenario({
      ...{ world, coalition, strategy, stake: Float64Array.from(blocks[from]!.stake), blocks: paid },
      ...{ temperature: 1, alpha: 0, tau: given.tau as number },
    });
    for (let k = 0; k <= paid; k++) {
      const [real, said] = [blocks[from + k]!.stake, game.stake.subarray(k * N, (k + 1) * N)];
      t.ok(near(real, said, 1e-5), `${strategy.name}, block ${k}: ${real.map((s, j) => (s - said[j]!).toExponential(1))} tokens apart`);
    }
  }
});

t.test('rows: a hoarder hoards, a copier writes the median row, a bribed one gives its part', async (t) => {
  const hoarded = await play(hoarder, [1]);
  t.same(hoarded.rows[1], [0, 1, 0, 0]);
  t.ok(near(hoarded.rows[0]!, normal(hoarded.scores[0]!), 1e-8), 'the others write what they measured');
  const bribed = await play(lateBribe(0.2, 0), [2]);
  const wanted = normal(bribed.scores[0]!).map((w, j) => 0.8 * w + (j === 2 ? 0.2 : 0));
  t.ok(near(bribed.rows[0]!, wanted, 1e-8));
  const copied = await play(copier(1), [3]);
  t.notOk(near(copied.rows[3]!, normal(copied.scores[3]!), 1e-3), 'not what it measured');
});

t.test('answers: nothing, noise, too much, or what somebody else says', async (t) => {
  const answersOf = async (strategy: Strategy, more: Partial<RunSettings> = {}) => {
    const { members, settings } = await attacked(strategy, [1], more);
    const run = await openLocalRun({ members, settings, seed: SEED, backend });
    try {
      await run.advance('measuring');
      const { run: own, member } = run.participants[0]!;
      const { masked, answers } = await own.view(member.validation);
      const width = settings.width;
      const of = (peer: number) =>
        Array.from({ length: member.validation.size }, (_, b) =>
          answers.responses.subarray((b * N + peer) * width, (b * N + peer + 1) * width),
        );
      return { of, origins: answers.origins, masked, members: run.participants };
    } finally {
      await run.close();
    }
  };
  const flat = (rows: Float64Array[]) => rows.flatMap((row) => [...row]);
  const [zeros, constant, random] = [
    await answersOf(freeRider('zeros')),
    await answersOf(freeRider('constant')),
    await answersOf(freeRider('random')),
  ];
  t.ok(flat(zeros.of(1)).every((x) => x === 0));
  t.ok(flat(constant.of(1)).every((x) => x === 0.5));
  const noise = flat(random.of(1));
  const spread = Math.sqrt(noise.reduce((sum, x) => sum + x * x, 0) / noise.length);
  t.ok(spread > 0.4 && spread < 0.6 && new Set(noise).size === noise.length, `spread ${spread}`);
  const stolen = await answersOf(thief(1));
  t.same(stolen.of(1), stolen.of(2), 'the best other participant');
  t.ok(flat(stolen.of(2)).some((x) => x !== 0));
  const nan = await answersOf(poisoner('nan'));
  t.equal(nan.origins[1], 'nobody', 'NaN is refused on arrival');
  const norm = (row: Float64Array) => Math.hypot(...row);
  const shouted = await answersOf(loud(1000), { answerBound: 1e6 });
  t.ok(Math.max(...shouted.of(1).map(norm)) > 100);
  const bounded = await answersOf(loud(1000), { answerBound: 1.5 });
  t.ok(Math.abs(Math.max(...bounded.of(1).map(norm)) - 1.5) < 1e-12, 'longer ones are scaled down to the bound');
  t.ok(Math.max(...bounded.of(2).map(norm)) <= 1.5);
  const flipped = await answersOf(poisoner('flipped'));
  const labels = (run: typeof flipped) => (run.members[1]!.member.participant.data.targets as { labels: Int32Array }).labels;
  t.same(
    labels(flipped),
    labels(zeros).map((label) => 2 - label),
  );
});

t.test('the rules of the ledger are those of the settings', async (t) => {
  const [plain, defended] = [await play(hoarder, [1]), await play(hoarder, [1], { othersOnly: 1, ratingShare: 0.25 })];
  const last = ({ record }: typeof plain) => record.blocks.at(-1)!.stake[1]!;
  t.ok(last(defended) < last(plain), `${last(defended)} against ${last(plain)} tokens`);
});

t.test('a thief is paid with its victim where peers that answer the same are scored as one', async (t) => {
  const own = (record: Awaited<ReturnType<typeof play>>, peer: number) => record.scores.reduce((sum, row) => sum + row[peer]!, 0);
  const [apart, together] = [await play(thief(1), [1]), await play(thief(1), [1], { copyDistance: 0.001 })];
  t.not(own(apart, 1), own(apart, 2), 'alone, each by its own place in the heads');
  t.equal(own(together, 1), own(together, 2), 'together, half of the score each');
});

t.test('what cannot be played is refused by name', async (t) => {
  await t.rejects(attacked(split(2), [1]), { code: 'BTM_DOMAIN', argument: 'strategy' });
  await t.rejects(attacked(hoarder, [4]), { code: 'BTM_DOMAIN', argument: 'coalition[0]' });
});
