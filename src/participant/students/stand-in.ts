/** Learns to answer as a participant answers, from the queries it serves: what peers fetch and use in its position while it is away. */
import type { Backend } from '../../backend/index.js';
import type { PeerKey } from '../../network/index.js';
import { DenseNet } from '../models/dense-net.js';
import type { Saved, Stateful } from '../saved.js';
import { DEFAULT_OBJECTIVE, distilStep } from './student.js';

/** The random stream of all standIns; the position of the participant follows. */
export const STAND_IN_STREAM = 10;

/** Sizes of a stand-in. */
export interface StandInOptions {
  readonly inputWidth: number;
  readonly hidden: number;
  readonly width: number;
  readonly learningRate: number;
  readonly seed: number;
  readonly stream: readonly number[];
  readonly backend: Backend;
}

/** Most samples kept per asker between two steps: a round's worth, and never a whole measurement. */
const KEPT = 64;

/** One query and what was answered. */
interface Served {
  readonly inputs: Float32Array;
  readonly answers: Float32Array;
  readonly size: number;
}

export class StandIn implements Stateful {
  readonly student: DenseNet;
  readonly #inputWidth: number;
  readonly #served = new Map<PeerKey, Served[]>();

  constructor(options: StandInOptions) {
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
  watch(from: PeerKey, inputs: Float32Array, answers: Float32Array, size: number): void {
    const served = this.#served.get(from) ?? [];
    if (sizeOf(served) + size > KEPT) return;
    this.#served.set(from, [...served, { inputs, answers, size }]);
  }

  /** One step of distillation on what was served since the last. Returns the mean squared error of its responses, or null when nothing was. */
  learn(): number | null {
    const served = this.#take();
    const batch = sizeOf(served);
    if (batch === 0) return null;
    const inputs = new Float32Array(batch * this.#inputWidth);
    const target = new Float64Array(batch * this.student.width);
    let row = 0;
    for (const { inputs: asked, answers, size } of served) {
      inputs.set(asked, row * this.#inputWidth);
      target.set(answers, row * this.student.width);
      row += size;
    }
    return distilStep(this.student, { inputs, target, batch }, DEFAULT_OBJECTIVE).response;
  }

  /** In the order of the askers' keys, not of arrival: between machines that order is chance, and sums would differ in their last digits. */
  #take(): Served[] {
    const keys = [...this.#served.keys()].sort();
    const served = keys.flatMap((key) => this.#served.get(key) ?? []);
    this.#served.clear();
    return served;
  }

  save(): Saved {
    return this.student.save();
  }

  restore(saved: Saved): void {
    this.student.restore(saved);
  }
}

function sizeOf(served: readonly Served[]): number {
  return served.reduce((sum, { size }) => sum + size, 0);
}
