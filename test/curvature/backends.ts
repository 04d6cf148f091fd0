/** The backends that the curvature tests compare: the oracle, and every instruction set that runs here with 1, 2 and 7 threads. */
import { type Backend, createBackend, loadAddon } from '../../src/backend/index.js';

interface Named {
  readonly name: string;
  readonly backend: Backend;
}

/** The oracle. */
export const reference = createBackend({ kind: 'reference' });

const isas = Object.entries(loadAddon().addon.describe().isas)
  .filter(([, status]) => status === 'available')
  .map(([isa]) => isa);

/** One native backend for each instruction set and number of threads. */
export const natives: readonly Named[] = isas.flatMap((isa) =>
  [1, 2, 7].map((threads) => ({ name: `${isa} with ${threads}`, backend: createBackend({ kind: 'native', isa, threads }) })),
);

/** The oracle and one native backend for each instruction set. */
export const backends: readonly Named[] = [
  { name: 'reference', backend: reference },
  ...natives.filter(({ name }) => name.endsWith(' with 2')),
];
