/**
 * Defences of the ranking (5) that the paper does not have, off by default: a cap on the stake with which a participant rates, and weights clipped at
 * the level that a majority of the stake supports. Both change what is ranked and paid, never a row, a stake or the supply. Integers only.
 */
import { type RowPage, rowAt, rowPage } from './pages.js';
import type { Parameters } from './parameters.js';
import type { Row } from './rows.js';
import { PAGE, ROW_PARTS } from './units.js';

/** Stake as it counts for rating: at most `ratingCap` each, or all of it while the cap is 0. */
export function ratingStake(stake: BigUint64Array, { ratingCap }: Parameters): BigUint64Array {
  if (ratingCap === 0n) return stake;
  return stake.map((amount) => (amount < ratingCap ? amount : ratingCap));
}

/**
 * The rows as they count: every weight on j is at most the largest w such that raters with at least `consensus` parts per billion of the rating stake
 * put w or more on j. What is clipped is lost to its rater. The rows themselves while `consensus` is 0.
 */
export function ratedRows(rows: readonly RowPage[], stake: BigUint64Array, { consensus }: Parameters): readonly RowPage[] {
  if (consensus === 0) return rows;
  const levels = consensusLevels(rows, stake, consensus);
  return rows.map((page) => rowPage(Array.from({ length: PAGE }, (_, at) => clipped(rowAt(page, at), levels))));
}

/** The level of every slot that some rater with stake names; slots without one have level 0. */
function consensusLevels(rows: readonly RowPage[], stake: BigUint64Array, consensus: number): ReadonlyMap<number, number> {
  const support = new Map<number, { readonly weight: number; readonly stake: bigint }[]>();
  let staked = 0n;
  for (let slot = 0; slot < stake.length; slot++) {
    if (stake[slot] === 0n) continue;
    staked += stake[slot];
    const { targets, weights } = rowAt(rows[Math.floor(slot / PAGE)], slot % PAGE);
    for (let k = 0; k < targets.length; k++) {
      const entry = { weight: weights[k], stake: stake[slot] };
      const raters = support.get(targets[k]);
      if (raters === undefined) support.set(targets[k], [entry]);
      else raters.push(entry);
    }
  }
  const levels = new Map<number, number>();
  for (const [target, raters] of support) {
    raters.sort((a, b) => b.weight - a.weight);
    let together = 0n;
    const last = raters.find((rater) => {
      together += rater.stake;
      return together * BigInt(ROW_PARTS) >= staked * BigInt(consensus);
    });
    if (last !== undefined) levels.set(target, last.weight);
  }
  return levels;
}

function clipped(row: Row, levels: ReadonlyMap<number, number>): Row {
  const targets: number[] = [];
  const weights: number[] = [];
  for (let k = 0; k < row.targets.length; k++) {
    const weight = Math.min(row.weights[k], levels.get(row.targets[k]) ?? 0);
    if (weight === 0) continue;
    targets.push(row.targets[k]);
    weights.push(weight);
  }
  return { targets: Uint32Array.from(targets), weights: Uint32Array.from(weights) };
}
