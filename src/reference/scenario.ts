/**
 * Blocks of the empirical game (14) for many games at a time, each with rows that stay: ranking (5), mask (7), loss, inflation (6).
 * Strategies that change their rows, and defences that are not listed here, play one block a call.
 */
import { fma, sigmoid } from '../core/arithmetic/index.js';
import { SHIFT_RULES } from '../core/closed-lists.js';
import { quadraticForm } from './curvature.js';
import { inflate, networkRanking } from './ranking.js';

/** Position of 'dense' among the storages of a Hessian. */
const DENSE = 0;

export const scenarioReference = {
  /**
   * stakes [games, blocks + 1, n] receives the stake of every identity at the beginning and after each block, minted [games, n] what each was paid, losses
   * [games, players] the loss of every player over all blocks, ranking [games, n] and mask [games, n, n] those of the last block.
   * rows [games, n, n]; stake [games, n]; rating and shift are empty, or [games, n] in place of what the rules say; hessian is empty or
   * [games, players, players, players]; carried [games, n] of the function source [games, n] is what each identity answers; owner [games, n] is its player.
   * Stake beyond the part ratingShare of all does not rate (0: no cap). The shift is a mean over all (0), over raters with at least `least` times the mean
   * (1), or over their effective number (2). The part `decay` of all stake is burnt after each block.
   */
  playBlocks(
    stakes: Float64Array,
    minted: Float64Array,
    losses: Float64Array,
    ranking: Float64Array,
    mask: Float64Array,
    rows: Float64Array,
    stake: Float64Array,
    rating: Float64Array,
    shift: Float64Array,
    hessian: Float64Array,
    carried: Float64Array,
    source: Int32Array,
    owner: Int32Array,
    temperature: number,
    tau: number,
    norm: number,
    ratingShare: number,
    shiftRule: number,
    least: number,
    decay: number,
    games: number,
    blocks: number,
    n: number,
    players: number,
  ): void {
    losses.fill(0);
    minted.fill(0);
    const cube = players * players * players;
    for (let g = 0; g < games; g++) {
      const part = (values: Float64Array, size: number) => values.subarray(g * size, (g + 1) * size);
      const own = part(stakes, (blocks + 1) * n);
      own.set(part(stake, n));
      const [network, open] = [part(ranking, n), part(mask, n * n)];
      const weights = part(rows, n * n);
      for (let block = 0; block < blocks; block++) {
        const held = own.subarray(block * n, (block + 1) * n);
        const rates = rating.length > 0 ? part(rating, n) : capped(held, ratingShare);
        networkRanking(network, weights, rates, n);
        const total = rates.reduce((sum, s) => sum + s, 0);
        const relative = rates.map((s) => (total > 0 ? (s * players) / total : 0));
        const mu = shift.length > 0 ? part(shift, n) : shiftOf(weights, relative, shiftRule, least, n);
        maskOf(open, weights, relative, mu, temperature, n);
        const identities = {
          carried: part(carried, n),
          source: source.subarray(g * n, (g + 1) * n),
          owner: owner.subarray(g * n, (g + 1) * n),
        };
        if (hessian.length > 0) addLosses(part(losses, players), open, part(hessian, cube), identities, n, players);
        const paid = own.subarray((block + 1) * n, (block + 2) * n);
        inflate(paid, new Float64Array(1), held, network, tau, norm, n);
        for (let i = 0; i < n; i++) {
          minted[g * n + i] += paid[i] - held[i];
          paid[i] *= 1 - decay;
        }
      }
    }
  },
};

function capped(stake: Float64Array, share: number): Float64Array {
  if (share === 0) return stake;
  const most = share * stake.reduce((sum, s) => sum + s, 0);
  return stake.map((s) => Math.min(s, most));
}

/** mu of (7): the sum of s_i w_ij down each column, over the number of raters that the rule counts; 0 where it counts none. */
function shiftOf(rows: Float64Array, rating: Float64Array, rule: number, least: number, n: number): Float64Array {
  const sums = new Float64Array(n);
  const count = countedBy(rule, rating, least, n);
  if (!(count > 0)) return sums;
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < n; i++) sums[j] = fma(rating[i], rows[i * n + j], sums[j]);
    sums[j] /= count;
  }
  return sums;
}

function countedBy(rule: number, rating: Float64Array, least: number, n: number): number {
  if (SHIFT_RULES[rule] === 'all') return n;
  const sum = rating.reduce((total, s) => total + s, 0);
  if (SHIFT_RULES[rule] === 'staked') return rating.filter((s) => s > 0 && s >= least * (sum / n)).length;
  const squares = rating.reduce((total, s) => fma(s, s, total), 0);
  return squares > 0 ? (sum * sum) / squares : 1;
}

/** mask_ij = sigma((s_i w_ij - mu_j) / T). */
function maskOf(mask: Float64Array, rows: Float64Array, rating: Float64Array, mu: Float64Array, temperature: number, n: number): void {
  const inverse = 1 / temperature;
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) mask[i * n + j] = sigmoid(fma(rating[i], rows[i * n + j], -mu[j]) * inverse);
}

/** What each identity answers, and whose it is, [n] each. */
interface Identities {
  readonly carried: Float64Array;
  readonly source: Int32Array;
  readonly owner: Int32Array;
}

/** u^T H_p u with u_s = sum of carried_j mask_ij over the identities that answer with s, minus 1; of several identities of a player the smallest counts. */
function addLosses(
  losses: Float64Array,
  mask: Float64Array,
  hessian: Float64Array,
  identities: Identities,
  n: number,
  players: number,
): void {
  const { carried, source, owner } = identities;
  const smallest = new Float64Array(players).fill(Number.POSITIVE_INFINITY);
  const [form, square] = [new Float64Array(1), players * players];
  for (let i = 0; i < n; i++) {
    const u = new Float64Array(players).fill(-1);
    for (let j = 0; j < n; j++) u[source[j]] = fma(carried[j], mask[i * n + j], u[source[j]]);
    const own = hessian.subarray(owner[i] * square, (owner[i] + 1) * square);
    quadraticForm(form, own, u, 1, players, DENSE, 0, 1);
    if (form[0] < smallest[owner[i]]) smallest[owner[i]] = form[0];
  }
  for (let p = 0; p < players; p++) if (smallest[p] < Number.POSITIVE_INFINITY) losses[p] += smallest[p];
}
