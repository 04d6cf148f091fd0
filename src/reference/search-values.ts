/**
 * The state of a search as one flat array, so that backends can hold it: W [n, n], two companions [n, n] (previous gradient or logits;
 * previous W), a snapshot of W [n, n], and the numbers below by name.
 */

/** How a run ended; the position is the number in the state. */
export const OUTCOMES = ['running', 'converged', 'stepLimit', 'cycling', 'diverged'] as const;

/** Whether a run continues, or how it ended. */
export type SearchOutcome = (typeof OUTCOMES)[number];

/** Numbers at the end of a state, by position: StateScalar in native/src/equilibrium.hpp. */
const NUMBERS = ['step', 'outcome', 'residual', 'rate', 'snapshotStep', 'farthest', 'period', 'reserved'] as const;

/** Doubles in the state of one game. */
export function stateLength(n: number): number {
  return 4 * n * n + NUMBERS.length;
}

/** A flat state by name: arrays are views, numbers are read and written in place. */
export class SearchValues {
  readonly weights: Float64Array;
  /** The gradient before this one (spectral), or the logits (softmax). */
  readonly companion: Float64Array;
  /** W before this one (spectral). */
  readonly previous: Float64Array;
  /** W at the last power of two, with which returns are compared. */
  readonly snapshot: Float64Array;
  readonly #numbers: Float64Array;

  constructor(state: Float64Array, n: number) {
    const part = (k: number) => state.subarray(k * n * n, (k + 1) * n * n);
    [this.weights, this.companion, this.previous, this.snapshot] = [part(0), part(1), part(2), part(3)];
    this.#numbers = state.subarray(4 * n * n, stateLength(n));
  }

  /** Updates of W made so far. */
  get step(): number {
    return this.#get('step');
  }
  set step(value: number) {
    this.#set('step', value);
  }

  get outcome(): SearchOutcome {
    return OUTCOMES[this.#get('outcome')];
  }
  set outcome(value: SearchOutcome) {
    this.#set('outcome', OUTCOMES.indexOf(value));
  }

  /** Largest natural residual of a row when it was last looked at. */
  get residual(): number {
    return this.#get('residual');
  }
  set residual(value: number) {
    this.#set('residual', value);
  }

  /** Last step length (spectral). */
  get rate(): number {
    return this.#get('rate');
  }
  set rate(value: number) {
    this.#set('rate', value);
  }

  /** Step at which the snapshot was taken. */
  get snapshotStep(): number {
    return this.#get('snapshotStep');
  }
  set snapshotStep(value: number) {
    this.#set('snapshotStep', value);
  }

  /** How far W has been from the snapshot. */
  get farthest(): number {
    return this.#get('farthest');
  }
  set farthest(value: number) {
    this.#set('farthest', value);
  }

  /** Steps after which W returned; 0 where it has not. */
  get period(): number {
    return this.#get('period');
  }
  set period(value: number) {
    this.#set('period', value);
  }

  #get(name: (typeof NUMBERS)[number]): number {
    return this.#numbers[NUMBERS.indexOf(name)];
  }

  #set(name: (typeof NUMBERS)[number], value: number): void {
    this.#numbers[NUMBERS.indexOf(name)] = value;
  }
}
