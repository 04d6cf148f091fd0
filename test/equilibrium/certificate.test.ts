// What certifies an equilibrium, theorem 6.5.2 as lambda goes to 0, the price of anarchy and the control of tau.
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { payoffPointOf } from '../../src/equilibrium/certificate.js';
import { adaptTau, certify, createGame, type Game, priceOfAnarchy, solveEquilibrium } from '../../src/equilibrium/index.js';
import { maskedLoss } from '../../src/payoff.js';
import { projectBoundedStep, projectSimplex } from '../../src/projection.js';
import { networkRanking } from '../../src/ranking.js';
import { natives } from '../payoff/backends.js';
import { randomGame, uniformRows, wishart } from './games.js';

const { backend } = natives[1];

/** P_i = lossFactor L_i + rankFactor R_i of every participant, through the public functions. */
function payoffs(game: Game, weights: Float64Array): Float64Array {
  const { n, stake, temperature } = game;
  const kinds = ['dense', 'shared', 'lowRank', 'diagonal'] as const;
  const hessian = { kind: kinds[game.hessians.storage], data: game.hessians.data, rank: game.hessians.rank };
  const loss = maskedLoss({ weights, stake, temperature, n, hessian, backend });
  const ranking = networkRanking({ weights, stake, n, backend });
  return loss.map((l, i) => game.lossFactor * l + game.rankFactor * ranking[i]);
}

t.test('an equilibrium survives a search for better deviations, a start does not', async (test) => {
  const game = createGame(randomGame(70, 0, 6), backend);
  const { certificate, status } = await solveEquilibrium({ game, method: { kind: 'spectral' }, certificate: { starts: 5 }, backend });
  test.equal(status.kind, 'converged');
  test.equal(certificate.global?.holds, true, 'no start of any row found a better deviation');
  const before = certify({ game, weights: game.initialWeights, starts: 5, backend });
  test.equal(before.global?.improvedRows.length, 6, 'every row of the start can improve');
  test.ok(before.worst.gap > 1e-3 && before.worst.natural > 1e-3 && before.worst.regret > 1e-4, 'and every residual says so');
});

t.test('the gradient that is certified is that of the payoffs, by differences, and its residuals are those of the definition', (test) => {
  const n = 5;
  for (const alpha of [2, 25]) {
    const game = createGame(randomGame(74, 0, n, { stake: [1, 2, 0.5, 1.5, 3], temperature: 0.4, alpha }), backend);
    const weights = uniformRows(new RandomStream(5), n);
    const { gradient, deadShare } = payoffPointOf(game, weights, backend);
    test.equal(deadShare, 0);
    const h = 1e-6;
    for (let i = 0; i < n; i++) {
      for (let j = 1; j < n; j++) {
        const towards = (step: number) => weights.map((w, at) => w + (at === i * n + j ? step : at === i * n ? -step : 0));
        const slope = (payoffs(game, towards(h))[i] - payoffs(game, towards(-h))[i]) / (2 * h);
        const found = gradient[i * n + j] - gradient[i * n];
        if (Math.abs(slope - found) > 1e-6 * Math.max(1, Math.abs(slope))) test.fail(`row ${i}, ${j}: ${found} against ${slope}`);
      }
    }
    const { gap, natural, worst } = certify({ game, weights, backend });
    for (let i = 0; i < n; i++) {
      const row = (a: ArrayLike<number>) => Array.from({ length: n }, (_, j) => a[i * n + j]);
      const [w, g] = [row(weights), row(gradient)];
      const best = Math.max(...g) - w.reduce((sum, part, j) => sum + part * g[j], 0);
      const projected = projectSimplex({ rows: w.map((part, j) => part + g[j]), n, backend });
      const moved = Math.hypot(...w.map((part, j) => part - projected[j]));
      test.ok(Math.abs(gap[i] - best) < 1e-10 && gap[i] > 0, `gap ${gap[i]} against ${best}`);
      test.ok(Math.abs(natural[i] - moved) < 1e-12 && natural[i] > 0, `residual ${natural[i]} against ${moved}`);
    }
    test.same([worst.gap, worst.natural], [Math.max(...gap), Math.max(...natural)]);
  }
  test.end();
});

t.test('what the search finds is real: the payoff through the public functions rises by it', (test) => {
  const game = createGame(randomGame(71, 0, 5), backend);
  const { global } = certify({ game, weights: game.initialWeights, starts: 3, backend });
  const held = payoffs(game, game.initialWeights);
  for (let i = 0; i < 5; i++) {
    // vertices are among the starts, so no vertex may beat what was found
    for (let j = 0; j < 5; j++) {
      const moved = game.initialWeights.map((w, at) => (Math.floor(at / 5) === i ? (at % 5 === j ? 1 : 0) : w));
      const gain = payoffs(game, moved)[i] - held[i];
      if (gain > (global?.improvement[i] ?? 0) + 1e-9) test.fail(`row ${i} gains more at vertex ${j}`);
    }
  }
  test.pass('no vertex beats the search');
  test.end();
});

/**
 * The ex-post regret of one step among steps of equal length, relative to the best gain: the largest first-order gain at the distance
 * that the step went, less the gain of the step itself.
 */
function stepRegret(game: Game, weights: Float64Array, rate: number, project: (rows: Float64Array) => Float64Array): number {
  const { n } = game;
  const gradient = payoffPointOf(game, weights, backend).gradient;
  const moved = project(weights.map((w, k) => w + rate * gradient[k]));
  let [lost, best] = [0, 0];
  for (let i = 0; i < n; i++) {
    const row = (a: Float64Array) => a.slice(i * n, (i + 1) * n);
    const [w, g, to] = [row(weights), row(gradient), row(moved)];
    const length = Math.hypot(...to.map((entry, j) => entry - w[j]));
    if (length < 1e-14) continue;
    const top = projectBoundedStep({ rows: w, steps: g.map((entry) => entry * 1e6), epsilon: length, n, backend });
    const at = (x: Float64Array): Float64Array => weights.map((entry, k) => (Math.floor(k / n) === i ? x[k % n] : entry));
    const held = payoffs(game, weights)[i];
    const [bestGain, ownGain] = [payoffs(game, at(top))[i] - held, payoffs(game, at(to))[i] - held];
    lost += Math.max(0, bestGain - ownGain);
    best += Math.max(bestGain, 0);
  }
  return lost / best;
}

const clip = (n: number) => (rows: Float64Array) => {
  const kept = rows.map((entry) => Math.max(entry, 0));
  return kept.map((entry, at) => {
    const row = kept.slice(at - (at % n), at - (at % n) + n);
    return entry / row.reduce((a, b) => a + b, 0);
  });
};

t.test('theorem 6.5.2: the regret of a step vanishes with lambda for the exact projection, and stays for clip and renormalise', (test) => {
  const game = createGame(randomGame(72, 0, 8), backend);
  const exact = (rows: Float64Array) => projectSimplex({ rows, n: 8, backend });
  const rates = [1e-2, 1e-3, 1e-4];
  const projected = rates.map((rate) => stepRegret(game, game.initialWeights, rate, exact));
  const clipped = rates.map((rate) => stepRegret(game, game.initialWeights, rate, clip(8)));
  test.comment(`exact ${projected.map((r) => r.toExponential(1))}, clip and renormalise ${clipped.map((r) => r.toExponential(1))}`);
  test.ok(projected[2] < 1e-6, 'exact: tends to 0');
  test.ok(
    clipped.every((regret) => regret > 0.01),
    'clip and renormalise: stays above 1 %',
  );
  test.end();
});

t.test('the price of anarchy: coordination is never worse, and its gradient is that of the total loss', async (test) => {
  const game = createGame(randomGame(73, 0, 6, { alpha: 10 }), backend);
  const { weights } = await solveEquilibrium({ game, method: { kind: 'spectral' }, backend });
  const { ideal, coordinated, competitive, price } = priceOfAnarchy({ game, weights });
  const { n, stake, temperature, hessians } = game;
  const total = (w: Float64Array) =>
    maskedLoss({ weights: w, stake, temperature, n, hessian: { kind: 'dense', data: hessians.data }, backend }).reduce((a, b) => a + b, 0);
  test.ok(Math.abs(total(weights) - competitive.totalLoss) < 1e-10, 'the competitive loss is the sum of losses');
  test.ok((price ?? 0) >= 1 - 1e-9, `price ${price}`);
  const stream = new RandomStream(74);
  for (let k = 0; k < 200; k++) {
    const toward = uniformRows(stream, n);
    const share = 0.01;
    const mixed = coordinated.weights.map((w, at) => (1 - share) * w + share * toward[at]);
    if (total(mixed) < coordinated.totalLoss - 1e-9) test.fail('a random mixture improves on the coordinator');
  }
  for (let j = 0; j < n; j++) {
    let mean = 0;
    for (let i = 0; i < n; i++) mean += hessians.data[(i * n + j) * n + j] / n;
    if (Math.abs(mean - ideal[j]) > 1e-14) test.fail(`ideal ${j}`);
  }
  test.pass('no random mixture improves');
});

t.test('a run of adaptive tau refuses what it cannot steer, and says where it was cancelled', async (test) => {
  const game = {
    n: 2,
    hessian: { kind: 'diagonal', data: [2, 3] },
    initialWeights: [0.5, 0.5, 0.5, 0.5],
    temperature: 5,
    alpha: 1,
  } as const;
  const rest = { method: { kind: 'projectedGradient', rate: 0.05 }, updates: 5, backend } as const;
  const steerable = { ...game, tau: 0, scaling: 'absolute' } as const;
  await test.rejects(adaptTau({ ...rest, game: { ...game, tau: 1 }, controller: { gain: 0.01 } }), {
    name: 'InputError',
    argument: 'game.scaling',
  });
  await test.rejects(adaptTau({ ...rest, game: steerable, controller: { gain: 0.01, law: 'multiplicative' } }), {
    name: 'InputError',
    argument: 'game.tau',
  });
  await test.rejects(adaptTau({ ...rest, game: steerable, controller: { gain: -1 } }), { name: 'InputError', argument: 'controller.gain' });

  const none = await adaptTau({ ...rest, game: steerable, controller: { gain: 0.01 }, updates: 0 });
  test.same([none.status.kind, none.tau, [...none.weights], none.trace.length], ['updateLimit', 0, game.initialWeights, 0]);
  const abort = new AbortController();
  const onProgress = (done: number) => (done === 2 ? abort.abort() : undefined);
  const cut = await adaptTau({ ...rest, game: steerable, controller: { gain: 0.01, target: 4 }, onProgress, signal: abort.signal });
  test.same([cut.status.kind, cut.trace.length], ['aborted', 3]);
  test.equal(cut.tau, cut.trace[2].tau, 'tau stays where the signal met it');
  test.ok(cut.tau > 0);
});

t.test('tau adapts to the target, from zero and from collapse, by either measure', async (test) => {
  const n = 6;
  const stream = new RandomStream(75);
  const terms = { n, hessian: wishart(stream, n), temperature: 5, alpha: 1, scaling: 'absolute' as const };
  const identity = Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0));
  const starts = [
    { name: 'from tau = 0', game: { ...terms, tau: 0, initialWeights: uniformRows(stream, n) } },
    { name: 'from collapse', game: { ...terms, tau: 2, initialWeights: identity } },
  ];
  for (const { name, game } of starts) {
    for (const [measure, target] of [
      ['diagonalRatio', 1],
      ['diagonalShare', 0.5],
    ] as const) {
      const method = { kind: 'projectedGradient', rate: 0.2 } as const;
      const found = await adaptTau({ game, method, controller: { measure, target, gain: 0.002 }, updates: 4000, backend });
      const last = found.trace[found.trace.length - 1];
      const reached = measure === 'diagonalRatio' ? (last.diagonalRatio ?? Number.POSITIVE_INFINITY) : last.diagonalShare;
      test.equal(
        found.status.kind,
        'settled',
        `${name}, ${measure}: ${found.trace.length} updates, tau ${found.tau.toFixed(4)}, ${reached.toFixed(3)}`,
      );
      test.ok(
        found.trace.every((record) => record.tau >= 0),
        'tau never turns negative',
      );
    }
  }
  test.equal(starts.length, 2);
});
