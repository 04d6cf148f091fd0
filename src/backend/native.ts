/** The native backend: an engine of the addon for one instruction set and one number of threads. */
import { EnvironmentError, InputError } from '../core/errors.js';
import { checkInteger, describe } from '../core/validate.js';
import { packageVersion } from '../core/version.js';
import { loadAddon, type NativeEngine } from './load.js';
import type { Backend } from './types.js';

/** The addon's own limit (kMaxThreads). */
const MAX_THREADS = 256;

/** Creates it; the instruction set is the best the processor has unless one is named. */
export function createNativeBackend(isa: string | undefined, threads: number | undefined): Backend {
  if (isa !== undefined && typeof isa !== 'string') {
    throw new InputError('BTM_TYPE', `must be a string, got ${describe(isa)}`, { argument: 'isa', value: isa });
  }
  if (threads !== undefined) checkInteger('threads', threads, 1, MAX_THREADS);
  const { addon } = loadAddon();
  const { isas } = addon.describe();
  if (isa !== undefined && (!Object.hasOwn(isas, isa) || isas[isa] !== 'available')) {
    const attempts = Object.entries(isas).map(([name, status]) => ({ what: name, reason: status }));
    throw new EnvironmentError('BTM_NO_ISA', `instruction set '${isa}' cannot be used`, attempts, [
      'use one that is available, or none to get the best',
    ]);
  }
  const engine: NativeEngine = addon.createEngine(isa, threads);
  return {
    kernels: engine,
    describe: () => ({ kind: 'native', isa: engine.isa, threads: engine.threads, version: packageVersion }),
  };
}
