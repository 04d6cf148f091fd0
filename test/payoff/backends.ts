/** The backends whose market kernels are compared. */
import { type Backend, createBackend } from '../../src/backend/index.js';

/** The oracle. */
export const reference = createBackend({ kind: 'reference' });

/** Every backend that must give the reference's bits. */
export const natives: readonly { name: string; backend: Backend }[] = [];

/** The oracle and the natives. */
export const backends: readonly { name: string; backend: Backend }[] = [{ name: 'reference', backend: reference }, ...natives];
