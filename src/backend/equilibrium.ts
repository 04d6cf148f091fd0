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

/**
 * Kernels of the equilibrium family; see src/reference/equilibrium.ts. Games of one size n whose Hessians have one storage.
 * hessians: the different ones, read in place and kept alive by the handle, so they must not change while it is used; the other arrays
 * are copied. hessianIndex [count]; stake [count, n]; referenceMask
 * [count, n, n]; terms [count, 6]: temperature, lossFactor, rankFactor, shiftGradient, openDiagonal, clip; settings [9]: method, rate,
 * leastRate, largestRate, tolerance, maxSteps, checkEvery, stopOnCycle, epsilon.
 */
export interface EquilibriumKernels {
  createGameBatch(
    hessians: readonly Float64Array[],
    hessianIndex: Int32Array,
    stake: Float64Array,
    referenceMask: Float64Array,
    terms: Float64Array,
    settings: Float64Array,
    storage: number,
    rank: number,
    own: number,
    count: number,
    n: number,
  ): GameBatch;
}
