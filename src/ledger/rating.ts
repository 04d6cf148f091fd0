/**
 * Defences of the ranking (5) that the paper does not have, off by default: a cap on the stake with which a participant rates, own weights left out, and
 * weights clipped at the level that a majority of the stake supports, or rows moved towards those levels. All change what is ranked and paid, never a row, a
 * stake or the supply. Integers only, rounded down.
 */
import { EMPTY_ROW, type RowPage, rowAt, rowPage } from './pages.js';
import type { Parameters } from './parameters.js';
import type { Row } from './rows.js';
import { PAGE, ROW_PARTS } from './units.js';

const PARTS = BigInt(ROW_PARTS);

/** Stake as it counts for rating: at most `ratingCap` each and at most `ratingShare` of all stake; all of it while both are 0. */
export function ratingStake(stake: BigUint64Array, { ratingCap, ratingShare }: Parameters): BigUint64Array {
  if (ratingCap === 0n && ratingShare === 0) return stake;
  let cap = ratingCap;
  if (ratingShare > 0) {
    let held = 0n;
    for (let slot = 0; slot < stake.length; slot++) held += stake[slot];
    const share = (held * BigInt(ratingShare)) / PARTS;
    if (cap === 0n || share < cap) cap = share;
  }
  // biome-ignore lint/complexity/useMathMinMax: Math.min takes no bigint
  return stake.map((amount) => (amount < cap ? amount : cap));
}

/** Whether rows rank more or less than the stake behind them. */
export const changesRows = ({ consensus, othersOnly }: Parameters): boolean => consensus > 0 || othersOnly > 0;

/**
 * The rows as they count, in this order. With `othersOnly` the own weight is left out and the rest scaled to a whole row; a row without a rest counts
 * evenly for all others with rating stake. With `consensus` every weight on j is at most the largest w such that raters with at least `consensus` parts
 * per billion of the rating stake put w or more on j; with `consensusPull` rows move towards those levels instead. What is cut or rounded is lost to its
 * rater. The rows themselves while all are 0.
 */
export function ratedRows(rows: readonly RowPage[], stake: BigUint64Array, parameters: Parameters): readonly RowPage[] {
  const { consensus, consensusPull, othersOnly } = parameters;
  let counted = rows;
  if (othersOnly > 0) {
    const raters = Array.from(stake.keys()).filter((slot) => stake[slot] > 0n);
    counted = mapped(counted, (row, slot) => withoutOwn(row, slot, raters));
  }
  if (consensus > 0) {
    const levels = consensusLevels(counted, stake, consensus);
    if (consensusPull === 0) counted = mapped(counted, (row) => clipped(row, levels));
    else counted = mapped(counted, pulling(levels, consensusPull));
  }
  return counted;
}

function mapped(rows: readonly RowPage[], change: (row: Row, slot: number) => Row): RowPage[] {
  return rows.map((page, number) => rowPage(Array.from({ length: PAGE }, (_, at) => change(rowAt(page, at), number * PAGE + at))));
}

/** Without its own weight; empty slots stay empty. */
function withoutOwn(row: Row, slot: number, raters: readonly number[]): Row {
  if (row.targets.length === 0) return row;
  const own = row.targets.indexOf(slot);
  if (own < 0) return row;
  const rest = PARTS - BigInt(row.weights[own]);
  if (rest === 0n) {
    const others = raters.filter((other) => other !== slot);
    const even = others.length === 0 ? 0 : Math.floor(ROW_PARTS / others.length);
    return sparse(others, () => even);
  }
  return sparse(row.targets, (target, k) => (target === slot ? 0 : Number((BigInt(row.weights[k]) * PARTS) / rest)));
}

/** Moves a row by `pull` parts per billion towards the levels over their sum; empty slots, and all rows where no level is above 0, stay. */
function pulling(levels: ReadonlyMap<number, number>, pull: number): (row: Row) => Row {
  let sum = 0n;
  for (const level of levels.values()) sum += BigInt(level);
  const part = BigInt(pull);
  return (row) => {
    if (row.targets.length === 0 || sum === 0n) return row;
    const own = new Map(Array.from(row.targets, (target, k) => [target, row.weights[k]]));
    const targets = [...new Set([...own.keys(), ...levels.keys()])].sort((a, b) => a - b);
    return sparse(targets, (target) => {
      const level = (BigInt(levels.get(target) ?? 0) * PARTS) / sum;
      return Number(((PARTS - part) * BigInt(own.get(target) ?? 0) + part * level) / PARTS);
    });
  };
}

/** A row of the weights above 0. */
function sparse(candidates: ArrayLike<number>, weightOf: (target: number, k: number) => number): Row {
  const targets: number[] = [];
  const weights: number[] = [];
  for (let k = 0; k < candidates.length; k++) {
    const weight = weightOf(candidates[k], k);
    if (weight === 0) continue;
    targets.push(candidates[k]);
    weights.push(weight);
  }
  return targets.length === 0 ? EMPTY_ROW : { targets: Uint32Array.from(targets), weights: Uint32Array.from(weights) };
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
  return sparse(row.targets, (target, k) => Math.min(row.weights[k], levels.get(target) ?? 0));
}
