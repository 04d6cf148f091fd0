/** What may be asked of the ledger, and whether a value is one of these requests at all. */
import { isUint32Array } from '../core/typed-arrays.js';
import { malformedParameters, type Parameters } from './parameters.js';
import { MAXIMUM_SUPPLY, ROW_PARTS } from './units.js';

/** An Ed25519 public key: 64 lower-case hexadecimal digits. Participants are addressed by it, never by position. */
export type PublicKey = string;

/** A row by key; entries in any order, zeros allowed, in parts per billion. */
export interface SparseWeights {
  readonly targets: readonly PublicKey[];
  readonly weights: ArrayLike<number>;
}

/**
 * A row by slot: weights[slot], for every slot of the table, in parts per billion. `members` is the count of changes of the list of
 * participants it was made for; another count refuses it, so that a position never reaches the wrong key.
 */
export interface DenseWeights {
  readonly members: number;
  readonly weights: ArrayLike<number>;
}

export type Weights = SparseWeights | DenseWeights;

/** The request proper, by kind. Amounts are base units. */
export type Action =
  | { readonly kind: 'register'; readonly endpoint: string; readonly stake: bigint }
  | { readonly kind: 'unregister' }
  | { readonly kind: 'setEndpoint'; readonly endpoint: string }
  | { readonly kind: 'setWeights'; readonly row: Weights }
  | { readonly kind: 'commitWeights'; readonly hash: string }
  | { readonly kind: 'revealWeights'; readonly row: Weights; readonly salt: string }
  | { readonly kind: 'transfer'; readonly to: PublicKey; readonly amount: bigint }
  | { readonly kind: 'bond'; readonly amount: bigint }
  | { readonly kind: 'unbond'; readonly amount: bigint }
  | { readonly kind: 'rotateKey'; readonly newKey: PublicKey; readonly newSignature: string }
  | { readonly kind: 'setParameters'; readonly parameters: Partial<Parameters> };

export type Kind = Action['kind'];

/** Who asks, on which chain, and the how-manieth request of that account it is (from 0, without gaps). */
export interface Envelope {
  readonly chain: string;
  readonly from: PublicKey;
  readonly nonce: number;
}

export type UnsignedTransaction = Action & Envelope;

/** A request with the sender's Ed25519 signature over all of it. */
export type Transaction = UnsignedTransaction & { readonly signature: string };

/** Longest endpoint, in bytes of UTF-8. */
export const ENDPOINT_BYTES_MAX = 256;

/** Most entries that a row may carry into the checks at all. */
const ENTRIES_MAX = 1 << 24;

const isHex = (value: unknown, digits: number): boolean =>
  typeof value === 'string' && value.length === digits && /^[0-9a-f]*$/.test(value);
const isCount = (value: unknown, high: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= high;
const isAmount = (value: unknown): boolean => typeof value === 'bigint' && value > 0n && value <= MAXIMUM_SUPPLY;

/** What is malformed about a value that claims to be a transaction, or undefined. */
export function malformed(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'not an object';
  const tx = value as Record<string, unknown>;
  if (!isHex(tx['chain'], 64)) return 'chain must be 64 hexadecimal digits';
  if (!isHex(tx['from'], 64)) return 'from must be a public key of 64 hexadecimal digits';
  if (!isCount(tx['nonce'], 0xffff_fffe)) return 'nonce must be an integer from 0 to 4294967294';
  if (!isHex(tx['signature'], 128)) return 'signature must be 128 hexadecimal digits';
  const check = Object.hasOwn(ACTIONS, tx['kind'] as string) ? ACTIONS[tx['kind'] as Kind] : undefined;
  if (check === undefined) return 'kind is not one of the known requests';
  const allowed = [...FIELDS[tx['kind'] as Kind], 'kind', 'chain', 'from', 'nonce', 'signature'];
  for (const field of Object.keys(tx)) if (!allowed.includes(field)) return `${field} is not a field of ${tx['kind']}`;
  return check(tx);
}

/** Fields of each kind beside the envelope. */
export const FIELDS: { readonly [kind in Kind]: readonly string[] } = {
  register: ['endpoint', 'stake'],
  unregister: [],
  setEndpoint: ['endpoint'],
  setWeights: ['row'],
  commitWeights: ['hash'],
  revealWeights: ['row', 'salt'],
  transfer: ['to', 'amount'],
  bond: ['amount'],
  unbond: ['amount'],
  rotateKey: ['newKey', 'newSignature'],
  setParameters: ['parameters'],
};

type Check = (tx: Record<string, unknown>) => string | undefined;

const amount: Check = (tx) => (isAmount(tx['amount']) ? undefined : 'amount must be a bigint of at least 1 base unit');

const ACTIONS: { readonly [kind in Kind]: Check } = {
  register: (tx) =>
    typeof tx['stake'] !== 'bigint' || tx['stake'] < 0n || tx['stake'] > MAXIMUM_SUPPLY
      ? 'stake must be a bigint of base units'
      : endpoint(tx),
  unregister: () => undefined,
  setEndpoint: endpoint,
  setWeights: (tx) => malformedWeights(tx['row']),
  commitWeights: (tx) => (isHex(tx['hash'], 64) ? undefined : 'hash must be 64 hexadecimal digits'),
  revealWeights: (tx) => (isHex(tx['salt'], 64) ? malformedWeights(tx['row']) : 'salt must be 64 hexadecimal digits'),
  transfer: (tx) => (isHex(tx['to'], 64) ? amount(tx) : 'to must be a public key of 64 hexadecimal digits'),
  bond: amount,
  unbond: amount,
  rotateKey: (tx) =>
    isHex(tx['newKey'], 64) && isHex(tx['newSignature'], 128) ? undefined : 'newKey and newSignature must be 64 and 128 hexadecimal digits',
  setParameters: (tx) => malformedParameters(tx['parameters']),
};

function endpoint(tx: Record<string, unknown>): string | undefined {
  const value = tx['endpoint'];
  if (typeof value !== 'string' || /\p{Surrogate}/u.test(value) || Buffer.byteLength(value) > ENDPOINT_BYTES_MAX) {
    return `endpoint must be text of at most ${ENDPOINT_BYTES_MAX} bytes`;
  }
  return undefined;
}

/** What is malformed about a value that claims to be a row, or undefined. */
export function malformedWeights(row: unknown): string | undefined {
  if (typeof row !== 'object' || row === null) return 'row must be an object';
  const { targets, weights, members } = row as Record<string, unknown>;
  if (!(Array.isArray(weights) || isUint32Array(weights))) return 'row.weights must be an array or Uint32Array';
  if (weights.length > ENTRIES_MAX) return `row.weights has more than ${ENTRIES_MAX} entries`;
  for (let index = 0; index < weights.length; index++) {
    if (!isCount(weights[index], ROW_PARTS)) return `row.weights[${index}] must be an integer from 0 to ${ROW_PARTS}`;
  }
  if (members !== undefined) {
    if (targets !== undefined) return 'row has both targets and members';
    return isCount(members, 0xffff_ffff) ? undefined : 'row.members must be an integer';
  }
  if (!Array.isArray(targets) || targets.length !== weights.length) return 'row.targets must be an array as long as row.weights';
  for (let index = 0; index < targets.length; index++) {
    if (!isHex(targets[index], 64)) return `row.targets[${index}] must be a public key of 64 hexadecimal digits`;
  }
  return undefined;
}
