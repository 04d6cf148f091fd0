/** The reference backend: the paper in plain TypeScript. The oracle, not a fast path. */

import { packageVersion } from '../core/version.js';
import { arithmeticReference } from '../reference/arithmetic.js';
import { curvatureReference } from '../reference/curvature-kernels.js';
import { denseReference } from '../reference/dense.js';
import { distillationReference } from '../reference/distillation.js';
import { gameReference } from '../reference/game-kernels.js';
import { gatingReference } from '../reference/gating-product-key.js';
import { stackingReference } from '../reference/stacking.js';
import type { Backend, Kernels } from './types.js';

const kernels: Kernels = {
  ...arithmeticReference,
  ...curvatureReference,
  ...denseReference,
  ...gameReference,
  ...distillationReference,
  ...gatingReference,
  ...stackingReference,
};

/** Creates it. */
export function createReferenceBackend(): Backend {
  return { kernels, describe: () => ({ kind: 'reference', isa: 'typescript', threads: 1, version: packageVersion }) };
}
