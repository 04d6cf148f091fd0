/** The empirical game and the integer ledger agree where they should: the same strategy value, the same stake over time. */
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import type { Parameters } from '../../src/ledger/index.js';
import {
  boundedRows,
  cabal,
  consensusClip,
  consensusPull,
  type Defence,
  drawWorld,
  othersOnly,
  playOnLedger,
  playScenario,
  STRATEGIES,
  stakeCap,
  worldOfRows,
} from '../../src/scenario/index.js';

const world = drawWorld('wishart-quality', { seed: 6, trial: 0, n: 5 });
const shared = { world, coalition: [0, 1], stakeShare: 0.3, blocks: 12, tau: 0.4 };

/** Largest difference of any stake in tokens, over all blocks. */
const apart = (a: Float64Array, b: Float64Array) => a.reduce((most, x, k) => Math.max(most, Math.abs(x - b[k]!)), 0);

// Strategies that do not read stake see the same on both; the ledger shows stake one block later.
for (const word of Object.keys(STRATEGIES).filter((name) => name !== 'copier' && name !== 'forecaster')) {
  t.test(`${word}: the ledger pays what the empirical game says`, async (t) => {
    const strategy = STRATEGIES[word]!();
    const game = playScenario({ ...shared, strategy, temperature: 1, alpha: 0 });
    const ledger = await playOnLedger({ ...shared, strategy });
    t.same(ledger.refused, {}, 'no guard refuses');
    const difference = apart(game.stake, ledger.stake);
    t.ok(difference < 1e-6, `at most ${difference.toExponential(1)} tokens apart: rows are rounded to 1e-9`);
  });
}

t.test('a bounded step of a row is the same step on both', async (t) => {
  // A sleeper walks from its honest row to itself in steps of 0.1.
  const strategy = STRATEGIES['sleeper']!();
  const long = { ...shared, blocks: 30, strategy };
  const game = playScenario({ ...long, temperature: 1, alpha: 0, defences: [boundedRows(0.1)] });
  const ledger = await playOnLedger({ ...long, parameters: { epsilon: 100_000_000 } });
  t.same(ledger.refused, {});
  t.ok(apart(game.stake, ledger.stake) < 1e-5, 'the way to the new row is the same');
  const free = playScenario({ ...long, temperature: 1, alpha: 0 });
  t.ok(apart(game.stake, free.stake) > 1e-3, 'control: without the bound the stake differs');
});

const onLedger: [string, Defence[], Partial<Parameters>][] = [
  ['others only', [othersOnly], { othersOnly: 1 }],
  ['stake cap', [stakeCap(0.18)], { ratingShare: 180_000_000 }],
  ['consensus clip', [consensusClip(0.5)], { consensus: 500_000_000 }],
  ['consensus pull', [consensusPull(0.3, 0.5)], { consensus: 500_000_000, consensusPull: 300_000_000 }],
  ['all of them', [stakeCap(0.18), othersOnly, consensusClip(0.4)], { ratingShare: 180_000_000, othersOnly: 1, consensus: 400_000_000 }],
];
for (const [name, defences, parameters] of onLedger) {
  t.test(`${name}: the ledger's parameter does what the defence says`, async (t) => {
    for (const word of ['hoarder', 'cabal', 'griefer', 'late-bribe', 'dilution']) {
      const strategy = STRATEGIES[word]!();
      const game = playScenario({ ...shared, strategy, temperature: 1, alpha: 0, defences });
      const ledger = await playOnLedger({ ...shared, strategy, parameters });
      t.same(ledger.refused, {}, word);
      const difference = apart(game.stake, ledger.stake);
      t.ok(difference < 1e-6, `${word}: at most ${difference.toExponential(1)} tokens apart`);
      const plain = playScenario({ ...shared, strategy, temperature: 1, alpha: 0 });
      t.ok(apart(plain.stake, ledger.stake) > 1e-3, `${word}: control, the defence changes something`);
    }
  });
}

t.test('fact 1 on the ledger: the share follows the closed form', async (t) => {
  const random = new RandomStream(17, 3);
  let worst = 0;
  for (let trial = 0; trial < 10; trial++) {
    const [a0, c, h] = [0.05 + 0.8 * random.uniform(), random.uniform(), random.uniform()];
    const row = [h / 2, h / 2, (1 - h) / 2, (1 - h) / 2];
    const [blocks, tau] = [250, 0.032]; // supply times 3
    const leaky = worldOfRows([...row, ...row, ...row, ...row], 4);
    const { stake } = await playOnLedger({ world: leaky, coalition: [0, 1], strategy: cabal(c), stakeShare: a0, blocks, tau });
    const last = stake.subarray(blocks * 4);
    const share = (last[0]! + last[1]!) / last.reduce((sum, s) => sum + s, 0);
    const rate = 1 - c + h;
    worst = Math.max(worst, Math.abs(share - (h / rate + (a0 - h / rate) * 3 ** -rate)));
  }
  t.ok(worst < 2e-3, `10 random (a, c, h): at most ${worst.toExponential(1)} from the closed form`);
});

t.test('the same scenario gives the same ledger to the byte', async (t) => {
  const strategy = cabal(0.5);
  const [one, two] = [await playOnLedger({ ...shared, strategy }), await playOnLedger({ ...shared, strategy })];
  t.equal(one.root, two.root);
  t.not(one.root, (await playOnLedger({ ...shared, strategy, tau: 0.5 })).root);
});
