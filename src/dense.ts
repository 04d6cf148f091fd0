/** Dense networks that are trained: how the kernels of the family are called. `denseEncoder` makes a model of one. */
import { ACTIVATIONS, type Activation } from './core/closed-lists.js';

export { ADAM } from './reference/dense.js';
export type { Activation };

/** Activations as kernels take them. */
export function activationCodes(names: readonly Activation[]): Int32Array {
  return Int32Array.from(names, (name) => ACTIVATIONS.indexOf(name));
}
