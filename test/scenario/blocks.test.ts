/** The kernel of blocks: the reference's bits on every instruction set, and many games at a time as one after another. */
import t from 'tap';
import type { Kernels } from '../../src/backend/index.js';
import { EMISSION_NORMS, SHIFT_RULES } from '../../src/core/closed-lists.js';
import { RandomStream } from '../../src/core/random.js';
import {
  DEFENCES,
  type Defence,
  decay,
  defencesOf,
  drawWorld,
  lateBribe,
  type PlayOptions,
  playScenario,
  playScenarios,
  REAL_STRATEGIES,
  type Sight,
  type Strategy,
  shiftOverEffective,
  shiftOverStaked,
  stakeCap,
  worldOfRows,
} from '../../src/scenario/index.js';
import { firstDifference, misaligned, nameOf, natives, reference } from '../support/backends.js';

interface Shape {
  readonly games: number;
  readonly blocks: number;
  readonly n: number;
  readonly players: number;
}

const SHAPES: readonly Shape[] = [
  { games: 1, blocks: 1, n: 1, players: 1 },
  { games: 5, blocks: 3, n: 4, players: 3 },
  { games: 3, blocks: 2, n: 9, players: 9 },
  { games: 2, blocks: 4, n: 17, players: 7 },
];

/** Rules of play: [norm, share that rates, rule of the shift, least, decay]. */
const RULES = EMISSION_NORMS.flatMap((_, norm) =>
  SHIFT_RULES.map((__, rule) => [norm, norm === 0 ? 0 : 0.15, rule, 0.4, norm === 1 ? 0.05 : 0] as const),
);

function draw({ games, n, players }: Shape, seed: number, given: boolean) {
  const stream = new RandomStream(20261129, seed);
  const positive = (length: number) => misaligned(stream, length).map((x) => (stream.uniform() < 0.1 ? 0 : Math.abs(x)));
  return {
    rows: positive(games * n * n).map((x) => x / n),
    stake: positive(games * n),
    rating: given ? positive(games * n) : new Float64Array(0),
    shift: given ? positive(games * n) : new Float64Array(0),
    hessian: given ? new Float64Array(0) : misaligned(stream, games * players ** 3),
    carried: positive(games * n),
    source: Int32Array.from({ length: games * n }, () => stream.integer(players)),
    owner: Int32Array.from({ length: games * n }, () => stream.integer(players)),
  };
}

function run(kernels: Kernels, { games, blocks, n, players }: Shape, data: ReturnType<typeof draw>, rules: (typeof RULES)[number]) {
  const out = (length: number) => new Float64Array(length).fill(7);
  const [stakes, minted, losses] = [out(games * (blocks + 1) * n), out(games * n), out(games * players)];
  const [ranking, mask] = [out(games * n), out(games * n * n)];
  const { rows, stake, rating, shift, hessian, carried, source, owner } = data;
  kernels.playBlocks(
    ...([stakes, minted, losses, ranking, mask, rows, stake, rating, shift, hessian, carried, source, owner] as const),
    ...([0.2, 0.3, ...rules, games, blocks, n, players] as const),
  );
  return { stakes, minted, losses, ranking, mask };
}

for (const backend of natives) {
  t.test(`the reference's bits: ${nameOf(backend)}`, async (t) => {
    for (const [at, shape] of SHAPES.entries()) {
      for (const [rule, rules] of RULES.entries()) {
        const data = draw(shape, 10 * at + rule, rule % 2 === 1);
        const [native, oracle] = [run(backend.kernels, shape, data, rules), run(reference.kernels, shape, data, rules)];
        for (const [name, values] of Object.entries(oracle)) {
          const found = native[name as keyof typeof native];
          t.equal(firstDifference(found, values), -1, `${name}, shape ${at}, rules ${rule}`);
        }
      }
    }
  });
}

const worlds = Array.from({ length: 6 }, (_, trial) => drawWorld('wishart-quality', { seed: 8, trial, n: 5 }));
const shared: Omit<PlayOptions, 'strategy' | 'world'> = {
  coalition: [0, 2],
  stakeShare: 0.35,
  blocks: 7,
  temperature: 0.2,
  alpha: 1,
  tau: 0.4,
};
const DEFENDED = 'others-only+stake-cap:0.2+shift-over-staked+bounded-answers';

t.test('many games at a time are what they are alone, also where players come under different numbers of names', async (t) => {
  const sometimes: Strategy = {
    name: 'sometimes two',
    enter({ player, worth }) {
      const k = worth[0]! > worth[1]! ? 2 : 1;
      return Array.from({ length: k }, () => ({ stakeShare: 1 / k, answer: { source: player, share: 1 / k } }));
    },
    row: ({ measured }) => measured,
  };
  const names = playScenarios(worlds, { ...shared, strategy: sometimes }).map(({ members }) => members.length);
  t.same(new Set(names), new Set([5, 7]), 'both kinds are there');
  for (const strategy of [sometimes, REAL_STRATEGIES['copier']!(), REAL_STRATEGIES['thief']!(), REAL_STRATEGIES['dilution']!()]) {
    for (const words of ['paper', DEFENDED]) {
      const options = { ...shared, strategy, defences: defencesOf(words, 'd') };
      const together = playScenarios(worlds, options);
      t.same(
        together,
        worlds.map((world) => playScenario({ ...options, world })),
        `${strategy.name} against ${words}`,
      );
    }
  }
  t.throws(() => playScenarios([worlds[0]!, drawWorld('wishart', { seed: 1, trial: 0, n: 4 })], { ...shared, strategy: lateBribe() }), {
    code: 'BTM_SHAPE',
    argument: 'worlds',
    index: 1,
  });
  const losses = worldOfRows(new Float64Array(25).fill(1), 5);
  t.throws(() => playScenarios([worlds[0]!, losses], { ...shared, strategy: lateBribe() }), {
    code: 'BTM_SHAPE',
    argument: 'worlds',
    index: 1,
  });
  t.same(playScenarios([], { ...shared, coalition: [], strategy: lateBribe() }), []);
});

t.test('a strategy that calls itself steady writes the same at any time; played block by block it ends the same', async (t) => {
  const random = new RandomStream(3, 3);
  const sight = (block: number): Sight => ({
    ...{ block, self: 1, identities: 4, allies: [1, 2], measured: Float64Array.of(0.1, 0.2, 0.3, 0.4) },
    rows: () => Float64Array.from({ length: 16 }, () => random.uniform()),
    stake: Float64Array.from({ length: 4 }, () => random.uniform()),
  });
  let steady = 0;
  for (const [word, make] of Object.entries(REAL_STRATEGIES)) {
    const strategy = make();
    const rows = [0, 1, 19, 20, 400].map((block) => [
      ...Array.from(strategy.row(sight(block), strategy.begin?.())),
      ...(strategy.sway?.(Float64Array.of(0.1, 0.2, 0.3, 0.4), sight(block), [1, 2]) ?? []),
    ]);
    const same = rows.every((row) => JSON.stringify(row) === JSON.stringify(rows[0]));
    t.equal(strategy.steady === true, same, word);
    if (!same) continue;
    steady++;
    for (const words of ['paper', DEFENDED, 'maximum-weight:0.3+no-self-weight', 'decay:0.1']) {
      const options = { ...shared, world: worlds[1]!, defences: defencesOf(words, 'd') };
      const slow = playScenario({ ...options, strategy: { ...strategy, steady: false } });
      t.same(playScenario({ ...options, strategy }), slow, `${word} against ${words}`);
    }
  }
  t.equal(steady, Object.keys(REAL_STRATEGIES).length - 3, 'all but copier, forecaster, sleeper');
  t.equal(lateBribe(0.1, 3).steady, false, 'a bribe that begins later changes rows');
});

t.test('a defence that weighs once reads of stake only who has any', async (t) => {
  const rows = Float64Array.of(0.5, 0.3, 0.2, 0.1, 0.2, 0.7, 0, 0, 1);
  const once = Object.values(DEFENCES).flatMap((make) => (make().weigh === undefined ? [] : [make()]));
  t.same(
    once.filter(({ weighsOnce }) => weighsOnce === true).map(({ name }) => name),
    ['maximum weight(0.5)', 'no self weight', 'others only'],
  );
  for (const { weigh, weighsOnce, name } of once) {
    if (weighsOnce !== true) continue;
    t.same(weigh!(rows, Float64Array.of(1, 2, 3), 3), weigh!(rows, Float64Array.of(9, 1, 1), 3), name);
  }
});

/** The part of a defence that is a number, written out as the function that it stands for. */
const written: readonly (readonly [Defence, Defence])[] = [
  [
    stakeCap(0.15),
    {
      name: 'own cap',
      rate(stake) {
        const total = stake.reduce((sum, s) => sum + s, 0);
        return stake.map((s) => Math.min(s, 0.15 * total));
      },
    },
  ],
  [decay(0.1), { name: 'own decay', settle: (stake) => stake.map((s) => 0.9 * s) }],
  [
    shiftOverStaked(0.9),
    {
      name: 'own shift over staked',
      shift(rows, rating, n) {
        const counted = rating.filter((s) => s >= (0.9 * rating.reduce((sum, x) => sum + x, 0)) / n).length;
        return Float64Array.from({ length: n }, (_, j) => rating.reduce((sum, s, i) => sum + s * rows[i * n + j]!, 0) / counted);
      },
    },
  ],
  [
    shiftOverEffective,
    {
      name: 'own shift over the effective number',
      shift(rows, rating, n) {
        const [sum, squares] = [rating.reduce((all, s) => all + s, 0), rating.reduce((all, s) => all + s * s, 0)];
        return Float64Array.from(
          { length: n },
          (_, j) => (rating.reduce((all, s, i) => all + s * rows[i * n + j]!, 0) * squares) / sum ** 2,
        );
      },
    },
  ],
];
for (const [named, own] of written) {
  t.test(`${named.name} is what the same rule does as a function of one's own`, async (t) => {
    for (const word of ['hoarder', 'dilution', 'copier']) {
      const options = { ...shared, world: worlds[2]!, strategy: REAL_STRATEGIES[word]!() };
      const [one, two] = [playScenario({ ...options, defences: [named] }), playScenario({ ...options, defences: [own] })];
      const plain = playScenario(options);
      for (const part of ['stake', 'minted', 'loss', 'ranking'] as const) {
        t.ok(
          one[part].every((x, k) => Math.abs(x - two[part][k]!) < 1e-11 * Math.max(1, Math.abs(x))),
          `${word}, ${part}`,
        );
      }
      t.ok(
        one.stake.some((x, k) => Math.abs(x - plain.stake[k]!) > 1e-6) || one.loss.some((x, k) => Math.abs(x - plain.loss[k]!) > 1e-6),
        'control',
      );
    }
  });
}

t.test('numbers of one step: of two caps the smaller counts, what is burnt adds up, the last shift stands', async (t) => {
  const play = (...defences: Defence[]) =>
    playScenario({ ...shared, world: worlds[3]!, strategy: REAL_STRATEGIES['hoarder']!(), defences });
  t.same(play(stakeCap(0.3), stakeCap(0.15)), play(stakeCap(0.15)));
  t.same(play(shiftOverStaked(0.9), shiftOverEffective), play(shiftOverEffective));
  const [twice, once] = [play(decay(0.1), decay(0.2)), play(decay(0.28))];
  t.ok(
    twice.stake.every((x, k) => Math.abs(x - once.stake[k]!) < 1e-12),
    '0.9 x 0.8 is 0.72',
  );
});
