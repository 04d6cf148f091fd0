/** Figure 5: inflation that adapts until the weights are as self-centred as wanted. */

import type { Backend } from '../backend/index.js';
import { defaultBackend } from '../backend/index.js';
import { exp } from '../core/arithmetic/index.js';
import { InputError } from '../core/errors.js';
import { checkInteger, checkNonNegative, checkOneOf, checkPositive } from '../core/validate.js';
import { networkRanking } from '../ranking.js';
import { stateLength, stateViews } from '../reference/equilibrium.js';
import { type OpenBatch, openBatch, runBatch } from './batch.js';
import { asGame } from './game.js';
import { diagonalOf } from './many.js';
import { runSettings } from './settings.js';
import type { Game, GameOptions, Method } from './types.js';

/** How tau follows the measured sparsity. */
export interface TauController {
  /** 'integral' (default): tau + gain e. 'multiplicative': tau exp(gain e), which needs a start above 0. */
  readonly law?: 'integral' | 'multiplicative';
  /** 'diagonalRatio' (default): the words, trace over the rest. 'diagonalShare': the formula, trace over all. */
  readonly measure?: 'diagonalRatio' | 'diagonalShare';
  /** Wanted value of the measure, > 0. Default 1. A diagonalShare of 1 is the identity, the worst ranking. */
  readonly target?: number;
  /** Change of tau for an error of 1, > 0. */
  readonly gain: number;
  /** Errors beyond this count as this much: at W = I the ratio is infinite. Default 1. */
  readonly largestError?: number;
  /** tau stays within [0, largestTau], and the integral with it, so it cannot wind up. Default infinity. */
  readonly largestTau?: number;
}

/** Options of {@link adaptTau}. */
export interface AdaptOptions {
  /** Scaling must be 'absolute', equation (10): tau varies. Its tau is the start. */
  readonly game: Game | GameOptions;
  readonly method: Method;
  readonly controller: TauController;
  /** Steps of the game between two changes of tau. Default 10. */
  readonly stepsPerUpdate?: number;
  /** Changes of tau at most. */
  readonly updates: number;
  /** Settled when the measure stays within this of the target, as a share of it, for `settledFor` updates. Default 0.01. */
  readonly tolerance?: number;
  /** Default 20. */
  readonly settledFor?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
  readonly backend?: Backend;
}

/** One update of tau. */
export interface TauRecord {
  readonly step: number;
  /** tau during the steps that led here. */
  readonly tau: number;
  readonly diagonalShare: number;
  /** null when nobody gives anything to anybody else. */
  readonly diagonalRatio: number | null;
  /** R [n] by (5). */
  readonly ranking: Float64Array;
}

/** A controlled run. */
export interface AdaptedTau {
  readonly status: { readonly kind: 'settled' | 'updateLimit' | 'aborted'; readonly message: string };
  readonly tau: number;
  readonly weights: Float64Array;
  readonly trace: readonly TauRecord[];
}

/**
 * Adapts the inflation rate until the weights are as self-centred as the target asks.
 *
 * Whether the ranking improves on the way depends on the start: coming down from collapse it does, rising from tau = 0 it gets worse.
 * @shape weights [n, n], ranking [n]
 * @param options - `game` with scaling 'absolute', `method`, `controller`, `updates`; the start is the game's tau and weights.
 * @returns The record of every update, the last tau and weights, and a status.
 * @throws InputError BTM_DOMAIN for scaling 'ratio' or a multiplicative law from tau = 0; and what createGame throws
 * @numerics f64; same bits on every backend
 * @paper section 3, Figure 5, R-17, R-20, R-21
 * @example
 * ```ts
 * import { adaptTau } from 'intermodel';
 * const game = {
 *   n: 2, temperature: 5, alpha: 1, tau: 0, scaling: 'absolute',
 *   hessian: { kind: 'diagonal', data: [2, 3] }, initialWeights: [0.5, 0.5, 0.5, 0.5],
 * } as const;
 * const method = { kind: 'projectedGradient', rate: 0.05 } as const;
 * const { trace } = await adaptTau({ game, method, controller: { gain: 0.01 }, updates: 3 });
 * console.log(trace.length); // 3
 * ```
 */
export async function adaptTau(options: AdaptOptions): Promise<AdaptedTau> {
  const backend = options.backend ?? defaultBackend();
  const game = asGame(options.game, backend);
  const control = checkController(options.controller, game);
  const updates = checkInteger('updates', options.updates, 0);
  const perUpdate = checkInteger('stepsPerUpdate', options.stepsPerUpdate ?? 10, 1);
  const tolerance = checkNonNegative('tolerance', options.tolerance ?? 0.01);
  const settledFor = checkInteger('settledFor', options.settledFor ?? 20, 1);
  const settings = runSettings(options.method, { residual: 0, maxSteps: 2 ** 40 }, { onCycle: 'continue' }, game.n);
  const batch = openBatch([game], options.method, settings, backend);
  const values = new Float64Array(stateLength(game.n));
  const trace: TauRecord[] = [];
  let tau = game.tau;
  let within = 0;
  let kind: AdaptedTau['status']['kind'] = 'updateLimit';
  for (let update = 0; update < updates && kind === 'updateLimit'; update++) {
    batch.handle.setFactors(Float64Array.of(game.lossFactor), Float64Array.of(tau));
    const aborted = await runBatch(batch, update * perUpdate, perUpdate, options.signal);
    keepRunning(batch, values, game.n);
    trace.push(recordAt(values, (update + 1) * perUpdate, tau, game, backend));
    const error = control.errorOf(trace[trace.length - 1]);
    within = Math.abs(error) <= tolerance * control.target ? within + 1 : 0;
    if (aborted) kind = 'aborted';
    else if (within >= settledFor) kind = 'settled';
    else tau = control.next(tau, error);
    options.onProgress?.(update + 1, updates);
  }
  const weights = stateViews(values, game.n).weights.slice();
  return {
    status: { kind, message: messageOf(kind, updates) },
    tau,
    weights: trace.length > 0 ? weights : game.initialWeights.slice(),
    trace,
  };
}

/** A game at rest is not over: tau is about to change. */
function keepRunning(batch: OpenBatch, values: Float64Array, n: number): void {
  batch.handle.read(values);
  stateViews(values, n).scalars[1] = 0;
  batch.handle.write(values);
}

function recordAt(values: Float64Array, step: number, tau: number, game: Game, backend: Backend): TauRecord {
  const weights = stateViews(values, game.n).weights.slice();
  const { share, ratio } = diagonalOf(weights, game.n);
  const ranking = networkRanking({ weights, stake: game.stake, n: game.n, backend });
  return { step, tau, diagonalShare: share, diagonalRatio: Number.isFinite(ratio) ? ratio : null, ranking };
}

function checkController(controller: TauController, game: Game) {
  const law = checkOneOf('controller.law', controller?.law ?? 'integral', ['integral', 'multiplicative']);
  const measure = checkOneOf('controller.measure', controller.measure ?? 'diagonalRatio', ['diagonalRatio', 'diagonalShare']);
  const target = checkPositive('controller.target', controller.target ?? 1);
  const gain = checkPositive('controller.gain', controller.gain);
  const bound = checkPositive('controller.largestError', controller.largestError ?? 1);
  const largestTau =
    controller.largestTau === undefined ? Number.POSITIVE_INFINITY : checkPositive('controller.largestTau', controller.largestTau);
  if (game.scaling !== 'absolute') {
    throw new InputError('BTM_DOMAIN', "must have scaling 'absolute'", {
      argument: 'game.scaling',
      value: game.scaling,
      remedy: 'tau varies here, so (10) applies and not (13).',
    });
  }
  if (law === 'multiplicative' && game.tau === 0) {
    throw new InputError('BTM_DOMAIN', 'must start above 0 for a multiplicative law', { argument: 'game.tau', value: 0 });
  }
  return {
    target,
    errorOf: (record: TauRecord): number => {
      const measured = measure === 'diagonalShare' ? record.diagonalShare : (record.diagonalRatio ?? Number.POSITIVE_INFINITY);
      return Math.max(-bound, Math.min(bound, target - measured));
    },
    next: (tau: number, error: number): number =>
      Math.min(largestTau, Math.max(0, law === 'integral' ? tau + gain * error : tau * exp(gain * error))),
  };
}

function messageOf(kind: AdaptedTau['status']['kind'], updates: number): string {
  if (kind === 'settled') return 'The measure stayed at its target.';
  if (kind === 'aborted') return 'The run was cancelled; the trace ends where it stood.';
  return `The measure had not settled after ${updates} updates: allow more, or lower the gain if tau swings.`;
}
