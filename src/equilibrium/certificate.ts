/** How far weights are from an equilibrium: residuals of each row, and a search for better deviations. */
import { type Backend, backendOf } from '../backend/index.js';
import { RandomStream } from '../core/random.js';
import { checkInteger, checkOptions, checkPositive, checkWeights, type NumericArray } from '../core/validate.js';
import { residuals } from '../projection.js';
import { ascend } from './ascent.js';
import { asGame, gameTerms } from './game.js';
import { rowObjective } from './objective.js';
import type { Certificate, CertificateRule, Game, GameOptions, GlobalCheck } from './types.js';

const DEFAULT_EPSILON = 0.1;
/** An improvement of payoff below this, as a share of the payoff's own size, is rounding. */
const IMPROVEMENT_SHARE = 1e-7;
const SEARCH_STEPS = 200;

/** The payoff's gradient of a game at any weights, and the share of masks that do not move with them, on kernels. */
export function payoffPointOf(game: Game, weights: Float64Array, backend: Backend): { gradient: Float64Array; deadShare: number } {
  const { n, stake, referenceMask, hessians } = game;
  const { temperature, lossFactor, rankFactor, shiftGradient, openDiagonal } = gameTerms(game);
  const { kernels } = backend;
  const square = () => new Float64Array(n * n);
  const [mask, derivative, gradient] = [square(), square(), square()];
  const row = new Float64Array(n);
  const dead = new Float64Array(1);
  kernels.competitionMask(mask, derivative, row, dead, weights, stake, temperature, shiftGradient, openDiagonal, n);
  const { data, storage, rank, own } = hessians;
  const lossGradient = square();
  kernels.weightGradient(lossGradient, row, mask, derivative, referenceMask, data, storage, rank, own, n);
  kernels.payoffGradient(gradient, lossGradient, stake, lossFactor, rankFactor, n);
  return { gradient, deadShare: n === 0 ? 0 : dead[0] / (n * n) };
}

/**
 * Certifies weights against a game: first-order residuals of each row and, when asked, a multi-start search for better deviations.
 *
 * The residuals certify a local equilibrium: the payoff is not concave in general. The search is evidence, not proof.
 * @shape weights [n, n]
 * @param options - `game`, `weights`, and the rule: `epsilon`, `starts`, `seed`; `backend`.
 * @returns Gap, natural residual and local regret of each row, the worst of each, and what the search found.
 * @throws InputError as createGame, and BTM_ROWSUM for weights off the simplex
 * @cost one gradient; the search takes n (n + starts + 2) ascents of up to 200 gradient steps of one row
 * @paper section 3, (26), (30), R-15, R-22
 * @example
 * ```ts
 * import { certify, createGame, solveEquilibrium } from 'intermodel';
 * const game = createGame({
 *   n: 2, temperature: 5, alpha: 25, tau: 1, hessian: { kind: 'diagonal', data: [2, 3] }, initialWeights: [0.5, 0.5, 0.5, 0.5],
 * });
 * const { weights } = await solveEquilibrium({ game, method: { kind: 'spectral' } });
 * console.log(certify({ game, weights, starts: 4 }).global?.holds); // true
 * ```
 */
export function certify(options: { game: Game | GameOptions; weights: NumericArray; backend?: Backend } & CertificateRule): Certificate {
  checkOptions(options);
  const backend = backendOf(options.backend);
  const game = asGame(options.game, backend);
  const weights = checkWeights('weights', options.weights, game.n);
  const epsilon = checkPositive('epsilon', options.epsilon ?? DEFAULT_EPSILON);
  const { gradient } = payoffPointOf(game, weights, backend);
  const { gap, natural, regret } = residuals({ weights, gradient, epsilon, n: game.n, backend });
  const most = (values: Float64Array) => values.reduce((a, b) => Math.max(a, b), 0);
  const worst = { gap: most(gap), natural: most(natural), regret: most(regret) };
  const local = { gap, natural, regret, epsilon, worst };
  if (options.starts === undefined) return local;
  const starts = checkInteger('starts', options.starts, 0, 1e6);
  return { ...local, global: searchDeviations(game, weights, starts, checkInteger('seed', options.seed ?? 0, 0)) };
}

/** For every row, the best payoff over deviations of that row alone, from vertices, the centre, the row itself and random points. */
function searchDeviations(game: Game, weights: Float64Array, starts: number, seed: number): GlobalCheck {
  const { n } = game;
  const improvement = new Float64Array(n);
  let scale = 0;
  for (let i = 0; i < n; i++) {
    const row = rowObjective(game, weights, i);
    const held = weights.slice(i * n, (i + 1) * n);
    const payoff = row.at(held).value;
    scale = Math.max(scale, Math.abs(payoff));
    const stream = new RandomStream(seed, i);
    for (let start = 0; start < n + 2 + starts; start++) {
      const reached = ascend(row, startingPoint(start, held, stream), SEARCH_STEPS);
      improvement[i] = Math.max(improvement[i], reached.value - payoff);
    }
  }
  const tolerance = IMPROVEMENT_SHARE * scale;
  const improvedRows = Array.from(improvement.keys()).filter((i) => improvement[i] > tolerance);
  return { starts: n + 2 + starts, improvement, improvedRows, tolerance, holds: improvedRows.length === 0 };
}

function startingPoint(start: number, held: Float64Array, stream: RandomStream): Float64Array {
  const n = held.length;
  if (start < n) return held.map((_, j) => (j === start ? 1 : 0));
  if (start === n) return held.slice();
  if (start === n + 1) return held.map(() => 1 / n);
  const raw = held.map(() => stream.uniform() ** 4 + 1e-12);
  const sum = raw.reduce((a, b) => a + b, 0);
  return raw.map((entry) => entry / sum);
}
