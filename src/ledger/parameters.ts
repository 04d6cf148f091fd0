/** The rules of one ledger. They are part of its genesis and change only by a transaction of the declared authority. */
import { EMISSION_NORMS } from '../core/closed-lists.js';
import { MAXIMUM_SUPPLY, ROW_PARTS, TOKEN } from './units.js';

/** How the ranking is turned into new stake. */
export type Emission = (typeof EMISSION_NORMS)[number];

/** Rules of one ledger; amounts in base units, weights in parts per billion, times in blocks. */
export interface Parameters {
  /** Bound on ||change of a row||_2 in one block, in parts per billion. */
  readonly epsilon: number;
  /** Inflation per block: base units for `l1` and `l2`, parts per billion of the ranking for `none`. */
  readonly tau: bigint;
  /** Normalisation of the ranking before it is paid: `l2` is the paper's (6). */
  readonly emission: Emission;
  /** Gain of the integral control of tau on the diagonal ratio, base units per unit of error; 0 keeps tau fixed. */
  readonly tauGain: bigint;
  /** Diagonal ratio trace / (total - trace) that the control steers to, in parts per billion. */
  readonly tauTarget: bigint;
  /** Bounds of the control. */
  readonly tauMinimum: bigint;
  readonly tauMaximum: bigint;
  /** Stake needed to register and to change a row. */
  readonly minimumStake: bigint;
  /** Largest single weight. */
  readonly maximumWeight: number;
  /** Most entries in one row. */
  readonly maximumTargets: number;
  /** Blocks from one change of a row to the next; 1 allows one change per block. */
  readonly rateLimit: number;
  /** Most participants at a time; a newcomer beyond it prunes the lowest ranked. */
  readonly maximumParticipants: number;
  /** Blocks during which a newcomer cannot be pruned. */
  readonly immunity: number;
  /** Whether rows are set openly or by commit and reveal. */
  readonly rows: 'open' | 'commit';
  /** Blocks that must lie between commit and reveal. */
  readonly revealDelay: number;
  /** Blocks for which the reveal stays possible after the delay. */
  readonly revealWindow: number;
  /** Most stake of one participant that counts in the ranking, base units; 0: all of it. */
  readonly ratingCap: bigint;
  /** Part of the rating stake, in parts per billion, that must support a weight; what is above counts for nothing. 0: every weight counts. */
  readonly consensus: number;
  /** What happens above the level of `consensus`: 0 clips to it; otherwise whole rows move by this part, in parts per billion, towards the row of levels. */
  readonly consensusPull: number;
  /** Most stake of one participant that counts in the ranking, in parts per billion of all stake; 0: all of it. */
  readonly ratingShare: number;
  /** 1: own weights are left out of the ranking, and the rest of a row counts in full. 0: own weights count. */
  readonly othersOnly: number;
  /** Public key that may change these rules, or null where they are fixed. */
  readonly authority: string | null;
}

/** Defences beyond the paper. While they are off they are left out of every encoding, so that a ledger without them keeps its bytes. */
const OFF: Pick<Parameters, 'ratingCap' | 'consensus' | 'consensusPull' | 'ratingShare' | 'othersOnly'> = {
  ratingCap: 0n,
  consensus: 0,
  consensusPull: 0,
  ratingShare: 0,
  othersOnly: 0,
};

/** A complete set of rules as it is encoded. */
export function withoutOff(parameters: Parameters): Partial<Parameters> {
  return Object.fromEntries(
    Object.entries(parameters).filter(([name, value]) => !(name in OFF) || value !== OFF[name as keyof typeof OFF]),
  );
}

/** The complete set of rules that was encoded as {@link withoutOff} gives it. */
export function withOff(encoded: Partial<Parameters>): Parameters {
  return { ...OFF, ...encoded } as Parameters;
}

/** What holds where a genesis does not say otherwise. */
export const DEFAULT_PARAMETERS: Parameters = {
  epsilon: 250_000_000,
  tau: TOKEN,
  emission: 'l2',
  tauGain: 0n,
  tauTarget: TOKEN,
  tauMinimum: 0n,
  tauMaximum: 1_000_000n * TOKEN,
  minimumStake: TOKEN,
  maximumWeight: ROW_PARTS,
  maximumTargets: 4_096,
  rateLimit: 1,
  maximumParticipants: 1 << 20,
  immunity: 64,
  rows: 'open',
  revealDelay: 1,
  revealWindow: 8,
  ...OFF,
  authority: null,
};

type Range = readonly [low: bigint, high: bigint];

const INTEGERS: { readonly [name in keyof Parameters]?: Range } = {
  epsilon: [1n, 1_414_213_563n],
  maximumWeight: [1n, BigInt(ROW_PARTS)],
  maximumTargets: [1n, 1n << 20n],
  rateLimit: [1n, 1n << 20n],
  maximumParticipants: [1n, 1n << 24n],
  immunity: [0n, 1n << 30n],
  revealDelay: [1n, 1n << 20n],
  revealWindow: [1n, 1n << 20n],
  consensus: [0n, BigInt(ROW_PARTS)],
  consensusPull: [0n, BigInt(ROW_PARTS)],
  ratingShare: [0n, BigInt(ROW_PARTS)],
  othersOnly: [0n, 1n],
};

const AMOUNTS: { readonly [name in keyof Parameters]?: Range } = {
  tau: [0n, MAXIMUM_SUPPLY],
  tauGain: [0n, MAXIMUM_SUPPLY],
  tauTarget: [0n, MAXIMUM_SUPPLY],
  tauMinimum: [0n, MAXIMUM_SUPPLY],
  tauMaximum: [0n, MAXIMUM_SUPPLY],
  minimumStake: [0n, MAXIMUM_SUPPLY],
  ratingCap: [0n, MAXIMUM_SUPPLY],
};

const CHOICES: { readonly [name in keyof Parameters]?: readonly string[] } = {
  emission: EMISSION_NORMS,
  rows: ['open', 'commit'],
};

/** What is wrong with the type or name of a change, or undefined: a wrong one is a malformed transaction. */
export function malformedParameters(changes: unknown): string | undefined {
  if (typeof changes !== 'object' || changes === null || Array.isArray(changes)) return 'parameters must be an object';
  for (const [name, value] of Object.entries(changes)) {
    const key = name as keyof Parameters;
    if (INTEGERS[key] !== undefined) {
      if (!Number.isSafeInteger(value)) return `${name} must be an integer`;
    } else if (AMOUNTS[key] !== undefined) {
      if (typeof value !== 'bigint') return `${name} must be a bigint of base units`;
    } else if (CHOICES[key] !== undefined) {
      if (typeof value !== 'string') return `${name} must be a string`;
    } else if (name === 'authority') {
      if (!(value === null || (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)))) return 'authority must be a public key or null';
    } else return `${name} is not a parameter`;
  }
  return undefined;
}

/** What is out of range in a complete set of parameters, or undefined. */
export function parametersOutOfRange(parameters: Parameters): string | undefined {
  for (const [name, [low, high]] of Object.entries({ ...INTEGERS, ...AMOUNTS })) {
    const value = BigInt(parameters[name as keyof Parameters] as number | bigint);
    if (value < low || value > high) return `${name} must be between ${low} and ${high}, got ${value}`;
  }
  for (const [name, allowed] of Object.entries(CHOICES)) {
    const value = parameters[name as keyof Parameters] as string;
    if (!allowed.includes(value)) return `${name} must be one of ${allowed.join(', ')}, got ${value}`;
  }
  if (parameters.tauMinimum > parameters.tauMaximum) return 'tauMinimum is above tauMaximum';
  if (parameters.consensusPull > 0 && parameters.consensus === 0) return 'consensusPull needs consensus above 0';
  if (BigInt(parameters.maximumWeight) * BigInt(parameters.maximumTargets) < BigInt(ROW_PARTS)) {
    return 'maximumWeight * maximumTargets is below a whole row: no row could be set';
  }
  return undefined;
}
