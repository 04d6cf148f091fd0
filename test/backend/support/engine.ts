/** The addon's engine as the tests of the boundary call it: any method, with any arguments. */
import { loadAddon } from '../../../src/backend/index.js';
import type { NativeEngine } from '../../../src/backend/load.js';

export type { NativeEngine };

/** An engine of the addon; the best instruction set unless one is named. */
export function openEngine(isa?: string, threads = 2): NativeEngine {
  return loadAddon().addon.createEngine(isa, threads);
}
