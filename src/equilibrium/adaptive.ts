/** Figure 5: inflation that adapts until the weights are as self-centred as wanted. */

import type { Backend } from '../backend/index.js';
import { backendOf } from '../backend/index.js';
import { InputError } from '../core/errors.js';
import { checkCallback, checkInteger, checkNonNegative, checkOptions, checkSignal } from '../core/validate.js';
import { networkRanking } from '../ranking.js';
import { SearchValues, stateLength } from '../reference/search-values.js';
import { type OpenBatch, openBatch, runBatch } from './batch.js';
import { checkController, checkStart, steer, type TauController } from './controller.js';
import { asGame } from './game.js';
import { diagonalOf } from './many.js';
import { runSettings } from './settings.js';
import type { Game, GameOptions, Method } from './types.js';

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
  /** null where all weight is on the diagonal. */
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
  checkOptions(options);
  checkSignal('signal', options.signal);
  checkCallback('onProgress', options.onProgress);
  const backend = backendOf(options.backend);
  const game = asGame(options.game, backend);
  const controller = checkController(options.controller);
  checkStart(controller, 'game.tau', game.tau);
  checkScaling(game);
  const updates = checkInteger('updates', options.updates, 0);
  const perUpdate = checkInteger('stepsPerUpdate', options.stepsPerUpdate ?? 10, 1);
  const tolerance = checkNonNegative('tolerance', options.tolerance ?? 0.01);
  const settledFor = checkInteger('settledFor', options.settledFor ?? 20, 1);
  const settings = runSettings(options.method, { residual: 0, maxSteps: 2 ** 40 }, { onCycle: 'continue' }, game.n);
  const batch = openBatch([game], options.method, settings, backend);
  const values = new Float64Array(stateLength(game.n));
  const trace: TauRecord[] = [];
  let { tau } = game;
  let integral = tau;
  let within = 0;
  let kind: AdaptedTau['status']['kind'] = 'updateLimit';
  for (let update = 0; update < updates && kind === 'updateLimit'; update++) {
    batch.handle.setFactors(Float64Array.of(game.lossFactor), Float64Array.of(tau));
    const aborted = await runBatch(batch, update * perUpdate, perUpdate, options.signal);
    keepRunning(batch, values, game.n);
    const record = recordAt(values, (update + 1) * perUpdate, tau, game, backend);
    trace.push(record);
    const value = record[controller.measure];
    within = value !== null && Math.abs(controller.target - value) <= tolerance * controller.target ? within + 1 : 0;
    if (aborted) kind = 'aborted';
    else if (within >= settledFor) kind = 'settled';
    else ({ integral, tau } = steer(controller, integral, value));
    options.onProgress?.(update + 1, updates);
  }
  const weights = new SearchValues(values, game.n).weights.slice();
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
  new SearchValues(values, n).outcome = 'running';
  batch.handle.write(values);
}

function recordAt(values: Float64Array, step: number, tau: number, game: Game, backend: Backend): TauRecord {
  const weights = new SearchValues(values, game.n).weights.slice();
  const { share, ratio } = diagonalOf(weights, game.n);
  const ranking = networkRanking({ weights, stake: game.stake, n: game.n, backend });
  return { step, tau, diagonalShare: share, diagonalRatio: Number.isFinite(ratio) ? ratio : null, ranking };
}

function checkScaling({ scaling }: Game): void {
  if (scaling === 'absolute') return;
  throw new InputError('BTM_DOMAIN', "must have scaling 'absolute'", {
    argument: 'game.scaling',
    value: scaling,
    remedy: 'tau varies here, so (10) applies and not (13).',
  });
}

function messageOf(kind: AdaptedTau['status']['kind'], updates: number): string {
  if (kind === 'settled') return 'The measure stayed at its target.';
  if (kind === 'aborted') return 'The run was cancelled; the trace ends where it stood.';
  return `The measure had not settled after ${updates} updates: allow more, or lower the gain if tau swings.`;
}
