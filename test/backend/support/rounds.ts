/**
 * Rounds that once killed or hung the process, one kind per run: `node rounds.js KIND ROUNDS` in a process of its own. The last line it prints
 * is JSON. test/backend/crash.test.ts runs a few dozen of each, `npm run test:runtimes` many on every runtime that it finds.
 */
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type NativeEngine, openEngine } from './engine.js';

const SELF = fileURLToPath(import.meta.url);
const ENDLESS = 2 ** 39;
const N = 16;
const DIAGONAL = 3;

/** A handle whose runs never end by themselves. */
export function endlessBatch(engine: NativeEngine) {
  const settings = Float64Array.of(0, 1e-3, 1e-3, 1e6, 0, 2 ** 40, 2 ** 20, 0, 0);
  const square = new Float64Array(N * N).fill(1);
  const terms = Float64Array.of(10, 1, 1, 0, 0, 0);
  const data = new Float64Array(N).fill(1);
  return engine.createGameBatch([data], new Int32Array(1), data, square, terms, settings, DIAGONAL, 0, 0, 1, N);
}

/** More jobs than threads: the last ones stay queued. */
function manyJobs(engine: NativeEngine, extra = 3) {
  return Array.from({ length: availableParallelism() + extra }, () => endlessBatch(engine).run(ENDLESS));
}

/** The worker's side: says that it has begun, then keeps the addon busy in the way that was asked for. */
async function inWorker(kind: string): Promise<void> {
  const engine = openEngine();
  if (kind === 'load') {
    parentPort?.postMessage('ready');
    return;
  }
  if (kind === 'loops') {
    engine.exp(new Float64Array(1000), new Float64Array(1000));
    const job = endlessBatch(engine).run(1);
    await job.promise;
    parentPort?.postMessage('ready');
    return;
  }
  if (kind === 'queued') {
    manyJobs(engine);
    parentPort?.postMessage('ready');
    return;
  }
  // 'settling': short jobs settle all the time, so that terminate() meets one that is settling
  const batches = Array.from({ length: 4 }, () => endlessBatch(engine));
  const spin = async (batch: (typeof batches)[number]) => {
    for (;;) await batch.run(1).promise;
  };
  for (const batch of batches) void spin(batch);
  parentPort?.postMessage('ready');
}

function startWorker(kind: string): { worker: Worker; ready: Promise<unknown>; exited: Promise<unknown> } {
  const worker = new Worker(SELF, { workerData: { kind } });
  const ready = new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  return { worker, ready, exited: new Promise((resolve) => worker.once('exit', resolve)) };
}

function threads(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0;
}

type Report = Record<string, number | string>;

const kinds: Record<string, (rounds: number) => Promise<Report>> = {
  /** Workers terminated while their jobs settle. */
  async settling(rounds) {
    for (let round = 0; round < rounds; round++) {
      const { worker, ready } = startWorker('settling');
      await ready;
      for (let turn = round % 7; turn > 0; turn--) await new Promise(setImmediate);
      await worker.terminate();
    }
    return {};
  },

  /** The addon is loaded in workers alone: its threads must outlive them, and be no more for the last than for the third. */
  async workersOnly(rounds) {
    let early = 0;
    for (let round = 0; round < rounds; round++) {
      const { ready, exited } = startWorker('loops');
      await ready;
      await exited;
      if (round === 2) early = threads();
    }
    return { early, late: threads() };
  },

  /** Workers terminated while they hold more jobs than there are threads. */
  async queuedTerminate(rounds) {
    let slowest = 0;
    for (let round = 0; round < rounds; round++) {
      const { worker, ready } = startWorker('queued');
      await ready;
      const start = performance.now();
      await worker.terminate();
      slowest = Math.max(slowest, performance.now() - start);
    }
    return { slowest };
  },

  /** A queued job is cancelled: it settles while those ahead of it run on. */
  async queuedAbort(rounds) {
    const engine = openEngine();
    let slowest = 0;
    for (let round = 0; round < rounds; round++) {
      const jobs = manyJobs(engine);
      const last = jobs.pop();
      const ahead = jobs.map(() => false);
      jobs.forEach((job, k) => {
        void job.promise.then(() => {
          ahead[k] = true;
        });
      });
      const start = performance.now();
      last?.cancel();
      await last?.promise;
      slowest = Math.max(slowest, performance.now() - start);
      if (ahead.includes(true)) throw new Error('a running job settled first');
      if (last?.progress()[0] !== 0) throw new Error('the queued job ran');
      for (const job of jobs) job.cancel();
      await Promise.all(jobs.map((job) => job.promise));
    }
    return { slowest };
  },

  /** Cancelled before, during and after; twice; and a handle is usable after each. */
  async abort(rounds) {
    const engine = openEngine();
    for (let round = 0; round < rounds; round++) {
      const batch = endlessBatch(engine);
      const states = new Float64Array(4 * N * N + 16);
      for (const when of ['before', 'during', 'after', 'during']) {
        const job = batch.run(when === 'after' ? 1 : ENDLESS);
        if (when === 'before') job.cancel();
        while (when === 'during' && job.progress()[0] === 0) await new Promise(setImmediate);
        if (when === 'after') await job.promise;
        job.cancel();
        job.cancel();
        await job.promise;
        try {
          batch.read(states);
        } catch (error) {
          if ((error as { code?: string }).code !== 'BTM_SHAPE') throw error;
        }
      }
    }
    return {};
  },

  /** process.exit() while six workers hold more jobs than there are threads. The parent takes the time. */
  async exit() {
    const all = Array.from({ length: 6 }, () => startWorker('queued'));
    await Promise.all(all.map(({ ready }) => ready));
    console.log(JSON.stringify({ kind: 'exit' }));
    process.exit(0);
  },

  /** The same from the main thread's own jobs. */
  async exitMain() {
    manyJobs(openEngine());
    console.log(JSON.stringify({ kind: 'exitMain' }));
    process.exit(0);
  },

  /** Addon loaded in several workers at once, all ending by themselves. */
  async load(rounds) {
    for (let round = 0; round < rounds; round++) {
      const all = Array.from({ length: 4 }, () => startWorker('load'));
      await Promise.all(all.map(({ ready }) => ready));
      await Promise.all(all.map(({ exited }) => exited));
    }
    return {};
  },
};

/** Every kind, in the order the tests run them. */
export const KINDS: readonly string[] = Object.keys(kinds);

if (!isMainThread && (workerData as { kind?: string } | null)?.kind !== undefined) {
  await inWorker(workerData.kind);
} else if (process.argv[1] === SELF) {
  const [kind = '', rounds = '1'] = process.argv.slice(2);
  const run = kinds[kind];
  if (run === undefined) throw new Error(`no such kind: ${kind}`);
  console.log(JSON.stringify({ kind, rounds: Number(rounds), ...(await run(Number(rounds))) }));
}
