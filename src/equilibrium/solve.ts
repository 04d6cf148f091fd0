/** One game to its equilibrium: with certificate, trace, checkpoints and cancellation. */
import { type Backend, defaultBackend } from '../backend/index.js';
import { competitionMask } from '../competition.js';
import { checkInteger } from '../core/validate.js';
import { networkRanking } from '../ranking.js';
import { type RunSettings, stateLength, stateViews } from '../reference/equilibrium.js';
import { type OpenBatch, openBatch, runBatch } from './batch.js';
import { certify } from './certificate.js';
import { decodeCheckpoint, encodeCheckpoint, keepsRanking, keepsWeights } from './checkpoint.js';
import { asGame } from './game.js';
import { diagonalOf } from './many.js';
import { outcomeOf, runSettings, statusOf } from './settings.js';
import type { Equilibrium, Game, RecordRule, SolveOptions, TraceEntry } from './types.js';

/** Steps per job where nothing asks for a look in between. */
const LONGEST_JOB = 2 ** 31;

/**
 * Searches for an equilibrium of the competition game and certifies what it finds.
 *
 * Read `status` and `certificate` before the weights: a step limit or a cycle is a result, not an error.
 * @shape weights [n, n], ranking [n], certificate rows [n]
 * @param options - `game`, `method`, `stop`, `record`, `failure`, `certificate`, `signal`, `onProgress`, `resume`, `onCheckpoint`, `backend`.
 * @returns { status, weights, ranking, unweightedRanking, certificate, trace, stats, state }
 * @throws InputError as createGame; BTM_DOMAIN for a state of another run
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
  const backend = options.backend ?? defaultBackend();
  const game = asGame(options.game, backend);
  const settings = runSettings(options.method, options.stop, options.failure, game.n);
  const record = options.record ?? {};
  const batch = openBatch([game], options.method, settings, backend);
  const start = options.resume === undefined ? undefined : decodeCheckpoint(options.resume, game, settings, record);
  if (start !== undefined) batch.handle.write(start.values);
  const trace: TraceEntry[] = start?.trace ?? [];
  const values = await drive(batch, game, settings, options, trace, backend);
  const weights = stateViews(values, game.n).weights.slice();
  const certificate = certify({ ...options.certificate, game, weights, backend });
  const { kind, step, period } = outcomeOf(values, game.n);
  const residual = certificate.worst.natural;
  const ranked = { weights, n: game.n, backend };
  return {
    status: statusOf(kind, options.method, step, residual, period),
    weights,
    ranking: networkRanking({ ...ranked, stake: game.stake }),
    unweightedRanking: networkRanking(ranked),
    certificate,
    trace,
    stats: { steps: step, residual, deadShare: competitionMask({ ...game, weights, backend }).deadShare },
    state: encodeCheckpoint(values, trace, game, settings, record),
  };
}

/** Runs to the end in jobs that stop where a record or a checkpoint is due; fills the trace and returns the last state. */
async function drive(
  batch: OpenBatch,
  game: Game,
  settings: RunSettings,
  options: SolveOptions,
  trace: TraceEntry[],
  backend: Backend,
): Promise<Float64Array> {
  const record = options.record ?? {};
  const every = checkInteger('record.every', record.every ?? 0, 0);
  const saveEvery = checkInteger('checkpointEvery', options.checkpointEvery ?? 0, 0);
  const values = new Float64Array(stateLength(game.n));
  for (;;) {
    batch.handle.read(values);
    const { kind, step } = outcomeOf(values, game.n);
    const isOver = kind !== 'aborted';
    const isDue = every > 0 && (step % every === 0 || isOver) && trace.at(-1)?.step !== step;
    if (isDue) trace.push(entryAt(values, game, record, backend));
    if (saveEvery > 0 && step > 0 && step % saveEvery === 0) {
      options.onCheckpoint?.(encodeCheckpoint(values, trace, game, settings, record), step);
    }
    if (isOver) return values;
    const report = options.onProgress;
    const onSteps =
      report && ((done: number) => report({ stepsDone: step + done, stepsTotal: settings.maxSteps, trialsDone: 0, trials: 1 }));
    const until = Math.min(nextMultiple(step, every), nextMultiple(step, saveEvery), step + LONGEST_JOB);
    if (await runBatch(batch, step, until - step, options.signal, onSteps)) {
      batch.handle.read(values);
      return values;
    }
  }
}

function nextMultiple(step: number, every: number): number {
  return every === 0 ? Number.POSITIVE_INFINITY : (Math.floor(step / every) + 1) * every;
}

function entryAt(values: Float64Array, game: Game, record: RecordRule, backend: Backend): TraceEntry {
  const { n, stake } = game;
  const { weights, scalars } = stateViews(values, n);
  const { share, ratio } = diagonalOf(weights, n);
  return {
    step: scalars[0],
    residual: certify({ game, weights, backend }).worst.natural,
    diagonalShare: share,
    diagonalRatio: Number.isFinite(ratio) ? ratio : null,
    ...(keepsRanking(record) ? { ranking: networkRanking({ weights, stake, n, backend }) } : {}),
    ...(keepsWeights(record) ? { weights: weights.slice() } : {}),
  };
}
