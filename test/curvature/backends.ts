/** The backends that the curvature tests compare: the oracle, and every instruction set that runs here with 1, 2 and 7 threads. */
import { type Backend, createBackend, loadAddon } from '../../src/backend/index.js';
import { gpus } from '../support/cuda.js';

interface Named {
  readonly name: string;
  readonly backend: Backend;
}

/** The oracle. */
export const reference = createBackend({ kind: 'reference' });

const isas = Object.entries(loadAddon().addon.describe().isas)
  .filter(([, status]) => status === 'available')
  .map(([isa]) => isa);

/** One native backend for each instruction set and number of threads; the GPUs instead where they are what is tested. */
export const natives: readonly Named[] =
  gpus ??
  isas.flatMap((isa) =>
    [1, 2, 7].map((threads) => ({ name: `${isa} with ${threads}`, backend: createBackend({ kind: 'native', isa, threads }) })),
  );

/** The oracle and one native backend for each instruction set. */
export const backends: readonly Named[] = [
  { name: 'reference', backend: reference },
  ...natives.filter(({ name }) => gpus !== undefined || name.endsWith(' with 2')),
];
