/** Facts about the mechanism under attack that follow from its equations, each against a closed form or plain counting. */
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import {
  cabal,
  carriedShares,
  type Defence,
  dilution,
  drawWorld,
  lossOf,
  measuredRows,
  paper,
  playScenario,
  STRATEGIES,
  shiftOverEffective,
  shiftOverStaked,
  thief,
  type World,
  worldOfRows,
} from '../../src/scenario/index.js';

/** The coalition's share after supply has grown by `growth`: a* + (a0 - a*) growth^-(1 - c + h), a* = h / (1 - c + h). */
function closedForm(a0: number, c: number, h: number, growth: number): number {
  const rate = 1 - c + h;
  if (rate === 0) return a0;
  return h / rate + (a0 - h / rate) * growth ** -rate;
}

/** Two players in the coalition, two honest ones who give it the part h of their rows. */
function leakyWorld(h: number) {
  const row = [h / 2, h / 2, (1 - h) / 2, (1 - h) / 2];
  return worldOfRows([...row, ...row, ...row, ...row], 4);
}

function shareAfter(a0: number, c: number, h: number, blocks: number, tau: number): number {
  const { stake } = playScenario({
    world: leakyWorld(h),
    coalition: [0, 1],
    strategy: cabal(c),
    stakeShare: a0,
    blocks,
    temperature: 1,
    alpha: 0,
    tau,
  });
  const last = stake.subarray(blocks * 4);
  return (last[0]! + last[1]!) / last.reduce((sum, s) => sum + s, 0);
}

t.test('fact 1: a leak decides the share of a coalition, whatever its stake', async (t) => {
  // 0.317 is the published check: a0 = 0.01, h = 0.1, c = 1, supply times 41.
  t.ok(Math.abs(closedForm(0.01, 1, 0.1, 41) - 0.317) < 5e-4);
  const random = new RandomStream(17, 1);
  let worst = 0;
  for (let trial = 0; trial < 200; trial++) {
    const [a0, c, h] = [0.01 + 0.9 * random.uniform(), random.uniform(), random.uniform()];
    const [blocks, tau] = [500, 0.016]; // supply times 3
    worst = Math.max(worst, Math.abs(shareAfter(a0, c, h, blocks, tau) - closedForm(a0, c, h, 1 + (blocks * tau) / 4)));
  }
  t.ok(worst < 1e-3, `200 random (a, c, h): at most ${worst.toExponential(1)} from the closed form`);
});

t.test('fact 1: the share grows exactly where h > a (1 - c) / (1 - a)', async (t) => {
  const random = new RandomStream(17, 2);
  for (let trial = 0; trial < 50; trial++) {
    const [a, c] = [0.05 + 0.5 * random.uniform(), random.uniform()];
    const edge = (a * (1 - c)) / (1 - a);
    for (const h of [edge * 0.8, Math.min(1, edge * 1.2 + 1e-6)]) {
      const grown = shareAfter(a, c, h, 1, 0.4) - a;
      t.equal(Math.sign(grown), h > edge ? 1 : -1, `a ${a.toFixed(3)}, c ${c.toFixed(3)}, h ${h.toFixed(4)}: ${grown.toExponential(1)}`);
    }
  }
});

/** Share of open masks with m empty identities beside 10 players, over some worlds. */
function openShare(m: number, defence: Defence): number {
  let sum = 0;
  const trials = 20;
  for (let trial = 0; trial < trials; trial++) {
    const world = drawWorld('wishart', { seed: 5, trial, n: 10 });
    const { openShare: share, members } = playScenario({
      world,
      coalition: [0],
      strategy: m === 0 ? cabal(0) : dilution(m),
      defences: [defence],
      blocks: 1,
      temperature: 0.05,
      alpha: 1,
      tau: 0,
    });
    // Only masks between identities with stake: the others' are open or closed for reasons of their own.
    sum += (share * members.length ** 2) / 100;
  }
  return sum / trials;
}

t.test('fact 2: empty identities open the masks; counting staked raters, or their effective number, closes them again', async (t) => {
  const world = drawWorld('wishart', { seed: 5, trial: 0, n: 10 });
  const shifts = (m: number) => {
    let seen: Float64Array | undefined;
    const probe: Defence = {
      name: 'probe',
      shift(rows, rating, n) {
        seen = Float64Array.from({ length: n }, (_, j) => {
          let sum = 0;
          for (let i = 0; i < n; i++) sum += rating[i]! * rows[i * n + j]!;
          return sum / n;
        });
        return seen;
      },
    };
    playScenario({ world, coalition: [0], strategy: dilution(m), defences: [probe], blocks: 1, temperature: 0.05, alpha: 1, tau: 0 });
    return seen!.filter((_, j) => j === 0 || j > m);
  };
  const [alone, diluted] = [shifts(0 + 1), shifts(30)];
  for (const [j, mu] of diluted.entries()) {
    t.ok(Math.abs(mu / alone[j]! - 11 / 40) < 1e-12, `mu_${j} is lowered by (n + 1) / (n + m)`);
  }
  t.ok(openShare(30, paper) > openShare(10, paper) && openShare(10, paper) > openShare(0, paper), 'the paper opens with m');
  for (const cure of [shiftOverStaked(0.01), shiftOverEffective]) {
    t.ok(Math.abs(openShare(100, cure) - openShare(1, cure)) < 1e-9, `${cure.name}: m does not matter`);
  }
});

/** What all players measure of player j. */
const column = ({ scores, players }: World, j: number) =>
  Array.from({ length: players }, (_, p) => scores[p * players + j]!).reduce((sum, q) => sum + q, 0);
const alone = [0, 1, 2, 3].map((player) => ({ player, stakeShare: 1, answer: { source: player, share: 1 } }));

t.test('facts 3 and 4: parts divide q by k, copies by the head share the answer, merging pays', async (t) => {
  const world = drawWorld('wishart-quality', { seed: 3, trial: 0, n: 4 });
  const q = world.scores[1 * 4 + 0]!;
  for (const k of [2, 3, 5]) {
    const parts = Array.from({ length: k }, () => ({ player: 0, stakeShare: 1 / k, answer: { source: 0, share: 1 / k } }));
    const others = [1, 2, 3].map((player) => ({ player, stakeShare: 1, answer: { source: player, share: 1 } }));
    const carried = carriedShares([...parts, ...others]);
    const sum = carried.subarray(0, k).reduce((total, share) => total + share ** 2 * q, 0);
    t.ok(Math.abs(sum - q / k) < 1e-12 * q, `${k} parts: the sum of q is q / ${k}`);
    // Shapley of the quadratic form is a row sum of the Gram matrix, and linear in the parts.
    const shapley = carried.subarray(0, k).reduce((total, share) => total + share, 0);
    t.ok(Math.abs(shapley - 1) < 1e-12, `${k} parts: the sum of Shapley values is unchanged`);
    const copies = carriedShares([...parts.map((part) => ({ ...part, answer: { source: 0, share: 1 } })), ...others]);
    t.ok(
      copies.subarray(0, k).every((share) => Math.abs(share - 1 / k) < 1e-15),
      `${k} copies carry 1/${k} each, so each scores q / ${k * k}`,
    );
  }
  // A thief is such a copy, whatever it would have answered itself.
  const stolen = drawWorld('wishart-quality', { seed: 3, trial: 0, n: 4 });
  const best = [1, 2, 3].reduce((most, j) => (column(stolen, j) > column(stolen, most) ? j : most), 1);
  const theft = playScenario({ world: stolen, coalition: [0], strategy: thief(1), blocks: 1, temperature: 1, alpha: 0, tau: 0 });
  t.same(
    Array.from(carriedShares(theft.members), (share, j) => [j, share]).filter(([, share]) => share !== 1),
    [
      [0, 0.5],
      [best, 0.5],
    ],
  );
  // Scored as one and shared out, parts and copies get q together, and a thief half of what it stole.
  for (const word of ['split', 'copies'] as const) {
    const { members: two } = playScenario({
      world,
      coalition: [0],
      strategy: STRATEGIES[word]!(),
      blocks: 1,
      temperature: 1,
      alpha: 0,
      tau: 0,
    });
    const [apart, together] = [measuredRows(world, two), measuredRows(world, two, true)];
    const honestRow = measuredRows(world, alone);
    t.ok(Math.abs(together[2 * 5]! + together[2 * 5 + 1]! - honestRow[1 * 4]!) < 1e-14, `${word}: the quotient pays as for one`);
    t.ok(apart[2 * 5]! + apart[2 * 5 + 1]! < 0.9 * honestRow[1 * 4]!, `${word}: without it they lose`);
  }
  const rowOf = (quotient: boolean) => measuredRows(stolen, theft.members, quotient).subarray(4, 8);
  const [q1, qBest] = [stolen.scores[1 * 4 + [1, 2, 3].find((j) => j !== best)!]!, stolen.scores[1 * 4 + best]!];
  const other = [1, 2, 3].find((j) => j !== best)!;
  t.ok(Math.abs(rowOf(false)[0]! / rowOf(false)[other]! - (0.25 * qBest) / q1) < 1e-12, 'a thief scores a quarter');
  t.ok(Math.abs(rowOf(true)[0]! / rowOf(true)[other]! - (0.5 * qBest) / q1) < 1e-12, 'and by the quotient a half');
  // Merging: removing both answers at once costs q_0 + q_2 + 2 G_02, found through the loss of a closed mask.
  const members = alone;
  const carried = new Float64Array(4).fill(1);
  const without = (...closed: number[]) => {
    const mask = Float64Array.from({ length: 4 }, (_, j) => (closed.includes(j) ? 0 : 1));
    return lossOf(world, members, carried, 1, mask, 0);
  };
  const gram = world.hessian![(1 * 4 + 0) * 4 + 2]!;
  const apart = without(0) + without(2);
  t.ok(Math.abs(without(0) - q) < 1e-12 * q, 'closing one input costs its score');
  t.ok(Math.abs(without(0, 2) - apart * (1 + (2 * gram) / apart)) < 1e-12, 'merging pays by 1 + 2 G / (q + q)');
  const rows = measuredRows(world, members);
  for (let i = 0; i < 4; i++)
    t.ok(Math.abs(rows.subarray(4 * i, 4 * i + 4).reduce((sum, w) => sum + w, 0) - 1) < 1e-14, `row ${i} sums to 1`);
});
