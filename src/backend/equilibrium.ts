/** The equilibrium loop of a backend: a handle on many games of one size, and jobs that advance them. */

/** Work under way; a cancelled job ends at a whole step of every game. */
export interface BatchJob {
  readonly promise: Promise<unknown>;
  cancel(): void;
  /** [steps done, steps asked for], over all games. */
  progress(): readonly [number, number];
}

/** Games in the memory of the backend. */
export interface GameBatch {
  /** Advances every game that is still running by up to this many steps. One job at a time. */
  run(steps: number): BatchJob;
  /**
   * Advances the games here and now where that is brief: the updates made, over all games; else -1, and nothing is done. Not while a job
   * runs.
   */
  runHere(steps: number): number;
  /** out [count, stateLength(n)]. Not while a job runs. */
  read(out: Float64Array): void;
  /** states [count, stateLength(n)]. Not while a job runs. */
  write(states: Float64Array): void;
  /**
   * Orders [m, n] of the rows: in step k they move one after the other in order k mod m, instead of all at once. Not while a job runs.
   */
  setOrders(rows: Int32Array): void;
  /** [count] each: new factors of dL and dR. Not while a job runs. */
  setFactors(lossFactors: Float64Array, rankFactors: Float64Array): void;
}
