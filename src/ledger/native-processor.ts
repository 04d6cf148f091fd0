/**
 * A processor over kernels that the caller hands in, such as an engine of the native addon. The ledger itself knows no backend: its state must not
 * depend on which processor ran, and the tests hold every one to the same integers.
 */
import type { RowPage } from './pages.js';
import type { Norms, Processor, Wide } from './processor.js';

/** A page as three entries of a flat list: sparse (start, targets, weights) or dense (null, null, weights of 64 rows). */
export type KernelPages = (Uint32Array | null)[];

/** What the kernels offer. The addon's engines do (`createEngine`). */
export interface LedgerKernels {
  ledgerRank(low: BigUint64Array, high: BigUint64Array, pages: KernelPages, stake: BigUint64Array): void;
  ledgerNorms(low: BigUint64Array, high: BigUint64Array, shift: number): readonly [sum: bigint, squares: bigint];
  ledgerDistribute(parts: BigUint64Array, low: BigUint64Array, high: BigUint64Array, shift: number, total: bigint, sum: bigint): void;
}

/** The pages of rows as the kernels take them. */
export function kernelPages(rows: readonly RowPage[]): KernelPages {
  const pages: KernelPages = [];
  for (const page of rows) {
    if (page.kind === 'dense') pages.push(null, null, page.weights);
    else pages.push(page.start, page.targets, page.weights);
  }
  return pages;
}

/**
 * A processor for {@link openLedger} that runs on native kernels.
 *
 * @param kernels an engine of the addon, or anything with the same three functions
 * @param name how `processor.name` shows
 * @numerics the same integers as the reference, tested
 */
export function kernelProcessor(kernels: LedgerKernels, name: string): Processor {
  return {
    name,
    rank(rows: readonly RowPage[], stake: BigUint64Array): Wide {
      const ranking = { low: new BigUint64Array(stake.length), high: new BigUint64Array(stake.length) };
      kernels.ledgerRank(ranking.low, ranking.high, kernelPages(rows), stake);
      return ranking;
    },
    norms(ranking: Wide, shift: number): Norms {
      const [sum, squares] = kernels.ledgerNorms(ranking.low, ranking.high, shift);
      return { sum, squares };
    },
    distribute(ranking: Wide, shift: number, total: bigint, sum: bigint): BigUint64Array {
      const parts = new BigUint64Array(ranking.low.length);
      kernels.ledgerDistribute(parts, ranking.low, ranking.high, shift, total, sum);
      return parts;
    },
  };
}
