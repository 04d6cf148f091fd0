/** One scenario: values worked out by hand, and laws that hold whatever is played. */
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import {
  boundedAnswers,
  boundedRows,
  cabal,
  compareWithTwin,
  consensusClip,
  consensusPull,
  copier,
  DEFENCES,
  decay,
  drawWorld,
  entryCost,
  freeRider,
  griefer,
  hoarder,
  honest,
  lateBribe,
  loud,
  maximumWeight,
  measuredRows,
  noSelfWeight,
  othersOnly,
  type PlayOptions,
  playScenario,
  poisoner,
  type Sight,
  STRATEGIES,
  selfGraded,
  sleeper,
  split,
  thief,
  truths,
  worldOfRows,
} from '../../src/scenario/index.js';

const world = drawWorld('wishart-quality', { seed: 2, trial: 0, n: 5 });
const base: Omit<PlayOptions, 'strategy'> = { world, coalition: [0], blocks: 6, temperature: 0.2, alpha: 0.3, tau: 0.5 };
const near = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance = 1e-12) =>
  a.length === b.length && Array.from(a).every((x, k) => Math.abs(x - b[k]!) <= tolerance);

t.test('one block of two players, by hand', async (t) => {
  // Rows 0: (0.25, 0.75), 1: (0.5, 0.5). Player 0 hoards: (1, 0). Stake 1 and 1, tau 1, l1.
  const given = worldOfRows([1, 3, 2, 2], 2);
  const { stake, minted, ranking } = playScenario({
    world: given,
    coalition: [0],
    strategy: hoarder,
    blocks: 1,
    temperature: 1,
    alpha: 1,
    tau: 1,
  });
  t.ok(near(ranking, [(1 + 0.5) / 2, 0.5 / 2]), 'R = (1/n) sum_i s_i w_ij');
  t.ok(near(minted, [0.75, 0.25]));
  t.ok(near(stake, [1, 1, 1.75, 1.25]), 'stake after each block');
});

t.test('the loss is the quadratic form of what the mask closes, by hand', async (t) => {
  // One Hessian per player, diagonal; all honest, so masks follow from the measured rows.
  const diagonal = drawWorld('diagonal-uniform', { seed: 9, trial: 0, n: 3 });
  const { loss } = playScenario({ ...base, world: diagonal, strategy: honest, blocks: 1, alpha: 1, temperature: 0.5 });
  const rows = [0, 1, 2].map((p) => {
    const row = Array.from(diagonal.scores.subarray(3 * p, 3 * p + 3));
    const sum = row.reduce((a, b) => a + b, 0);
    return row.map((score) => score / sum);
  });
  const mu = [0, 1, 2].map((j) => rows.reduce((sum, row) => sum + row[j]!, 0) / 3);
  const wanted = rows.map((row, p) =>
    row.reduce((sum, w, j) => sum + diagonal.scores[3 * p + j]! * (1 / (1 + Math.exp(-(w - mu[j]!) / 0.5)) - 1) ** 2, 0),
  );
  t.ok(near(loss, wanted), `${loss} against ${wanted}`);
});

t.test('honest is its own twin; l1 mints tau in every block; every backend gives the same bits', async (t) => {
  const twin = compareWithTwin({ ...base, strategy: honest });
  t.equal(twin.gain, 0);
  t.equal(twin.share, twin.twinShare);
  for (const [word, make] of Object.entries(STRATEGIES)) {
    const native = playScenario({ ...base, strategy: make() });
    const total = native.stake.subarray(6 * 5).reduce((sum, s) => sum + s, 0);
    t.ok(Math.abs(total - (5 + 6 * 0.5)) < 1e-9, `${word}: supply is what was there and what was minted`);
    const reference = playScenario({ ...base, strategy: make(), backend: createBackend({ kind: 'reference' }) });
    t.same(reference.stake, native.stake, `${word}: the same stake on the reference`);
    t.same(reference.loss, native.loss, `${word}: the same loss on the reference`);
  }
});

const measured = Float64Array.of(0.1, 0.2, 0.3, 0.4);
const sight: Sight = {
  block: 3,
  self: 1,
  identities: 4,
  allies: [1, 2],
  measured,
  rows: () => Float64Array.from([0.4, 0.3, 0.2, 0.1, 0.1, 0.2, 0.3, 0.4, 0.25, 0.25, 0.25, 0.25, 0.7, 0.1, 0.1, 0.1]),
  stake: Float64Array.of(1, 1, 1, 1),
};

t.test('what each strategy writes, by hand', async (t) => {
  t.ok(near(hoarder.row(sight, undefined), [0, 1, 0, 0]));
  t.ok(near(cabal(0.6).row(sight, undefined), [0.08, 0.3, 0.3, 0.32]), 'c evenly to the coalition, the rest as measured');
  t.ok(near(griefer(1).row(sight, undefined), [0, 2 / 9, 3 / 9, 4 / 9]), 'the first outside the coalition gets nothing');
  t.ok(near(selfGraded(3).row(sight, undefined), [0.05, 0.3, 0.45, 0.2]));
  t.ok(near(sleeper(4).row(sight, undefined), measured), 'before t0');
  t.ok(near(sleeper(3).row(sight, undefined), [0, 1, 0, 0]), 'from t0 on');
  // Columns sorted: 0.7 0.4 0.25 0.1 | 0.3 0.25 0.2 0.1 | 0.3 0.25 0.2 0.1 | 0.4 0.25 0.1 0.1; half of the stake is two raters.
  const median = [0.4, 0.25, 0.25, 0.25];
  t.ok(
    near(
      copier(1).row(sight, undefined),
      median.map((w) => w / 1.15),
    ),
  );
  t.ok(near(lateBribe(0.2, 0).sway!(measured, sight, [1, 2]), [0.08, 0.26, 0.34, 0.32]), 'a fifth of an honest row goes to the coalition');
  t.ok(near(lateBribe(0.2, 4).sway!(measured, sight, [1, 2]), measured), 'not before t0');
  const entry = { player: 0, players: 3, allies: [0], worth: Float64Array.of(9, 1, 2) };
  t.same(thief(0.5).enter!(entry), [{ stakeShare: 1, answer: { source: 2, share: 0.5 } }], 'the best other player');
  t.same(freeRider('random').enter!(entry), [{ stakeShare: 1, answer: { source: 0, share: 0, instead: 'random' } }]);
  t.same(poisoner('nan').enter!(entry), [{ stakeShare: 1, answer: { source: 0, share: 0, instead: 'nan' } }]);
  t.same(poisoner('flipped').teach!(Int32Array.of(0, 3, 9), 10), Int32Array.of(9, 6, 0));
  t.equal(lateBribe(0.2, 0, 0).row(sight, undefined), measured, 'a quiet bribe keeps its own row honest');
  t.ok(near(lateBribe(0.2, 0, 0.5).row(sight, undefined), [0.1, 0.25, 0.25, 0.4]));
  t.same(loud(10).enter!(entry), [{ stakeShare: 1, answer: { source: 0, share: 10 } }]);
  t.equal(
    split(3).enter!(entry).reduce((sum, { stakeShare }) => sum + stakeShare, 0),
    1,
  );
  t.throws(() => cabal(1.5), { code: 'BTM_DOMAIN', argument: 'c' });
});

t.test('what each defence changes, by hand', async (t) => {
  const rows = Float64Array.of(0.75, 0.25, 0.5, 0.5);
  const rating = Float64Array.of(3, 1);
  const moved = boundedRows(Math.SQRT1_2 / 2).record!(Float64Array.of(0.5, 0.5), Float64Array.of(1, 0));
  t.ok(near(moved, [0.75, 0.25]), 'half the way, since the whole is sqrt(1/2) long');
  t.ok(near(maximumWeight(0.6).weigh!(rows, rating, 2), [0.6, 0.25, 0.5, 0.5]));
  t.ok(near(consensusClip(0.8).weigh!(rows, rating, 2), [0.5, 0.25, 0.5, 0.25]), '80 % of the stake support 0.5 and 0.25');
  t.ok(near(consensusPull(0.5, 0.8).weigh!(rows, rating, 2), [17 / 24, 7 / 24, 7 / 12, 5 / 12]), 'half towards (2/3, 1/3)');
  t.ok(near(noSelfWeight.weigh!(rows, rating, 2), [0, 0.25, 0.5, 0]));
  t.ok(
    near(othersOnly.weigh!(Float64Array.of(0.5, 0.3, 0.2, 0.1, 0.2, 0.7, 0, 0, 1), Float64Array.of(1, 1, 1), 3), [
      ...[0, 0.6, 0.4],
      ...[0.125, 0, 0.875],
      ...[0.5, 0.5, 0],
    ]),
    'a hoarder counts evenly for the others',
  );
  const paid = playScenario({ ...base, strategy: honest, defences: [entryCost(0.25)], blocks: 1, tau: 0 });
  t.ok(near(paid.stake.subarray(0, 5), [0.75, 0.75, 0.75, 0.75, 0.75]));
  const quiet = playScenario({ ...base, strategy: loud(10), defences: [boundedAnswers(1)] });
  t.same(quiet.stake, playScenario({ ...base, strategy: honest }).stake, 'a loud answer is scaled down to an honest one');
  for (const [word, make] of Object.entries(DEFENCES)) t.ok(make().name.length > 0, word);
});

t.test('ablation by row differs from plain ablation where raters lose unequal amounts (fact 5)', async (t) => {
  const { ablation, ablationByRow } = truths(worldOfRows([9, 1, 0.1, 0.9], 2));
  t.ok(near(ablation, [4.55, 0.95]));
  t.ok(near(ablationByRow, [0.5, 0.5]));
});

t.test('a strategy that writes a bad row is named', async (t) => {
  const broken = { name: 'broken', row: () => [1, Number.NaN, 0, 0, 0] };
  t.throws(() => playScenario({ ...base, strategy: broken }), { code: 'BTM_DOMAIN', argument: 'strategy broken', index: 1 });
  t.throws(() => playScenario({ ...base, strategy: { name: 'short', row: () => [1] } }), {
    code: 'BTM_DOMAIN',
    argument: 'strategy short',
  });
  t.throws(() => playScenario({ ...base, strategy: honest, coalition: [0, 0] }), { code: 'BTM_DOMAIN', argument: 'coalition', index: 1 });
});

t.test('decay is a larger tau: shares after each block are those of an inflation that grows as stake decays', async (t) => {
  // Stake (1 - d)(s + tau r) has the shares of s + tau r; divided by (1 - d)^h it is the undecayed stake under tau (1 - d)^-h.
  const [d, blocks] = [0.1, 6];
  const decayed = playScenario({ ...base, strategy: hoarder, defences: [decay(d)], blocks });
  let shares = Float64Array.of(0.2, 0.2, 0.2, 0.2, 0.2);
  const honestRows = measuredRows(world, decayed.members);
  let total = 5;
  let held = shares.map((s) => s * total);
  for (let block = 0; block < blocks; block++) {
    const tau = base.tau * (1 - d) ** -block;
    const R = Array.from({ length: 5 }, (_, j) =>
      held.reduce((sum, s, i) => sum + s * (i === 0 ? Number(j === 0) : honestRows[i * 5 + j]!), 0),
    );
    const sum = R.reduce((a, b) => a + b, 0);
    held = held.map((s, j) => s + (tau * R[j]!) / sum);
    total = held.reduce((a, b) => a + b, 0);
    shares = held.map((s) => s / total);
  }
  const last = decayed.stake.subarray(blocks * 5);
  const sum = last.reduce((a, b) => a + b, 0);
  t.ok(
    near(
      last.map((s) => s / sum),
      shares,
    ),
  );
});
