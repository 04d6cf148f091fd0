/**
 * How much honest work keeps an honest majority: the published analysis of consensus clipping on a network whose emission goes partly
 * to servers (by clipped rank) and partly to validators (by bonds). Kept beside the paper's mechanism as a check from outside.
 */
import { RandomStream } from '../core/random.js';
import { clipped } from './consensus.js';

/** A network of validators, who hold stake and write rows, and servers, who are rated. */
export interface RetentionOptions {
  /** Part of all stake that honest validators hold, in (0, 1). */
  readonly honestStake: number;
  /** Part of the stake that must support a weight. Default 0.5. */
  readonly kappa?: number;
  /** How far rows for bonds are cut to the supported weight, in [0, 1]. Default 1. */
  readonly pull?: number;
  /** Part of the emission that goes to validators. Default 0.5. */
  readonly validatorShare?: number;
  /** Standard deviation of weights, in units of their mean. Default 0. */
  readonly noise?: number;
  /** Validators and servers; one of each on each side without noise. Default 2 and 2. */
  readonly validators?: number;
  readonly servers?: number;
  readonly trials?: number;
  readonly seed?: number;
}

interface Network {
  readonly validators: number;
  readonly servers: number;
  readonly honestValidators: number;
  readonly honestServers: number;
  readonly stake: Float64Array;
  /** Standard normal numbers behind the weights, [validators, servers]. */
  readonly noise: Float64Array;
}

/** Standard deviation of stake among the validators of one side, in units of their mean, where there are several. */
const STAKE_NOISE = 0.3;

/**
 * The smallest honest weight W_H at which honest emission keeps the honest share of stake, against the cabal's best weight W_C.
 *
 * @returns W_H in [0, 1] as the mean over trials, and its standard error; 1 where nothing keeps it.
 * @cost trials x 12 bisections x 26 rows of the cabal x one epoch
 * @example
 * ```ts
 * import { retention } from 'intermodel/scenario';
 * console.log(retention({ honestStake: 0.6 }).weight.toFixed(3)); // 0.600
 * ```
 */
export function retention(options: RetentionOptions): { readonly weight: number; readonly error: number } {
  const trials = options.trials ?? 1;
  const found = Float64Array.from({ length: trials }, (_, trial) => keeps(networkOf(options, trial), options));
  const mean = found.reduce((sum, w) => sum + w, 0) / trials;
  const spread = found.reduce((sum, w) => sum + (w - mean) ** 2, 0);
  return { weight: mean, error: trials > 1 ? Math.sqrt(spread / (trials - 1) / trials) : 0 };
}

function keeps(network: Network, options: RetentionOptions): number {
  let low = 0;
  let high = 1;
  for (let step = 0; step < 12; step++) {
    const middle = (low + high) / 2;
    if (worstEmission(network, options, middle) >= options.honestStake - 1e-9) high = middle;
    else low = middle;
  }
  return high;
}

/** Honest emission under the row that hurts it most, over a grid of the cabal's weights that holds 1 - W_H. */
function worstEmission(network: Network, options: RetentionOptions, honestWeight: number): number {
  let worst = honestEmission(network, options, honestWeight, 1 - honestWeight);
  for (let step = 0; step <= 25; step++) worst = Math.min(worst, honestEmission(network, options, honestWeight, step / 25));
  return worst;
}

function honestEmission(network: Network, options: RetentionOptions, honestWeight: number, cabalWeight: number): number {
  const { validators: v, servers: s, stake, honestServers, honestValidators } = network;
  const rows = rowsOf(network, options.noise ?? 0, honestWeight, cabalWeight);
  const { kappa = 0.5, pull = 1, validatorShare = 0.5 } = options;
  const cut = clipped(rows, stake, s, kappa, 1);
  const forBonds = clipped(rows, stake, s, kappa, pull);
  const rank = new Float64Array(s);
  const bonds = new Float64Array(s);
  for (let i = 0; i < v; i++) {
    for (let j = 0; j < s; j++) {
      rank[j]! += stake[i]! * cut[i * s + j]!;
      bonds[j]! += stake[i]! * forBonds[i * s + j]!;
    }
  }
  const total = rank.reduce((sum, r) => sum + r, 0);
  let toServers = 0;
  let toValidators = 0;
  for (let j = 0; j < s; j++) {
    const incentive = total > 0 ? rank[j]! / total : 0;
    if (j < honestServers) toServers += incentive;
    if (bonds[j]! > 0) {
      let held = 0;
      for (let i = 0; i < honestValidators; i++) held += stake[i]! * forBonds[i * s + j]!;
      toValidators += (incentive * held) / bonds[j]!;
    }
  }
  return validatorShare * toValidators + (1 - validatorShare) * toServers;
}

function networkOf(options: RetentionOptions, trial: number): Network {
  const validators = options.validators ?? 2;
  const servers = options.servers ?? 2;
  const random = new RandomStream(options.seed ?? 0, trial);
  const honestValidators = Math.max(1, Math.round(options.honestStake * validators));
  const honestServers = Math.max(1, Math.round(options.honestStake * servers));
  const stake = new Float64Array(validators);
  const sides: [number, number, number][] = [
    [0, honestValidators, options.honestStake],
    [honestValidators, validators, 1 - options.honestStake],
  ];
  for (const [from, to, held] of sides) {
    for (let i = from; i < to; i++) stake[i] = to - from === 1 ? 1 : Math.max(0, 1 + STAKE_NOISE * random.normal());
    const sum = stake.subarray(from, to).reduce((total, x) => total + x, 0);
    for (let i = from; i < to; i++) stake[i] = (held * stake[i]!) / sum;
  }
  const noise = Float64Array.from({ length: validators * servers }, () => random.normal());
  return { validators, servers, honestValidators, honestServers, stake, noise };
}

/** Each side gives its total weight to the servers of a side, unevenly where there is noise. */
function rowsOf(network: Network, deviation: number, honestWeight: number, cabalWeight: number): Float64Array {
  const { validators, servers, honestServers, honestValidators, noise } = network;
  const rows = new Float64Array(validators * servers);
  for (let i = 0; i < validators; i++) {
    const onHonest = i < honestValidators ? honestWeight : 1 - cabalWeight;
    const sides: [number, number, number][] = [
      [0, honestServers, onHonest],
      [honestServers, servers, 1 - onHonest],
    ];
    for (const [from, to, weight] of sides) {
      let sum = 0;
      for (let j = from; j < to; j++) sum += rows[i * servers + j] = Math.max(0, 1 + deviation * noise[i * servers + j]!);
      for (let j = from; j < to; j++) rows[i * servers + j] = sum > 0 ? (weight * rows[i * servers + j]!) / sum : 0;
    }
  }
  return rows;
}
