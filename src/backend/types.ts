/** What a backend is: the kernels of every family, and a description of what runs them. */

import type { BACKEND_KINDS } from '../core/closed-lists.js';
import type { denseReference } from '../reference/dense.js';
import type { gameReference } from '../reference/game-kernels.js';
import type { ArithmeticKernels } from './arithmetic.js';
import type { CurvatureKernels } from './curvature.js';
import type { DistillationKernels } from './distillation.js';
import type { EquilibriumKernels } from './equilibrium.js';
import type { GatingKernels } from './gating.js';
import type { StackingKernels } from './stacking.js';

/** Kernels of rankings, competition, payoff and projections: those of the reference, to the letter. */
type GameKernels = Omit<typeof gameReference, 'createGameBatch'>;

/** Every kernel, flat and positional: outputs first, then inputs, then sizes. Arguments are already validated. */
export type Kernels = ArithmeticKernels &
  CurvatureKernels &
  typeof denseReference &
  DistillationKernels &
  GatingKernels &
  GameKernels &
  EquilibriumKernels &
  StackingKernels;

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
