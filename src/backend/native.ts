/** The native backend: an engine of the addon for one instruction set and one number of threads. */
import { EnvironmentError, InputError } from '../core/errors.js';
import { packageVersion } from '../core/version.js';
import { loadAddon, type NativeEngine } from './load.js';
import type { Backend } from './types.js';

/** Creates it; the instruction set is the best the processor has unless one is named. */
export function createNativeBackend(isa: string | undefined, threads: number | undefined): Backend {
  const { addon } = loadAddon();
  const { isas } = addon.describe();
  if (isa !== undefined && isas[isa] !== 'available') {
    const attempts = Object.entries(isas).map(([name, status]) => ({ what: name, reason: status }));
    throw new EnvironmentError('BTM_NO_ISA', `instruction set '${isa}' cannot be used`, attempts, [
      'use one that is available, or none to get the best',
    ]);
  }
  if (threads !== undefined && (!Number.isInteger(threads) || threads < 1 || threads > 256)) {
    throw new InputError('BTM_DOMAIN', `must be an integer between 1 and 256, got ${threads}`, { argument: 'threads', value: threads });
  }
  const engine: NativeEngine = addon.createEngine(isa, threads);
  return {
    kernels: engine,
    describe: () => ({ kind: 'native', isa: engine.isa, threads: engine.threads, version: packageVersion }),
  };
}
