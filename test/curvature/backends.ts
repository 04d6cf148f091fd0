/** The backends that the curvature tests compare. */
import { type Backend, createBackend } from '../../src/backend/index.js';

/** The oracle. */
export const reference = createBackend({ kind: 'reference' });

/** Every backend that must give the reference's bits. */
export const backends: readonly { name: string; backend: Backend }[] = [{ name: 'reference', backend: reference }];
