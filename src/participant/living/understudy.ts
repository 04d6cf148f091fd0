/** Learns to answer as a participant answers, from the queries it serves: what peers fetch and use in its position while it is away. */
import type { Backend } from '../../backend/index.js';
import { DenseNet } from '../dense-net.js';
import type { Saved, Stateful } from '../saved.js';
import { DEFAULT_OBJECTIVE, distilStep } from '../student.js';

/** Sizes of an understudy. */
export interface UnderstudyOptions {
  readonly inputWidth: number;
  readonly hidden: number;
  readonly width: number;
  readonly learningRate: number;
  readonly seed: number;
  readonly stream: readonly number[];
  readonly backend: Backend;
}

/** Most samples kept between two steps: a round's worth for a large network, and never a whole measurement. */
const KEPT = 512;

export class Understudy implements Stateful {
  readonly student: DenseNet;
  readonly #inputWidth: number;
  #served: { readonly inputs: Float32Array; readonly answers: Float32Array; readonly size: number }[] = [];
  #samples = 0;

  constructor(options: UnderstudyOptions) {
    const { inputWidth, hidden, width, learningRate, seed, stream, backend } = options;
    this.#inputWidth = inputWidth;
    this.student = DenseNet.random({
      widths: [inputWidth, hidden, width],
      activation: 'tanh',
      outputActivation: 'identity',
      seed,
      stream,
      optimiser: { learningRate },
      backend,
    });
  }

  /** Sees a query and what was answered. */
  watch(inputs: Float32Array, answers: Float32Array, size: number): void {
    if (this.#samples + size > KEPT) return;
    this.#served.push({ inputs, answers, size });
    this.#samples += size;
  }

  /** One step of distillation on what was served since the last. Returns the mean squared error of its responses, or null when nothing was. */
  learn(): number | null {
    const size = this.#samples;
    if (size === 0) return null;
    const inputs = new Float32Array(size * this.#inputWidth);
    const target = new Float64Array(size * this.student.width);
    let row = 0;
    for (const served of this.#served) {
      inputs.set(served.inputs, row * this.#inputWidth);
      target.set(served.answers, row * this.student.width);
      row += served.size;
    }
    this.#served = [];
    this.#samples = 0;
    return distilStep(this.student, { inputs, target, batch: size }, DEFAULT_OBJECTIVE).response;
  }

  save(): Saved {
    return this.student.save();
  }

  restore(saved: Saved): void {
    this.student.restore(saved);
  }
}
