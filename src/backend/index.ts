/** Choosing a backend. Never a silent fallback: what is asked for runs, or an error says why not. */
import { BACKEND_KINDS } from '../core/closed-lists.js';
import { InputError } from '../core/errors.js';
import { checkOneOf, checkOptions, describe } from '../core/validate.js';
import { type CudaBackend, createCudaBackend } from './cuda.js';
import { createNativeBackend } from './native.js';
import { createReferenceBackend } from './reference.js';
import type { Backend, BackendKind } from './types.js';

export { packageRoot } from '../core/package.js';
export { packageVersion } from '../core/version.js';
export type { CudaBackend, CudaDescription, Upload } from './cuda.js';
export { loadAddon, platformTarget } from './load.js';
export type { Backend, BackendDescription, BackendKind, Kernels } from './types.js';

/** Which backend to create. */
export interface BackendOptions {
  readonly kind: BackendKind;
  /** Native only: 'scalar', 'neon', 'avx2' or 'avx512'. Default: the best this processor has. */
  readonly isa?: string;
  /** Native only: 1 to 256. Default: the machine's hardware threads. Results do not depend on it. */
  readonly threads?: number;
  /** CUDA only: which GPU, from 0. Default: the first. */
  readonly device?: number;
}

/**
 * Creates a backend.
 *
 * @param options - `kind`, and for the native one the instruction set and the number of threads.
 * @returns A backend to pass as `backend` to any public function, or to {@link setDefaultBackend}.
 * @throws EnvironmentError BTM_NO_BINARY when the addon does not load, BTM_NO_ISA when the instruction set is missing,
 *   BTM_NO_CUDA when there is no CUDA module, driver or device, or INTERMODEL_CUDA is set to off; its attempts say which and why.
 * @numerics Every backend gives the same 64 bits for the same input.
 * @example
 * ```ts
 * import { createBackend } from 'intermodel';
 * const backend = createBackend({ kind: 'native', threads: 2 });
 * console.log(backend.describe().kind); // native
 * ```
 */
export function createBackend(options: BackendOptions & { readonly kind: 'cuda' }): CudaBackend;
export function createBackend(options: BackendOptions): Backend;
export function createBackend(options: BackendOptions): Backend {
  checkOptions(options);
  const kind = checkOneOf('kind', options.kind, BACKEND_KINDS);
  if (options.device !== undefined && kind !== 'cuda') {
    throw new InputError('BTM_DOMAIN', 'takes no device', { argument: `kind '${kind}'`, remedy: "It belongs to kind 'cuda'." });
  }
  if (kind === 'native') return createNativeBackend(options.isa, options.threads);
  if (options.isa !== undefined || options.threads !== undefined) {
    throw new InputError('BTM_DOMAIN', `takes neither isa nor threads`, {
      argument: `kind '${kind}'`,
      remedy: "They belong to kind 'native'.",
    });
  }
  if (kind === 'reference') return createReferenceBackend();
  return createCudaBackend({ device: options.device });
}

let chosen: Backend | undefined;

/** The backend that functions use when they are given none: native, or what {@link setDefaultBackend} chose. */
export function defaultBackend(): Backend {
  chosen ??= createBackend({ kind: 'native' });
  return chosen;
}

/** Makes every later call without an explicit backend use this one. */
export function setDefaultBackend(backend: Backend): void {
  chosen = checkBackend(backend);
}

/** The backend of a call: the one it names, else the default. */
export function backendOf(given: Backend | undefined): Backend {
  return given === undefined ? defaultBackend() : checkBackend(given);
}

function checkBackend(value: unknown): Backend {
  const backend = value as Partial<Backend> | null | undefined;
  if (typeof backend?.kernels === 'object' && backend.kernels !== null && typeof backend.describe === 'function') {
    return backend as Backend;
  }
  throw new InputError('BTM_TYPE', `must be a backend, got ${describe(value)}`, {
    argument: 'backend',
    value,
    remedy: "Make one with createBackend({ kind: 'native' }).",
  });
}
