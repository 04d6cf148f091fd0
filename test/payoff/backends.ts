/** The backends whose kernels of rankings, competition, payoff and projections are compared. */
import { type Backend, createBackend } from '../../src/backend/index.js';
import { loadAddon } from '../../src/backend/load.js';
import { gpus } from '../support/cuda.js';

/** The oracle. */
export const reference = createBackend({ kind: 'reference' });

/** Every instruction set of this machine on 1, 2 and 7 threads: each must give the reference's bits. */
export const natives: readonly { name: string; backend: Backend }[] =
  gpus ??
  Object.entries(loadAddon().addon.describe().isas)
    .filter(([, status]) => status === 'available')
    .flatMap(([isa]) => [1, 2, 7].map((threads) => ({ isa, threads })))
    .map((choice) => ({ name: `${choice.isa}, ${choice.threads} threads`, backend: createBackend({ kind: 'native', ...choice }) }));

/** The oracle and the natives. */
export const backends: readonly { name: string; backend: Backend }[] = [{ name: 'reference', backend: reference }, ...natives];
