/** Adam with decoupled weight decay for plain Float64Arrays, on the backend's kernel: the same steps give the same bits. */

import { type Backend, backendOf } from '../../backend/index.js';
import { ADAM } from '../../dense.js';
import { numberIn, partsOf, restoreArrays, type Saved, type Stateful } from '../saved.js';

/** How parameters move. */
export interface AdamOptions {
  readonly learningRate: number;
  /** Each step also shrinks the decayed parameters by learningRate * weightDecay. */
  readonly weightDecay?: number;
}

/** State of the optimiser for one group of parameter arrays, updated in place. */
export class Adam implements Stateful {
  #steps = 0;
  #decay1 = 1;
  #decay2 = 1;
  readonly #kernels: Backend['kernels'];
  readonly #first: Float64Array[];
  readonly #second: Float64Array[];

  constructor(
    private readonly parameters: readonly Float64Array[],
    private readonly options: AdamOptions,
    backend?: Backend,
  ) {
    this.#kernels = backendOf(backend).kernels;
    this.#first = parameters.map((p) => new Float64Array(p.length));
    this.#second = parameters.map((p) => new Float64Array(p.length));
  }

  /** Steps taken so far. */
  get steps(): number {
    return this.#steps;
  }

  save(): Saved {
    const copies = (arrays: readonly Float64Array[]) => arrays.map((array) => array.slice());
    return {
      steps: this.#steps,
      decay1: this.#decay1,
      decay2: this.#decay2,
      first: copies(this.#first),
      second: copies(this.#second),
    };
  }

  restore(saved: Saved): void {
    const parts = partsOf(saved);
    restoreArrays(this.#first, parts['first'], 'first');
    restoreArrays(this.#second, parts['second'], 'second');
    this.#steps = numberIn(parts, 'steps');
    this.#decay1 = numberIn(parts, 'decay1');
    this.#decay2 = numberIn(parts, 'decay2');
  }

  /** One step down the gradients, which are in the order of the parameters; `rate` scales the learning rate of this step. */
  step(gradients: readonly Float64Array[], rate = 1): void {
    this.#steps++;
    this.#decay1 *= ADAM.beta1;
    this.#decay2 *= ADAM.beta2;
    const size = rate * this.options.learningRate;
    const shrink = 1 - size * (this.options.weightDecay ?? 0);
    const corrections = [1 - this.#decay1, 1 - this.#decay2] as const;
    this.parameters.forEach((parameter, group) => {
      this.#kernels.adamStep(parameter, this.#first[group], this.#second[group], gradients[group], size, shrink, ...corrections);
    });
  }
}
