/** Games handed to a backend once, and driven in jobs that can be cancelled and watched. */
import type { Backend, Kernels } from '../backend/index.js';
import type { RunSettings } from '../reference/equilibrium.js';
import { stateLength } from '../reference/search-values.js';
import { gameTerms } from './game.js';
import { shuffledRows } from './order.js';
import { checkedMethod, initialState } from './settings.js';
import type { Game, Method } from './types.js';

/** How often progress is reported while a job runs. */
const PROGRESS_MS = 100;
/** Orders of the rows that are drawn and handed over together. */
const ORDERS_AT_ONCE = 64;

/** One handle of a backend, with the order of the rows that the method asks for. */
export interface OpenBatch {
  readonly games: readonly Game[];
  readonly handle: ReturnType<Kernels['createGameBatch']>;
  /** [games, stateLength(n)]: the states that were handed over, and room for those that are read back. */
  readonly states: Float64Array;
  /** Hands over the orders of the rows from this step up to the step it returns, for order 'random'; undefined where every step is alike. */
  readonly reorder?: (step: number) => number;
}

/** Hands games of one size and storage to the backend. */
export function openBatch(games: readonly Game[], method: Method, settings: RunSettings, backend: Backend): OpenBatch {
  const n = games[0]?.n ?? 0;
  const hessians = [...new Set(games.map((game) => game.hessians))];
  const { storage = 0, rank = 0, own = 0 } = hessians[0] ?? {};
  const terms = games.flatMap((game) => {
    const { temperature, lossFactor, rankFactor, shiftGradient, openDiagonal, clip } = gameTerms(game);
    return [temperature, lossFactor, rankFactor, shiftGradient, openDiagonal, clip];
  });
  const place = new Map(hessians.map((hessian, k) => [hessian, k]));
  const handle = backend.kernels.createGameBatch(
    hessians.map((hessian) => hessian.data),
    Int32Array.from(games, (game) => place.get(game.hessians) ?? 0),
    concatenate(games.map((game) => game.stake)),
    concatenate(games.map((game) => game.referenceMask)),
    Float64Array.from(terms),
    settingList(settings),
    storage,
    rank,
    own,
    games.length,
    n,
  );
  const length = stateLength(n);
  const states = new Float64Array(games.length * length);
  for (const [k, game] of games.entries()) initialState(game, settings, states.subarray(k * length, (k + 1) * length));
  handle.write(states);
  const { order, seed } = checkedMethod(method);
  if (order === 'simultaneous') return { games, handle, states };
  const rows = Int32Array.from({ length: n }, (_, row) => row);
  if (n > 0) handle.setOrders(rows);
  if (n === 0 || order === 'sequential') return { games, handle, states };
  return { games, handle, states, reorder: (step) => handOverOrders(handle, rows, seed, step) };
}

/** Draws the orders of the steps up to the next multiple of ORDERS_AT_ONCE; returns that step. */
function handOverOrders(handle: OpenBatch['handle'], rows: Int32Array, seed: number, from: number): number {
  const first = from - (from % ORDERS_AT_ONCE);
  const orders = new Int32Array(ORDERS_AT_ONCE * rows.length);
  for (let k = 0; k < ORDERS_AT_ONCE; k++) orders.set(shuffledRows(rows, seed, first + k), k * rows.length);
  handle.setOrders(orders);
  return first + ORDERS_AT_ONCE;
}

/** Advances a batch by up to `steps` steps from step `from`; true when the signal cut it short. */
export async function runBatch(
  batch: OpenBatch,
  from: number,
  steps: number,
  signal: AbortSignal | undefined,
  onSteps?: (done: number) => void,
): Promise<boolean> {
  if (batch.reorder === undefined) return (await runJob(batch, steps, signal, onSteps)).isAborted;
  for (let at = from, done = 0; at < from + steps; ) {
    const most = Math.min(batch.reorder(at), from + steps) - at;
    const before = done;
    const job = await runJob(batch, most, signal, onSteps && ((now) => onSteps(before + now)));
    if (job.isAborted) return true;
    if (job.made === 0) return false; // every game has ended
    at += most;
    done += job.made;
  }
  return false;
}

/** For how long brief runs may follow one another before timers and signals get a turn. */
const TURN_MS = 10;
let turnBegan = Number.NEGATIVE_INFINITY;

async function letOthersRun(): Promise<void> {
  if (performance.now() - turnBegan < TURN_MS) return;
  await new Promise((resolve) => setImmediate(resolve));
  turnBegan = performance.now();
}

/** One job: the updates made, over all games, and whether the signal cut it short. */
async function runJob(
  batch: OpenBatch,
  steps: number,
  signal?: AbortSignal,
  onSteps?: (done: number) => void,
): Promise<{ made: number; isAborted: boolean }> {
  if (isAborted(signal)) return { made: 0, isAborted: true };
  const brief = batch.handle.runHere(steps);
  if (brief >= 0) {
    onSteps?.(brief);
    await letOthersRun();
    return { made: brief, isAborted: isAborted(signal) };
  }
  const job = batch.handle.run(steps);
  const cancel = () => job.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  const timer = onSteps === undefined ? undefined : setInterval(() => onSteps(job.progress()[0]), PROGRESS_MS);
  try {
    await job.promise;
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', cancel);
  }
  const [made] = job.progress();
  onSteps?.(made);
  return { made, isAborted: isAborted(signal) };
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted ?? false;
}

function settingList(settings: RunSettings): Float64Array {
  const { method, rate, leastRate, largestRate, tolerance, maxSteps, checkEvery, stopOnCycle, epsilon } = settings;
  return Float64Array.of(method, rate, leastRate, largestRate, tolerance, maxSteps, checkEvery, stopOnCycle, epsilon);
}

/** The arrays in one; a single one as it is. */
function concatenate(arrays: readonly Float64Array[]): Float64Array {
  if (arrays.length === 1) return arrays[0];
  const out = new Float64Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    out.set(array, at);
    at += array.length;
  }
  return out;
}
