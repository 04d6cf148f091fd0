/** Ed25519 keys and signatures, by node:crypto. */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import { InputError } from '../core/errors.js';
import { checkBytes, checkHex, checkObject } from './check.js';
import { fromHex, rotationBytes, signedBytes, toHex } from './encoding.js';
import type { PublicKey, Transaction, UnsignedTransaction } from './transaction.js';

/** A key that can sign: its public half as the ledger spells it, and the 32-byte seed it grows from, hexadecimal. */
export interface SigningKey {
  readonly publicKey: PublicKey;
  readonly seed: string;
}

const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** Parsed keys are kept: parsing costs as much as a signature. */
const SIGNING = new WeakMap<SigningKey, KeyObject>();
const VERIFYING = new Map<PublicKey, KeyObject>();
const VERIFYING_MAX = 65_536;

function privateKeyOf(key: SigningKey): KeyObject {
  let parsed = SIGNING.get(checkObject('key', key) as SigningKey);
  if (parsed === undefined) {
    checkHex('key.seed', key.seed, 64);
    parsed = createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, fromHex(key.seed)]), format: 'der', type: 'pkcs8' });
    SIGNING.set(key, parsed);
  }
  return parsed;
}

function publicKeyOf(publicKey: PublicKey): KeyObject {
  let parsed = VERIFYING.get(publicKey);
  if (parsed === undefined) {
    parsed = createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, fromHex(publicKey)]), format: 'der', type: 'spki' });
    if (VERIFYING.size >= VERIFYING_MAX) VERIFYING.clear();
    VERIFYING.set(publicKey, parsed);
  }
  return parsed;
}

/**
 * A signing key, from 32 bytes of seed or fresh from the system's random source.
 *
 * @param seed 32 bytes; the same seed gives the same key. Without it the key is random
 * @throws InputError BTM_TYPE, BTM_SHAPE when the seed is not 32 bytes
 * @example createKey(new Uint8Array(32)).publicKey.slice(0, 8) // returns '3b6a27bc'
 */
export function createKey(seed: Uint8Array = randomBytes(32)): SigningKey {
  if (checkBytes('seed', seed).length !== 32)
    throw new InputError('BTM_SHAPE', `must be 32 bytes, got ${seed.length}`, { argument: 'seed', value: seed.length });
  const half = { publicKey: '', seed: toHex(seed) };
  const der = createPublicKey(privateKeyOf(half)).export({ format: 'der', type: 'spki' });
  return { publicKey: toHex(der.subarray(PUBLIC_PREFIX.length)), seed: half.seed };
}

/** Signs arbitrary bytes; returns 128 hexadecimal digits. @throws InputError BTM_TYPE */
export function signBytes(bytes: Uint8Array, key: SigningKey): string {
  checkBytes('bytes', bytes);
  return toHex(sign(null, bytes, privateKeyOf(key)));
}

/** Whether a signature of these bytes is the key's. A key that is not a point of the curve verifies nothing. */
export function verifyBytes(bytes: Uint8Array, signature: string, publicKey: PublicKey): boolean {
  try {
    return verify(null, bytes, publicKeyOf(publicKey), fromHex(signature));
  } catch {
    // OpenSSL refuses some malformed keys by throwing; to the ledger that is a signature that does not verify.
    return false;
  }
}

/**
 * The transaction with its signature.
 *
 * @param tx an action with chain, sender and nonce; what is malformed about it the ledger says when it refuses it
 * @param key the sender's key; another one gives a transaction that is refused as `bad_signature`
 * @throws InputError BTM_TYPE for a key that is none
 * @example
 * ```ts
 * import { createKey, memoryStore, openLedger, signTransaction, TOKEN } from 'intermodel/ledger';
 *
 * const key = createKey(new Uint8Array(32).fill(7));
 * const store = memoryStore();
 * const ledger = await openLedger({ store, genesis: { participants: [{ key: key.publicKey, stake: 5n * TOKEN }] } });
 * const tx = signTransaction({ kind: 'unbond', amount: TOKEN, chain: ledger.chain, from: key.publicKey, nonce: 0 }, key);
 * console.log(tx.signature.length); // 128
 * ```
 */
export function signTransaction(tx: UnsignedTransaction, key: SigningKey): Transaction {
  checkObject('tx', tx);
  return { ...tx, signature: signBytes(signedBytes(tx), key) } as Transaction;
}

/** Whether the sender signed exactly this transaction. */
export function isAuthentic(tx: Transaction): boolean {
  return verifyBytes(signedBytes(tx), tx.signature, tx.from);
}

/** Whether the new key of a rotation agreed to it. */
export function isRotationAuthentic(tx: Extract<Transaction, { kind: 'rotateKey' }>): boolean {
  return verifyBytes(rotationBytes(tx.chain, tx.from, tx.nonce, tx.newKey), tx.newSignature, tx.newKey);
}
