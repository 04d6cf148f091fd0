/** What a backend is: the kernels of every family, and a description of what runs them. */

import type { BACKEND_KINDS } from '../core/closed-lists.js';
import type { referenceKernels } from '../reference/kernels.js';
import type { GameBatch } from './equilibrium.js';

type Reference = typeof referenceKernels;

/** Every kernel, as the reference has it to the letter; a batch of games is what any backend makes of it. */
export type Kernels = Omit<Reference, 'createGameBatch'> & {
  createGameBatch(...args: Parameters<Reference['createGameBatch']>): GameBatch;
};

/** Which implementation runs. */
export type BackendKind = (typeof BACKEND_KINDS)[number];

/** What a backend says of itself. */
export interface BackendDescription {
  readonly kind: BackendKind;
  /** Instruction set: 'scalar', 'neon', 'avx2' or 'avx512' for native; 'typescript' for the reference. */
  readonly isa: string;
  readonly threads: number;
  /** Version of the package whose kernels run. */
  readonly version: string;
}

/** An implementation of every kernel. All backends give the same 64 bits for the same input. */
export interface Backend {
  readonly kernels: Kernels;
  describe(): BackendDescription;
}
