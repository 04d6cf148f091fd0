/** Who a peer is: an Ed25519 key pair, the same one that signs its ledger transactions. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { InputError } from '../core/errors.js';
import type { PeerKey } from './types.js';

/** A key pair that can sign. */
export interface Identity {
  /** Public key, 64 hex digits. */
  readonly key: PeerKey;
  /** The 32-byte private seed. */
  readonly seed: Uint8Array;
  /** 64-byte Ed25519 signature. */
  sign(bytes: Uint8Array): Uint8Array;
}

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * An identity from a 32-byte seed, or a fresh one.
 *
 * @param seed 32 bytes; the same seed always gives the same key. Left out: drawn from the operating system.
 * @returns the key pair.
 * @throws InputError BTM_SHAPE when the seed has another length.
 * @example createIdentity(new Uint8Array(32).fill(7)).key.length // returns 64
 */
export function createIdentity(seed?: Uint8Array): Identity {
  const bytes = seed ?? drawSeed();
  if (bytes.length !== 32) {
    throw new InputError('BTM_SHAPE', `must have 32 bytes, got ${bytes.length}`, { argument: 'seed', value: bytes.length });
  }
  const own = Uint8Array.from(bytes);
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, own]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return {
    key: spki.subarray(SPKI_PREFIX.length).toString('hex'),
    seed: own,
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}

/** True when `text` is 64 lower-case hex digits. */
export function isPeerKey(text: unknown): text is PeerKey {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
}

/** The key, or an InputError naming the argument. */
export function checkPeerKey(argument: string, value: unknown): PeerKey {
  if (isPeerKey(value)) return value;
  throw new InputError('BTM_DOMAIN', 'must be an Ed25519 public key as 64 lower-case hex digits', {
    argument,
    value,
    remedy: 'Pass identity.key, not an index or a multiaddr.',
  });
}

/** Whether `signature` over `message` was made by the owner of `key`. A key that is not a point of the curve verifies nothing. */
export function verifySignature(key: PeerKey, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(null, message, publicKey(key), signature);
  } catch {
    return false; // node:crypto throws on keys it cannot decode: such a key has signed nothing
  }
}

const KEY_CACHE_LIMIT = 1024;
const keyCache = new Map<PeerKey, KeyObject>();

/** Decoding a key costs as much as a third of a verification, so the most recent ones are kept. */
function publicKey(key: PeerKey): KeyObject {
  const known = keyCache.get(key);
  if (known !== undefined) return known;
  const decoded = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, Buffer.from(key, 'hex')]), format: 'der', type: 'spki' });
  if (keyCache.size >= KEY_CACHE_LIMIT) keyCache.delete(keyCache.keys().next().value as PeerKey);
  keyCache.set(key, decoded);
  return decoded;
}

function drawSeed(): Uint8Array {
  const der = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' });
  return der.subarray(PKCS8_PREFIX.length);
}
