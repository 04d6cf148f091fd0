/** Adam with decoupled weight decay for plain Float64Arrays: plain operations in a fixed order, so the same steps give the same bits. */

import { numberIn, partsOf, restoreArrays, type Saved, type Stateful } from '../saved.js';

/** How parameters move. */
export interface AdamOptions {
  readonly learningRate: number;
  /** Each step also shrinks the decayed parameters by learningRate * weightDecay. */
  readonly weightDecay?: number;
}

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/** State of the optimiser for one group of parameter arrays, updated in place. */
export class Adam implements Stateful {
  #steps = 0;
  #decay1 = 1;
  #decay2 = 1;
  readonly #first: Float64Array[];
  readonly #second: Float64Array[];

  constructor(
    private readonly parameters: readonly Float64Array[],
    private readonly options: AdamOptions,
  ) {
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
    this.#decay1 *= BETA1;
    this.#decay2 *= BETA2;
    const size = rate * this.options.learningRate;
    const shrink = 1 - size * (this.options.weightDecay ?? 0);
    this.parameters.forEach((parameter, group) => {
      const gradient = gradients[group];
      const first = this.#first[group];
      const second = this.#second[group];
      for (let k = 0; k < parameter.length; k++) {
        const g = gradient[k];
        first[k] = BETA1 * first[k] + (1 - BETA1) * g;
        second[k] = BETA2 * second[k] + (1 - BETA2) * g * g;
        const direction = first[k] / (1 - this.#decay1) / (Math.sqrt(second[k] / (1 - this.#decay2)) + EPSILON);
        parameter[k] = shrink * parameter[k] - size * direction;
      }
    });
  }
}
