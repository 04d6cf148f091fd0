/**
 * Settlement: what a block does before any change of a row or a stake. It ranks by the weights and stakes that stood at the end of the
 * block before (5), and pays the inflation (6).
 */
import { bitLength, ceilSqrt } from './integers.js';
import type { StandingPage } from './pages.js';
import { type Processor, referenceProcessor, type Wide, wideAt } from './processor.js';
import { changesRows, ratedRows, ratingStake } from './rating.js';
import type { State } from './state.js';
import { MAXIMUM_SUPPLY, PAGE, ROW_PARTS } from './units.js';

/** What one block's settlement did. */
export interface Settlement {
  readonly height: number;
  /** n of (5). */
  readonly participants: number;
  /** Per slot, the sum of s_i w_ij in base units times parts per billion; R_j of (5) is this / (n * 10^9). */
  readonly ranking: Wide;
  /** Per slot, the stake paid out, in base units. */
  readonly paid: BigUint64Array;
  readonly minted: bigint;
  /** Inflation that was in force. */
  readonly tau: bigint;
  /** Supply after the payment. */
  readonly supply: bigint;
}

/** Stake of every slot as one column. */
export function stakeColumn(state: State): BigUint64Array {
  const stake = new BigUint64Array(state.slots);
  state.standingPages.forEach((page, number) => {
    const from = number * PAGE;
    stake.set(page.words.subarray(0, Math.min(PAGE, state.slots - from)), from);
  });
  return stake;
}

/**
 * The amount to mint, exact. Shares are taken of the ranking shifted right until its sum fits 62 bits.
 * l2: floor(tau * sum / ceil(norm)), which lies between tau and tau * sqrt(n) as R-08 says; l1: tau; none: tau parts per billion of R.
 */
function amountToMint(state: State, total: bigint, sum: bigint, squares: bigint): bigint {
  const { emission } = state.parameters;
  if (sum === 0n) return 0n;
  const parts = BigInt(ROW_PARTS);
  const wanted =
    emission === 'l1'
      ? state.tau
      : emission === 'l2'
        ? (state.tau * sum) / ceilSqrt(squares)
        : (state.tau * total) / (BigInt(state.participants) * parts * parts);
  const room = MAXIMUM_SUPPLY - state.supply;
  return wanted < room ? wanted : room;
}

/** Ranks, mints and pays; returns the state in which the next block's transactions are applied. */
export function settle(
  state: State,
  processor: Processor = referenceProcessor,
): { readonly state: State; readonly settlement: Settlement } {
  const stake = stakeColumn(state);
  const rating = ratingStake(stake, state.parameters);
  let staked = 0n;
  for (let slot = 0; slot < rating.length; slot++) staked += rating[slot];
  const bound = staked * BigInt(ROW_PARTS);
  const shift = Math.max(0, bitLength(bound) - 62);
  const ranking = processor.rank(ratedRows(state.rowPages, rating, state.parameters), rating);
  const total = changesRows(state.parameters) ? sumOf(ranking) : bound; // rows that sum to one rank exactly the stake behind them
  const { sum, squares } = processor.norms(ranking, shift);
  const minted = amountToMint(state, total, sum, squares);
  const paid = minted === 0n ? new BigUint64Array(state.slots) : processor.distribute(ranking, shift, minted, sum);
  const supply = state.supply + minted;
  const settlement = {
    height: state.height + 1,
    participants: state.participants,
    ranking,
    paid,
    minted,
    tau: state.tau,
    supply,
  };
  return {
    settlement,
    state: {
      ...state,
      height: state.height + 1,
      supply,
      minted: state.minted + minted,
      tau: controlledTau(state),
      standingPages: standing(state.standingPages.length, stake, ranking, paid),
    },
  };
}

function sumOf(ranking: Wide): bigint {
  let sum = 0n;
  for (let slot = 0; slot < ranking.low.length; slot++) sum += wideAt(ranking, slot);
  return sum;
}

function standing(pages: number, stake: BigUint64Array, ranking: Wide, paid: BigUint64Array): StandingPage[] {
  const total = stake.slice();
  for (let slot = 0; slot < total.length; slot++) if (paid[slot] !== 0n) total[slot] += paid[slot];
  const next: StandingPage[] = [];
  for (let number = 0; number < pages; number++) {
    const words = new BigUint64Array(3 * PAGE);
    const from = number * PAGE;
    words.set(total.subarray(from, from + PAGE), 0);
    words.set(ranking.low.subarray(from, from + PAGE), PAGE);
    words.set(ranking.high.subarray(from, from + PAGE), 2 * PAGE);
    next.push({ words });
  }
  return next;
}

/** trace(W) / (total - trace) in parts per billion, rounded down (R-20, in words); null when every row is wholly on its own diagonal. */
export function diagonalRatio(state: State): bigint | null {
  let trace = 0n;
  state.rowPages.forEach((page, number) => {
    let sum = 0;
    for (let at = 0; at < PAGE; at++) sum += ownWeight(page, at, number * PAGE + at);
    trace += BigInt(sum);
  });
  const rest = BigInt(state.participants) * BigInt(ROW_PARTS) - trace;
  return rest === 0n ? null : (trace * BigInt(ROW_PARTS)) / rest;
}

function ownWeight(page: State['rowPages'][number], at: number, slot: number): number {
  if (page.kind === 'dense') return slot < page.width ? page.weights[at * page.width + slot] : 0;
  let low = page.start[at];
  let high = page.start[at + 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (page.targets[middle] < slot) low = middle + 1;
    else high = middle;
  }
  return low < page.start[at + 1] && page.targets[low] === slot ? page.weights[low] : 0;
}

/** Integral control with its state clamped, which is the anti-windup: too much weight on oneself lowers tau. */
function controlledTau(state: State): bigint {
  const { tauGain, tauTarget, tauMinimum, tauMaximum } = state.parameters;
  if (tauGain === 0n) return state.tau;
  const ratio = diagonalRatio(state);
  if (ratio === null) return tauMinimum;
  const next = state.tau + (tauGain * (tauTarget - ratio)) / BigInt(ROW_PARTS);
  return next < tauMinimum ? tauMinimum : next > tauMaximum ? tauMaximum : next;
}
