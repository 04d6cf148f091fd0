/** Finds a tensorflow.js that works here: tfjs-node when it is installed and loads, otherwise tfjs with its wasm backend. */
import type * as tensorflow from '@tensorflow/tfjs';
import { type Attempt, EnvironmentError } from '../../core/errors.js';

/** The module, as both packages export it. */
export type Tensorflow = typeof tensorflow;

/** A loaded tensorflow.js and what it runs on. */
export interface TensorflowEngine {
  readonly tf: Tensorflow;
  readonly name: 'tfjs-node' | 'tfjs-wasm';
  readonly version: string;
  /** Candidates that were tried before and did not load, with the reason. */
  readonly attempts: readonly Attempt[];
}

/** Which engine to use; `auto` tries tfjs-node, then wasm, and says so in `attempts`. */
export type TensorflowChoice = 'auto' | 'tfjs-node' | 'tfjs-wasm';

const LOADERS: Record<TensorflowEngine['name'], () => Promise<{ tf: Tensorflow; version: string }>> = {
  'tfjs-node': async () => {
    const tf = unwrap(await import('@tensorflow/tfjs-node')) as unknown as Tensorflow;
    await tf.ready();
    return { tf, version: tf.version['tfjs'] };
  },
  'tfjs-wasm': async () => {
    const tf = unwrap(await import('@tensorflow/tfjs')) as unknown as Tensorflow;
    await import('@tensorflow/tfjs-backend-wasm');
    if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend did not start');
    await tf.ready();
    return { tf, version: tf.version['tfjs'] };
  },
};

/**
 * Loads tensorflow.js on demand.
 *
 * @throws EnvironmentError BTM_NO_PACKAGE listing every candidate and why it did not load
 */
export async function loadTensorflow(choice: TensorflowChoice = 'auto'): Promise<TensorflowEngine> {
  const candidates: TensorflowEngine['name'][] = choice === 'auto' ? ['tfjs-node', 'tfjs-wasm'] : [choice];
  const attempts: Attempt[] = [];
  for (const name of candidates) {
    try {
      return { ...(await withoutNewHandlers(LOADERS[name])), name, attempts };
    } catch (error) {
      attempts.push({ what: name, reason: (error as Error).message.split('\n')[0] });
    }
  }
  throw new EnvironmentError('BTM_NO_PACKAGE', 'no tensorflow.js could be loaded', attempts, [
    'npm install @tensorflow/tfjs @tensorflow/tfjs-backend-wasm',
    'or npm install @tensorflow/tfjs-node (Node 20 or 22)',
    'or give the participants plain functions as models',
  ]);
}

const PROCESS_EVENTS = ['uncaughtException', 'unhandledRejection'] as const;

/** The wasm build of tensorflow.js installs process-wide handlers that rethrow; what a process does with its errors is not a library's to decide. */
async function withoutNewHandlers<T>(load: () => Promise<T>): Promise<T> {
  const before = PROCESS_EVENTS.map((event) => new Set<unknown>(process.listeners(event as 'uncaughtException')));
  try {
    return await load();
  } finally {
    for (const [at, event] of PROCESS_EVENTS.entries()) {
      for (const listener of process.listeners(event as 'uncaughtException')) {
        if (!before[at].has(listener)) process.off(event, listener);
      }
    }
  }
}

/** Both packages are CommonJS: under ESM their exports may sit behind `default`. */
function unwrap(module: object): object {
  return 'default' in module && typeof module.default === 'object' && module.default !== null ? module.default : module;
}
