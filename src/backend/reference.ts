/** The reference backend: the paper in plain TypeScript. The oracle, not a fast path. */

import { packageVersion } from '../core/version.js';
import { referenceKernels } from '../reference/kernels.js';
import type { Backend } from './types.js';

/** Creates it. */
export function createReferenceBackend(): Backend {
  return { kernels: referenceKernels, describe: () => ({ kind: 'reference', isa: 'typescript', threads: 1, version: packageVersion }) };
}
