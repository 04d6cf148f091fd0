/** Finds a tensorflow.js that works here: tfjs-node when it is installed and loads, otherwise tfjs with its wasm backend. */
// Without tensorflow.js its types are of any type, and the declarations of this package still hold.
// biome-ignore lint/suspicious/noTsIgnore: it must hold with and without the package
/** @ts-ignore */

import type * as tensorflow from '@tensorflow/tfjs';
import { type Attempt, EnvironmentError } from '../../core/errors.js';
import { FEATURES, installCommand } from '../../core/optional-packages.js';
import { requireHere } from '../../core/require.js';

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
    supplyRemovedUtilities();
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
    installCommand(FEATURES.tensorflow),
    'or npm install @tensorflow/tfjs-node (its install script fetches libtensorflow)',
    'or give the participants plain functions as models',
  ]);
}

/** Functions of node:util that the last release of tfjs-node calls and that Node 23 removed, as Node 22 defined them. */
const REMOVED = {
  isNullOrUndefined: (value: unknown) => value === null || value === undefined,
  isArray: (value: unknown) => Array.isArray(value),
  isString: (value: unknown) => typeof value === 'string',
  isNumber: (value: unknown) => typeof value === 'number',
  isBoolean: (value: unknown) => typeof value === 'boolean',
  isNull: (value: unknown) => value === null,
  isUndefined: (value: unknown) => value === undefined,
  isObject: (value: unknown) => value !== null && typeof value === 'object',
  isFunction: (value: unknown) => typeof value === 'function',
} as const;

/** Adds them where they are missing: tfjs-node finds them on the module object, so they have to be there before it loads. */
function supplyRemovedUtilities(): void {
  const util = requireHere('node:util') as Record<string, unknown>;
  for (const [name, test] of Object.entries(REMOVED)) {
    if (util[name] === undefined) Object.defineProperty(util, name, { value: test, writable: true, configurable: true, enumerable: false });
  }
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
