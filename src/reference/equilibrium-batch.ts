/** Many games on the reference: one after the other, in slices, so that the event loop can cancel a job. */

import { advance, type GameArrays, type RunSettings } from './equilibrium.js';
import { stateLength } from './search-values.js';

const TERMS = 6;
const SLICE_MS = 20;

/**
 * Games of one size n whose Hessians have one storage; what it returns is a GameBatch of src/backend/equilibrium.ts.
 * hessians: the different ones, read in place and kept alive by the handle, so they must not change while it is used; the other arrays are
 * copied. hessianIndex [count]; stake [count, n]; referenceMask [count, n, n]; terms [count, 6]: temperature, lossFactor, rankFactor,
 * shiftGradient, openDiagonal, clip; settings [9]: method, rate, leastRate, largestRate, tolerance, maxSteps, checkEvery, stopOnCycle,
 * epsilon.
 */
export function createGameBatch(
  hessians: readonly Float64Array[],
  hessianIndex: Int32Array,
  stake: Float64Array,
  referenceMask: Float64Array,
  terms: Float64Array,
  settingList: Float64Array,
  storage: number,
  rank: number,
  own: number,
  count: number,
  n: number,
) {
  const [method, rate, leastRate, largestRate, tolerance, maxSteps, checkEvery, stopOnCycle, epsilon] = settingList;
  const settings: RunSettings = { method, rate, leastRate, largestRate, tolerance, maxSteps, checkEvery, stopOnCycle, epsilon };
  const factors = terms.slice();
  const [stakes, masks, which] = [stake.slice(), referenceMask.slice(), hessianIndex.slice()];
  let orders: Int32Array | undefined;
  const states = new Float64Array(count * stateLength(n));
  const gameAt = (k: number): GameArrays => ({
    n,
    data: hessians[which[k]],
    storage,
    rank,
    own,
    stake: stakes.subarray(k * n, (k + 1) * n),
    referenceMask: masks.subarray(k * n * n, (k + 1) * n * n),
    temperature: factors[k * TERMS],
    lossFactor: factors[k * TERMS + 1],
    rankFactor: factors[k * TERMS + 2],
    shiftGradient: factors[k * TERMS + 3],
    openDiagonal: factors[k * TERMS + 4],
    clip: factors[k * TERMS + 5],
  });
  const stateAt = (k: number) => states.subarray(k * stateLength(n), (k + 1) * stateLength(n));

  return {
    run(steps: number) {
      const job = { cancelled: false, done: 0 };
      const promise = runSlices(job, count, steps, (k) => (most: number) => advance(stateAt(k), gameAt(k), settings, most, orders));
      return {
        promise,
        cancel: () => {
          job.cancelled = true;
        },
        progress: (): readonly [number, number] => [job.done, steps * count],
      };
    },
    runHere: () => -1, // no run of the reference is brief
    read: (out: Float64Array) => out.set(states),
    write: (input: Float64Array) => states.set(input),
    setOrders(rows: Int32Array) {
      orders = rows.slice();
    },
    setFactors(lossFactors: Float64Array, rankFactors: Float64Array) {
      for (let k = 0; k < count; k++) {
        factors[k * TERMS + 1] = lossFactors[k];
        factors[k * TERMS + 2] = rankFactors[k];
      }
    },
  };
}

async function runSlices(
  job: { cancelled: boolean; done: number },
  count: number,
  steps: number,
  advanceGame: (k: number) => (most: number) => number,
): Promise<void> {
  let sliceStart = performance.now();
  for (let k = 0; k < count; k++) {
    const step = advanceGame(k);
    for (let left = steps; left > 0 && !job.cancelled; left--) {
      if (step(1) === 0) break;
      job.done += 1;
      if (performance.now() - sliceStart > SLICE_MS) {
        await new Promise<void>((resolve) => setImmediate(resolve));
        sliceStart = performance.now();
      }
    }
  }
}
