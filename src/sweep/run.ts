/** Runs a sweep, or a shard of it, into a folder: draws, solves, writes, and goes on where a killed run stopped. */

import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Backend } from '../backend/index.js';
import { AbortedError } from '../core/errors.js';
import { checkOptions } from '../core/validate.js';
import { checkShard, type Layout, layoutOf, type Shard, shardUnits, type Unit, unitOfShard } from './layout.js';
import type { SweepTask } from './spec.js';
import { openStore, type ResultStore } from './store.js';
import { type SweepSummary, writeSummary } from './summary.js';
import { drawUnits, type ManySolver, solveTrials } from './trials.js';

/** How far a sweep is. */
export interface SweepProgress {
  readonly rowsDone: number;
  /** Rows that were there when this run began. */
  readonly rowsFound: number;
  readonly rowsTotal: number;
}

/** Options of {@link runSweep}. */
export interface SweepOptions {
  readonly task: SweepTask;
  /** Results go to this folder; a folder half done by the same task is finished. */
  readonly folder: string;
  readonly solve: ManySolver;
  readonly shard?: Shard;
  readonly signal?: AbortSignal;
  readonly backend?: Backend;
  readonly onProgress?: (progress: SweepProgress) => void;
}

/** What a run did. */
export interface SweepResult {
  readonly folder: string;
  readonly rowsFound: number;
  readonly rowsTotal: number;
  readonly summary: SweepSummary;
}

/** Folder of a shard inside that of the whole sweep. */
export function shardFolder(folder: string, shard: Shard | undefined): string {
  return shard === undefined || shard.count === 1 ? folder : join(folder, `shard-${shard.index}-of-${shard.count}`);
}

/** Time a chunk of work should take, so that little is lost when the process is killed, and the largest memory its games may take. */
const CHUNK_MS = 150;
const CHUNK_BYTES = 32 << 20;
const CHUNK_ROWS = 256;

/**
 * Runs a sweep.
 *
 * @param options - The task, the folder, and optionally a shard, a signal and a backend.
 * @returns Where the results are, how many were found there, and the summary, which is also written.
 * @throws AbortedError when the signal fires: everything solved so far is on disk. Errors of the store.
 * @numerics results do not depend on threads, chunks, shards, kills or the backend.
 * @cost Memory is bounded by a chunk of games, whatever the number of trials.
 */
export async function runSweep(options: SweepOptions): Promise<SweepResult> {
  checkOptions(options);
  const { task, folder } = options;
  const layout = layoutOf(task);
  const shard = checkShard(options.shard);
  const store = openStore(folder, task, shard, layout);
  const units = shardUnits(layout, shard);
  const rowsFound = store.unitsDone * layout.unitRows;
  const rowsTotal = units * layout.unitRows;
  try {
    await solveRemaining(options, layout, shard, units, store, rowsFound);
  } finally {
    store.close();
  }
  return { folder, rowsFound, rowsTotal, summary: await writeSummary(folder) };
}

async function solveRemaining(
  options: SweepOptions,
  layout: Layout,
  shard: Shard,
  units: number,
  store: ResultStore,
  rowsFound: number,
): Promise<void> {
  const { task, signal, onProgress, solve, backend } = options;
  const context = { solve, ...(signal === undefined ? {} : { signal }), ...(backend === undefined ? {} : { backend }) };
  const report = (done: number): void => onProgress?.({ rowsDone: done * layout.unitRows, rowsFound, rowsTotal: units * layout.unitRows });
  let size = 1;
  report(store.unitsDone);
  for (let done = store.unitsDone; done < units; ) {
    throwIfAborted(signal);
    const chunk = chunkOf(layout, shard, done, Math.min(size, units - done));
    const began = performance.now();
    const rows = await solveTrials(task, drawUnits(task, chunk), context);
    await setImmediate(); // lets Ctrl-C and timers be heard, whatever the solver does
    throwIfAborted(signal); // games cut short are no results
    store.append(rows);
    done += chunk.length;
    report(done);
    size = nextSize(size, performance.now() - began, chunk[0]!, layout);
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new AbortedError('the sweep');
}

function chunkOf(layout: Layout, shard: Shard, from: number, count: number): Unit[] {
  return Array.from({ length: count }, (_, offset) => layout.unit(unitOfShard(shard, from + offset)));
}

/** Doubles or halves the chunk towards its time; which chunks are formed changes no result. */
function nextSize(size: number, tookMs: number, unit: Unit, layout: Layout): number {
  const { n, hessian } = unit.cells[0]!;
  const bytes = 8 * ((hessian === 'diagonal-uniform' ? n * n : n * n * n) + layout.unitRows * 4 * n * n);
  const limit = Math.max(1, Math.floor(Math.min(CHUNK_BYTES / bytes, CHUNK_ROWS / layout.unitRows)));
  const wanted = tookMs < CHUNK_MS / 2 ? size * 2 : tookMs > 2 * CHUNK_MS ? Math.ceil(size / 2) : size;
  return Math.min(limit, wanted);
}
