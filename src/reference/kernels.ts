/**
 * Every kernel of the reference as one object. Its type is that of the kernels of any backend: flat and positional, outputs first, then
 * inputs, then sizes, already validated. Shapes stand at each function.
 */
import { arithmeticReference } from './arithmetic.js';
import { curvatureReference } from './curvature-kernels.js';
import { denseReference } from './dense.js';
import { distillationReference } from './distillation.js';
import { gameReference } from './game-kernels.js';
import { gatingReference } from './gating-product-key.js';
import { scenarioReference } from './scenario.js';
import { stackingReference } from './stacking.js';

export const referenceKernels = {
  ...arithmeticReference,
  ...curvatureReference,
  ...denseReference,
  ...gameReference,
  ...distillationReference,
  ...gatingReference,
  ...scenarioReference,
  ...stackingReference,
};
