// The objectives of the searches against the public functions and finite differences, and the searches against brute force.
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { certify, createGame, type Game, type GameOptions } from '../../src/equilibrium/index.js';
import { jointObjective, type Objective, rowObjective } from '../../src/equilibrium/objective.js';
import { maskedLoss } from '../../src/payoff.js';
import { networkRanking } from '../../src/ranking.js';
import { hessians, stakes } from '../payoff/states.js';
import { randomGame, uniformRows } from './games.js';

const KINDS = ['dense', 'shared', 'lowRank', 'diagonal'] as const;

/** P_i = lossFactor L_i + rankFactor R_i of every participant, through the public functions. */
function payoffs(game: Game, weights: Float64Array): Float64Array {
  const { n, stake, temperature, openDiagonal, reference, initialWeights } = game;
  const hessian = { kind: KINDS[game.hessians.storage], data: game.hessians.data, rank: game.hessians.rank };
  const loss = maskedLoss({ weights, stake, temperature, n, hessian, openDiagonal, reference, initialWeights });
  const ranking = networkRanking({ weights, stake, n });
  return loss.map((l, i) => game.lossFactor * l + game.rankFactor * ranking[i]);
}

function games(n: number): Game[] {
  const stream = new RandomStream(90, n);
  return hessians(stream, n).flatMap((hessian, k) => {
    const terms = { n, hessian, stake: stakes(stream, n).map((s) => s + 0.5), temperature: 1 + (k % 3), alpha: 3, tau: 2 };
    const initialWeights = uniformRows(stream, n);
    return [
      createGame({ ...terms, initialWeights, reference: 'initial' } as GameOptions),
      createGame({ ...terms, initialWeights, openDiagonal: true, scaling: 'absolute', utility: 'gain' } as GameOptions),
    ];
  });
}

/** Central differences of an objective, with the error that they leave. */
function numericGradient(objective: Objective, weights: Float64Array): Float64Array {
  const step = 1e-5;
  return weights.map((_, k) => {
    const moved = (by: number) => objective.at(weights.map((w, at) => (at === k ? w + by : w))).value;
    return (8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * step);
  });
}

t.test("a row's objective is its payoff at any deviation, and its gradient the slope of it", (test) => {
  const n = 5;
  for (const [k, game] of games(n).entries()) {
    const stream = new RandomStream(91, k);
    const weights = uniformRows(stream, n);
    for (let row = 0; row < n; row++) {
      const objective = rowObjective(game, weights, row);
      const deviation = uniformRows(stream, n).slice(0, n);
      const moved = weights.slice();
      moved.set(deviation, row * n);
      const { value, gradient } = objective.at(deviation);
      const expected = payoffs(game, moved)[row];
      test.ok(Math.abs(value - expected) <= 1e-12 * (1 + Math.abs(expected)), `payoff of row ${row}, game ${k}`);
      const slope = numericGradient(objective, deviation);
      const size = slope.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
      for (let j = 0; j < n; j++) test.ok(Math.abs(slope[j] - gradient[j]) <= 1e-8 * (size + 1), `slope ${row}, ${j}, game ${k}`);
    }
  }
  test.end();
});

t.test('the joint objective is minus the total loss, and its gradient holds the part of every shift', (test) => {
  const n = 4;
  for (const [k, game] of games(n).entries()) {
    const weights = uniformRows(new RandomStream(92, k), n);
    const objective = jointObjective(game);
    const { value, gradient } = objective.at(weights);
    const { stake, temperature, openDiagonal, reference, initialWeights } = game;
    const hessian = { kind: KINDS[game.hessians.storage], data: game.hessians.data, rank: game.hessians.rank };
    const total = maskedLoss({ weights, stake, temperature, n, hessian, openDiagonal, reference, initialWeights }).reduce(
      (a, b) => a + b,
      0,
    );
    test.ok(Math.abs(value + total) <= 1e-12 * (1 + total), `game ${k}`);
    const slope = numericGradient(objective, weights);
    const size = slope.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
    for (let at = 0; at < n * n; at++) test.ok(Math.abs(slope[at] - gradient[at]) <= 1e-8 * (size + 1), `slope ${at}, game ${k}`);
  }
  test.end();
});

t.test('the search for better deviations finds what brute force finds, no more and no less', (test) => {
  const n = 2;
  for (let trial = 0; trial < 6; trial++) {
    const options = randomGame(93, trial, n, { temperature: 0.3, stake: [1.5, 0.7] });
    const game = createGame(options);
    const { global } = certify({ game, weights: game.initialWeights, starts: 3 });
    const held = payoffs(game, game.initialWeights);
    for (let row = 0; row < n; row++) {
      let best = 0;
      for (let k = 0; k <= 4000; k++) {
        const moved = game.initialWeights.slice();
        moved.set([k / 4000, 1 - k / 4000], row * n);
        best = Math.max(best, payoffs(game, moved)[row] - held[row]);
      }
      const found = global?.improvement[row] ?? 0;
      test.ok(Math.abs(found - best) <= 1e-4 * (1 + best), `row ${row}, trial ${trial}: ${found} against ${best}`);
    }
  }
  test.end();
});
