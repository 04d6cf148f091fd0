/**
 * Transactions as bytes: deterministic CBOR (RFC 8949 section 4.2), so that a transaction has exactly one encoding and one hash.
 * Keys and weights of a row travel as byte strings, four little-endian bytes a weight.
 */

import { encode } from 'cborg';
import { decodeCbor } from '../core/cbor.js';
import { InputError } from '../core/errors.js';
import { isUint8Array } from '../core/typed-arrays.js';
import { checkInteger } from '../core/validate.js';
import { type CanonicalWriter, canonical, fieldName, sha256Hex } from './canonical.js';
import { checkHex, checkKey, checkWeightsOf } from './check.js';
import { type Parameters, withoutOff } from './parameters.js';
import { FIELDS, type Kind, malformed, type Transaction, type UnsignedTransaction, type Weights } from './transaction.js';

const HEX_FIELDS = new Set(['chain', 'from', 'signature', 'hash', 'salt', 'to', 'newKey', 'newSignature']);

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
export const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

/** 32-bit integers as little-endian bytes, whatever the machine. */
export function wordsToBytes(words: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(4 * words.length);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < words.length; index++) view.setUint32(4 * index, words[index], true);
  return bytes;
}

export function bytesToWords(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = new Uint32Array(bytes.length >> 2);
  for (let index = 0; index < words.length; index++) words[index] = view.getUint32(4 * index, true);
  return words;
}

function unpackWeights(packed: Record<string, unknown>): Weights {
  const weights = bytesToWords(packed['weights'] as Uint8Array);
  if (packed['members'] !== undefined) return { members: packed['members'] as number, weights };
  const text = toHex(packed['targets'] as Uint8Array);
  const targets: string[] = [];
  for (let at = 0; at < text.length; at += 64) targets.push(text.slice(at, at + 64));
  return { targets, weights };
}

function packParameters(parameters: Partial<Parameters>): Record<string, unknown> {
  const packed: Record<string, unknown> = { ...parameters };
  if (typeof packed['authority'] === 'string') packed['authority'] = fromHex(packed['authority']);
  return packed;
}

const AMOUNT_NAMES = ['tau', 'tauGain', 'tauTarget', 'tauMinimum', 'tauMaximum', 'minimumStake', 'ratingCap'];

function unpackParameters(packed: Record<string, unknown>): Partial<Parameters> {
  const parameters: Record<string, unknown> = { ...packed };
  for (const name of AMOUNT_NAMES) if (typeof parameters[name] === 'number') parameters[name] = BigInt(parameters[name]);
  if (isUint8Array(parameters['authority'])) parameters['authority'] = toHex(parameters['authority']);
  return parameters as Partial<Parameters>;
}

const PARAMETERS_BYTES = new WeakMap<Parameters, Uint8Array>();

/** The canonical bytes of parameters, for the state root. Kept, since rules seldom change and every block hashes them. */
export function parametersBytes(parameters: Parameters): Uint8Array {
  let bytes = PARAMETERS_BYTES.get(parameters);
  if (bytes === undefined) {
    bytes = encode(packParameters(withoutOff(parameters)));
    PARAMETERS_BYTES.set(parameters, bytes);
  }
  return bytes;
}
export { packParameters, unpackParameters };

type WriteField = (writer: CanonicalWriter, value: never) => void;

const hex: WriteField = (writer, value: string) => writer.hex(value);
const integer: WriteField = (writer, value: number | bigint) => writer.integer(value);
const KINDS = new Map(Object.keys(FIELDS).map((kind) => [kind, encode(kind)]));
const kind: WriteField = (writer, value: string) => writer.raw(KINDS.get(value) ?? encode(value));
const other: WriteField = (writer, value: unknown) => writer.other(value);

const MEMBERS = fieldName('members');
const TARGETS = fieldName('targets');
const WEIGHTS = fieldName('weights');

const row: WriteField = (writer, value: Weights) => {
  writer.map(2);
  if ('members' in value) writer.raw(MEMBERS).other(value.members);
  else writer.raw(TARGETS).hex(value.targets.join(''));
  writer.raw(WEIGHTS).words(value.weights);
};

/** Fields of all transactions in their canonical order. */
const ORDER: readonly (readonly [field: string, name: Uint8Array, write: WriteField])[] = (
  [
    ['to', hex],
    ['row', row],
    ['from', hex],
    ['hash', hex],
    ['kind', kind],
    ['salt', hex],
    ['chain', hex],
    ['nonce', integer],
    ['stake', integer],
    ['amount', integer],
    ['newKey', hex],
    ['endpoint', other],
    ['signature', hex],
    ['parameters', (writer, value: Partial<Parameters>) => writer.other(packParameters(value))],
    ['newSignature', hex],
  ] satisfies [string, WriteField][]
).map(([field, write]) => [field, fieldName(field), write]);

type Plan = typeof ORDER;

function planOf(fields: readonly string[]): Plan {
  return ORDER.filter(([field]) => fields.includes(field));
}

const ENVELOPE = ['kind', 'chain', 'from', 'nonce'];
/** What a transaction of each kind writes, unsigned and signed. */
const UNSIGNED = new Map<unknown, Plan>(Object.entries(FIELDS).map(([name, own]) => [name, planOf([...ENVELOPE, ...own])]));
const WHOLE = new Map<unknown, Plan>(Object.entries(FIELDS).map(([name, own]) => [name, planOf([...ENVELOPE, ...own, 'signature'])]));
const COMMITMENT = planOf(['from', 'row', 'salt']);

/** A field that is missing is left out: such a transaction is malformed, whatever its bytes. */
function writeFields(writer: CanonicalWriter, plan: Plan, fields: object): void {
  const values = fields as Record<string, unknown>;
  let present = 0;
  for (const [field] of plan) if (values[field] !== undefined) present++;
  writer.map(present);
  for (const [field, name, write] of plan) if (values[field] !== undefined) write(writer.raw(name), values[field] as never);
}

const SIGNED = Buffer.from('intermodel ledger transaction 1\0');

/** What is signed: a domain name, then everything but the signature. */
export function signedBytes(tx: UnsignedTransaction | Transaction): Uint8Array {
  return canonical((writer) => writeFields(writer.raw(SIGNED), UNSIGNED.get(tx.kind) ?? ORDER, tx));
}

/**
 * What the new key signs to take over an account.
 *
 * @param nonce the nonce of the rotation
 * @throws InputError BTM_TYPE, BTM_DOMAIN
 */
export function rotationBytes(chain: string, from: string, nonce: number, newKey: string): Uint8Array {
  checkHex('chain', chain, 64);
  checkKey('from', from);
  checkInteger('nonce', nonce, 0, 0xffff_fffe);
  checkKey('newKey', newKey);
  const rotation = { chain: fromHex(chain), from: fromHex(from), nonce, newKey: fromHex(newKey) };
  return Buffer.concat([Buffer.from('intermodel ledger rotation 1\0'), encode(rotation)]);
}

/**
 * The hash that commits to a row: SHA-256 over the author's key, the row and a salt. It opens for no other key, also not for the one that the
 * author rotates to.
 *
 * @param from the author's key, as it will be when the row is revealed
 * @param row the row, exactly as it will be revealed
 * @param salt 64 hexadecimal digits that cannot be guessed
 * @throws InputError BTM_TYPE
 * @example
 * ```ts
 * import { commitmentHash, createKey } from 'intermodel/ledger';
 *
 * const { publicKey } = createKey(new Uint8Array(32).fill(7));
 * console.log(commitmentHash(publicKey, { targets: [publicKey], weights: [1_000_000_000] }, '5a'.repeat(32)).length); // 64
 * ```
 */
export function commitmentHash(from: string, row: Weights, salt: string): string {
  checkKey('from', from);
  checkWeightsOf('row', row);
  checkHex('salt', salt, 64);
  const content = canonical((writer) => writeFields(writer, COMMITMENT, { from, row, salt }));
  return sha256Hex(Buffer.from('intermodel ledger commitment 1\0'), content);
}

export function encodeTransaction(tx: Transaction): Uint8Array {
  return canonical((writer) => writeFields(writer, WHOLE.get(tx.kind) ?? ORDER, tx));
}

/** SHA-256 of a transaction's bytes. @throws InputError BTM_TYPE for what is not a transaction */
export function transactionHash(tx: Transaction): string {
  const wrong = malformed(tx);
  if (wrong !== undefined) throw new InputError('BTM_TYPE', `is malformed: ${wrong}`, { argument: 'tx', value: tx });
  return sha256Hex(encodeTransaction(tx));
}

/** The transaction in these bytes, or undefined unless they are exactly its one encoding. */
export function decodeTransaction(bytes: Uint8Array): Transaction | undefined {
  let tx: Record<string, unknown>;
  try {
    tx = unpack(decodeCbor(bytes, { strict: true, rejectDuplicateMapKeys: true }) as Record<string, unknown>);
    if (malformed(tx) !== undefined) return undefined;
    if (Buffer.compare(encodeTransaction(tx as unknown as Transaction), bytes) !== 0) return undefined;
  } catch {
    // Any failure to decode means the same thing here: these bytes are no transaction.
    return undefined;
  }
  return tx as unknown as Transaction;
}

function unpack(packed: Record<string, unknown>): Record<string, unknown> {
  const tx: Record<string, unknown> = {};
  const amounts: readonly string[] = ['stake', 'amount'];
  for (const [name, value] of Object.entries(packed)) {
    if (HEX_FIELDS.has(name)) tx[name] = toHex(value as Uint8Array);
    else if (name === 'row') tx[name] = unpackWeights(value as Record<string, unknown>);
    else if (name === 'parameters') tx[name] = unpackParameters(value as Record<string, unknown>);
    else if (amounts.includes(name)) tx[name] = BigInt(value as number | bigint);
    else tx[name] = value;
  }
  if (FIELDS[tx['kind'] as Kind] === undefined) throw new Error('unknown kind');
  return tx;
}
