/** States of the sizes that the benchmarks ask for, built without going through a million row objects. */

import { loadAddon } from '../../src/backend/load.js';
import { RandomStream } from '../../src/core/random.js';
import { genesisState } from '../../src/ledger/genesis.js';
import { createKey, type Processor, type SigningKey } from '../../src/ledger/index.js';
import { kernelProcessor, type LedgerKernels } from '../../src/ledger/native-processor.js';
import type { RowPage } from '../../src/ledger/pages.js';
import type { State } from '../../src/ledger/state.js';
import { PAGE, ROW_PARTS, TOKEN } from '../../src/ledger/units.js';

/** Kernels of the addon, with the bare loops that the epoch is compared with. */
export type ProbingKernels = LedgerKernels & {
  ledgerProbe(pages: (Uint32Array | null)[], table: BigUint64Array): bigint;
  readonly isa: string;
};

export const THREADS = 2;
export const kernels = loadAddon().addon.createEngine(undefined, THREADS) as unknown as ProbingKernels;
export const nativeProcessor: Processor = kernelProcessor(kernels, `native ${kernels.isa} x ${THREADS}`);
export const SEED = 11;

/** A cheap mixing of a counter: only the sizes and the spread of the targets matter here. */
function mix(x: number): number {
  let h = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Sparse rows: `each` distinct targets spread over all slots, weights that sum exactly. */
export function sparsePages(slots: number, each: number): RowPage[] {
  const pages: RowPage[] = [];
  const weight = Math.floor(ROW_PARTS / each);
  const picked = new Set<number>();
  for (let first = 0; first < slots; first += PAGE) {
    const rows = Math.min(PAGE, slots - first);
    const start = new Uint32Array(PAGE + 1);
    const targets = new Uint32Array(rows * each);
    const weights = new Uint32Array(rows * each).fill(weight);
    for (let row = 0; row < PAGE; row++) start[row + 1] = Math.min(row + 1, rows) * each;
    for (let row = 0; row < rows; row++) {
      picked.clear();
      for (let k = 0; picked.size < each; k++)
        picked.add(mix(Math.imul(first + row, 0x9e3779b1) + Math.imul(k, 0x85ebca6b) + SEED) % slots);
      const range = targets.subarray(row * each, (row + 1) * each);
      range.set([...picked]);
      range.sort();
      weights[row * each] += ROW_PARTS - weight * each;
    }
    pages.push({ kind: 'sparse', start, targets, weights });
  }
  return pages;
}

/** Dense rows: every weight positive and random, summing exactly. */
export function densePages(slots: number): RowPage[] {
  const pages: RowPage[] = [];
  // Each weight is between 0.45 and 1.35 of the mean, so that what is left for the last one is positive.
  const base = Math.floor((0.9 * ROW_PARTS) / slots);
  for (let first = 0; first < slots; first += PAGE) {
    const weights = new Uint32Array(PAGE * slots);
    for (let row = 0; row < PAGE; row++) {
      let left = ROW_PARTS;
      for (let column = 0; column < slots - 1; column++) {
        const weight = (base >> 1) + (mix((first + row) * slots + column) % base);
        weights[row * slots + column] = weight;
        left -= weight;
      }
      if (left < 0) throw new Error('a row came out above its sum');
      weights[row * slots + slots - 1] = left;
    }
    pages.push({ kind: 'dense', width: slots, weights });
  }
  return pages;
}

/** Keys that can sign, for the first participants of a large state. */
export function signers(count: number): SigningKey[] {
  return Array.from({ length: count }, (_, n) => {
    const seed = new Uint8Array(32);
    new DataView(seed.buffer).setUint32(0, n + 1);
    return createKey(seed);
  });
}

/** A state with these rows; participants beyond the signers have keys that are only names. Stakes from 1 to 1,000 tokens. */
export function stateOf(slots: number, rowPages: RowPage[], keys: readonly SigningKey[]): State {
  const random = new RandomStream(SEED);
  const participants = Array.from({ length: slots }, (_, slot) => ({
    key: keys[slot]?.publicKey ?? (mix(slot).toString(16).padStart(8, '0') + slot.toString(16).padStart(8, '0')).padEnd(64, '7'),
    stake: BigInt(1 + random.integer(1000)) * TOKEN + BigInt(random.integer(1_000_000_000)),
  }));
  const state = genesisState({ participants, parameters: { tau: 1000n * TOKEN, maximumParticipants: 1 << 24 } }, '00'.repeat(32));
  return { ...state, rowPages };
}

export function median(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** Runs the candidates in turn, `rounds` times, after one warm-up each; times in ms, by name. */
export function interleave(rounds: number, candidates: Record<string, () => unknown>): Record<string, number[]> {
  const times: Record<string, number[]> = {};
  for (const [name, run] of Object.entries(candidates)) {
    times[name] = [];
    run();
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(candidates)) {
      const started = performance.now();
      run();
      times[name].push(performance.now() - started);
    }
  }
  return times;
}
