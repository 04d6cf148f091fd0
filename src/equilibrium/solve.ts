/** One game to its equilibrium: with certificate, trace, checkpoints and cancellation. */
import { type Backend, backendOf } from '../backend/index.js';
import { competitionMask } from '../competition.js';
import { checkCallback, checkInteger, checkOptions, checkSignal } from '../core/validate.js';
import { networkRanking } from '../ranking.js';
import type { RunSettings } from '../reference/equilibrium.js';
import { SearchValues, stateLength } from '../reference/search-values.js';
import { type OpenBatch, openBatch, runBatch } from './batch.js';
import { certify } from './certificate.js';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.js';
import { asGame } from './game.js';
import { Recorder } from './record.js';
import { runSettings, statusKindOf, statusOf } from './settings.js';
import type { Equilibrium, Game, SolveOptions } from './types.js';

/** Steps per job where nothing asks for a look in between. */
const LONGEST_JOB = 2 ** 31;

/**
 * Searches for an equilibrium of the competition game and certifies what it finds.
 *
 * Read `status` and `certificate` before the weights: a step limit or a cycle is a result, not an error.
 * @shape weights [n, n], ranking [n], certificate rows [n]
 * @param options - `game`, `method`, `stop`, `record`, `failure`, `certificate`, `signal`, `onProgress`, `resume`, `onCheckpoint`, `backend`.
 * @returns { status, weights, ranking, unweightedRanking, certificate, trace, stats, state }
 * @throws InputError as createGame; BTM_DOMAIN for a damaged state, or one of another game or method
 * @numerics f64; same bits on every backend, whatever the threads, and whether or not the run was interrupted and resumed
 * @cost per step 2 n^3 FLOP for dense storage, n^2 exponentials, n projections
 * @paper section 3, (11) to (14), R-11, R-15, R-16
 * @example
 * ```ts
 * import { solveEquilibrium } from 'intermodel';
 * const { status, ranking } = await solveEquilibrium({
 *   game: {
 *     n: 2, temperature: 5, alpha: 25, tau: 1,
 *     hessian: { kind: 'diagonal', data: [2, 3] }, initialWeights: [0.5, 0.5, 0.5, 0.5],
 *   },
 *   method: { kind: 'spectral' },
 * });
 * console.log(status.kind, ranking.length); // converged 2
 * ```
 */
export async function solveEquilibrium(options: SolveOptions): Promise<Equilibrium> {
  checkOptions(options);
  checkSignal('signal', options.signal);
  checkCallback('onProgress', options.onProgress);
  checkCallback('onCheckpoint', options.onCheckpoint);
  const backend = backendOf(options.backend);
  const { method } = options;
  const game = asGame(options.game, backend);
  const settings = runSettings(method, options.stop, options.failure, game.n);
  const start = options.resume === undefined ? undefined : decodeCheckpoint(options.resume, game, method);
  const recorder = new Recorder(options.record ?? {}, start?.trace ?? [], game, backend);
  const batch = openBatch([game], method, settings, backend);
  if (start !== undefined) batch.handle.write(running(start.values, game.n));
  const values = await drive(batch, game, settings, options, recorder);
  return resultOf(values, game, options, recorder, backend);
}

/** A state made to run: the rules of this run decide anew whether it is over. */
function running(values: Float64Array, n: number): Float64Array {
  new SearchValues(values, n).outcome = 'running';
  return values;
}

/** Runs to the end in jobs that stop where a record or a checkpoint is due; fills the trace and returns the last state. */
async function drive(
  batch: OpenBatch,
  game: Game,
  settings: RunSettings,
  options: SolveOptions,
  recorder: Recorder,
): Promise<Float64Array> {
  const saveEvery = checkInteger('checkpointEvery', options.checkpointEvery ?? 0, 0);
  const values = new Float64Array(stateLength(game.n));
  const search = new SearchValues(values, game.n);
  for (;;) {
    batch.handle.read(values);
    const { step } = search;
    recorder.look(search);
    if (saveEvery > 0 && step > 0 && step % saveEvery === 0) {
      options.onCheckpoint?.(encodeCheckpoint(values, recorder, game, options.method), step);
    }
    if (search.outcome !== 'running') return values;
    const report = options.onProgress;
    const onSteps =
      report && ((done: number) => report({ stepsDone: step + done, stepsTotal: settings.maxSteps, trialsDone: 0, trials: 1 }));
    const until = Math.min(nextMultiple(step, recorder.every), nextMultiple(step, saveEvery), step + LONGEST_JOB);
    if (await runBatch(batch, step, until - step, options.signal, onSteps)) {
      batch.handle.read(values);
      return values;
    }
  }
}

function nextMultiple(step: number, every: number): number {
  return every === 0 ? Number.POSITIVE_INFINITY : (Math.floor(step / every) + 1) * every;
}

function resultOf(values: Float64Array, game: Game, options: SolveOptions, recorder: Recorder, backend: Backend): Equilibrium {
  const { n, stake } = game;
  const { method } = options;
  const search = new SearchValues(values, n);
  const weights = search.weights.slice();
  const certificate = certify({ ...options.certificate, game, weights, backend });
  const { deadShare } = competitionMask({ ...game, weights, backend });
  const { step, period } = search;
  const residual = certificate.worst.natural;
  let state: Uint8Array | undefined;
  return {
    status: statusOf(statusKindOf(search, deadShare), method, { step, residual, period, deadShare }),
    weights,
    ranking: networkRanking({ weights, stake, n, backend }),
    unweightedRanking: networkRanking({ weights, n, backend }),
    certificate,
    trace: recorder.trace,
    stats: { steps: step, residual, deadShare },
    get state() {
      state ??= encodeCheckpoint(values, recorder, game, method);
      return state;
    },
  };
}
