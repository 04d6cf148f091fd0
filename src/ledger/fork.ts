/**
 * What a reader remembers of a ledger, and how it shows that a ledger was rewritten: an older copy put back does not contain the last head that was
 * seen, and two signed heads that contradict each other prove the fork to anyone.
 */
import { decodeCbor } from '../core/cbor.js';
import { checkInteger } from '../core/validate.js';
import { headerHash } from './block.js';
import { canonical, fieldName } from './canonical.js';
import { checkBytes, checkHex, checkList, checkObject, checkStore } from './check.js';
import { fromHex, toHex } from './encoding.js';
import { type SigningKey, signBytes, verifyBytes } from './keys.js';
import type { Head, Store } from './store/store.js';
import type { PublicKey } from './transaction.js';

/**
 * `same`: the head that was seen is the head. `extends`: it is further down the same chain. `behind`: the ledger ends before the height that was
 * seen, as an older copy does. `fork`: another block stands at that height. `pruned`: the block at that height was forgotten, so nothing can be said.
 */
export type HeadVerdict = 'same' | 'extends' | 'behind' | 'fork' | 'pruned';

/** How a ledger stands to a head that was seen before. */
export interface HeadComparison {
  readonly verdict: HeadVerdict;
  /** Head of the ledger now. */
  readonly head: Head;
  /** Hash that the ledger has at the height that was seen, or null. */
  readonly found: string | null;
}

/**
 * Compares a store with the last head that its reader saw. It reads one block and replays nothing: see {@link verifyStore} for the rest.
 *
 * @param store any store
 * @param seen height and hash of a head, kept by the reader where the operator cannot change it
 * @returns `same` and `extends` are what an honest operator gives
 * @throws InputError BTM_TYPE, BTM_DOMAIN for a head that is none
 * @throws EnvironmentError BTM_IO when the store fails
 * @example
 * ```ts
 * import { createKey, memoryStore, openLedger, TOKEN, verifyAgainstHead } from 'intermodel/ledger';
 *
 * const key = createKey(new Uint8Array(32).fill(7));
 * const store = memoryStore();
 * const ledger = await openLedger({ store, genesis: { participants: [{ key: key.publicKey, stake: 5n * TOKEN }] } });
 * const seen = { height: ledger.height, hash: ledger.head };
 * console.log((await verifyAgainstHead(store, seen)).verdict); // same
 * ```
 */
export async function verifyAgainstHead(store: Store, seen: Head): Promise<HeadComparison> {
  checkStore(store);
  checkHead('seen', seen);
  const head = await store.head();
  if (head.height < seen.height) return { verdict: 'behind', head, found: null };
  const found = seen.height === 0 ? await genesisHash(store, head) : ((await store.read(seen.height))?.hash ?? null);
  if (found === null) return { verdict: 'pruned', head, found };
  if (found !== seen.hash) return { verdict: 'fork', head, found };
  return { verdict: head.height === seen.height ? 'same' : 'extends', head, found };
}

async function genesisHash(store: Store, head: Head): Promise<string | null> {
  if (head.height === 0) return head.hash;
  const first = await store.read(1);
  if (first === undefined) return null;
  const [header] = decodeCbor(first.bytes) as [Uint8Array];
  return toHex((decodeCbor(header) as { previous: Uint8Array }).previous);
}

function checkHead(argument: string, head: Head): void {
  checkObject(argument, head);
  checkInteger(`${argument}.height`, head.height, 0);
  checkHex(`${argument}.hash`, head.hash, 64);
}

/** A head that the keeper of a ledger stands for with its signature. */
export interface SignedHead extends Head {
  /** SHA-256 of the genesis. */
  readonly chain: string;
  readonly key: PublicKey;
  readonly signature: string;
}

const SIGNED = Buffer.from('intermodel ledger head 1\0');
const [HASH, CHAIN, HEIGHT] = ['hash', 'chain', 'height'].map(fieldName) as [Uint8Array, Uint8Array, Uint8Array];

function headBytes(chain: string, { height, hash }: Head): Uint8Array {
  return canonical((writer) => {
    writer.raw(SIGNED).map(3).raw(HASH).hex(hash).raw(CHAIN).hex(chain).raw(HEIGHT).integer(height);
  });
}

/**
 * Signs the head of a chain: whoever keeps a ledger says with it that this block stands at this height, and can be held to it.
 *
 * @throws InputError BTM_TYPE, BTM_DOMAIN for a head that is none
 */
export function signHead(chain: string, head: Head, key: SigningKey): SignedHead {
  checkHex('chain', chain, 64);
  checkHead('head', head);
  checkObject('key', key);
  const { height, hash } = head;
  return { chain, height, hash, key: key.publicKey, signature: signBytes(headBytes(chain, head), key) };
}

/** Whether a signed head is one: well formed, and signed by the key in it. Never throws. */
export function isSignedHead(value: unknown): value is SignedHead {
  const { chain, height, hash, key, signature } = (value ?? {}) as Partial<SignedHead>;
  const hex = (text: unknown, digits: number): text is string => typeof text === 'string' && new RegExp(`^[0-9a-f]{${digits}}$`).test(text);
  if (!hex(chain, 64) || !hex(hash, 64) || !hex(key, 64) || !hex(signature, 128)) return false;
  if (!Number.isSafeInteger(height) || (height as number) < 0) return false;
  return verifyBytes(headBytes(chain, { height: height as number, hash }), signature, key);
}

/** Two signed heads of one key that cannot both stand in one chain. Plain JSON. */
export interface ForkProof {
  readonly format: 1;
  readonly lower: SignedHead;
  readonly upper: SignedHead;
  /** Block headers from the height of `lower` up to `upper`, hexadecimal; empty when both heads are at one height. */
  readonly headers: readonly string[];
}

/**
 * The proof that a key signed two histories, or undefined where these heads do not contradict each other.
 *
 * @param a a signed head
 * @param b another one of the same key and chain
 * @param headers for heads at different heights, the block headers (`block.header`) of the higher head's chain, from the lower head's height up to it
 * @returns a proof that {@link verifyForkProof} accepts without any store
 */
export function forkProof(a: SignedHead, b: SignedHead, headers: readonly Uint8Array[] = []): ForkProof | undefined {
  if (!isSignedHead(a) || !isSignedHead(b)) return undefined;
  checkList('headers', headers);
  for (let at = 0; at < headers.length; at++) checkBytes(`headers[${at}]`, headers[at]);
  const [lower, upper] = a.height <= b.height ? [a, b] : [b, a];
  const proof: ForkProof = { format: 1, lower, upper, headers: lower.height === upper.height ? [] : headers.map(toHex) };
  return typeof verifyForkProof(proof) === 'string' ? undefined : proof;
}

/**
 * Checks a fork proof. Needs nothing else: whoever gets one knows that the key signed two histories of one chain.
 *
 * @param proof as {@link forkProof} gave it; a damaged one is refused, never thrown on
 * @returns the key and the two blocks it put at one height, or why nothing is proven
 */
export function verifyForkProof(
  proof: ForkProof,
): { readonly key: PublicKey; readonly chain: string; readonly height: number; readonly hashes: readonly [string, string] } | string {
  const { format, lower, upper, headers } = (proof ?? {}) as Partial<ForkProof>;
  if (format !== 1 || !Array.isArray(headers)) return 'not a proof of this version';
  if (!isSignedHead(lower) || !isSignedHead(upper)) return 'a signature does not cover its head';
  if (lower.key !== upper.key) return 'the heads are signed by different keys';
  if (lower.chain !== upper.chain) return 'the heads are of different chains';
  const other = lower.height === upper.height ? upper.hash : ancestor(upper, lower.height, headers);
  if (typeof other !== 'string') return other.problem;
  if (other === lower.hash) return 'both heads stand in one chain';
  return { key: lower.key, chain: lower.chain, height: lower.height, hashes: [lower.hash, other] };
}

/** Hash at a height below a head, by headers that each name the one before. */
function ancestor(head: SignedHead, height: number, headers: readonly unknown[]): string | { readonly problem: string } {
  if (headers.length !== head.height - height + 1) return { problem: 'the headers do not reach from one head to the other' };
  let wanted = head.hash;
  for (let at = headers.length - 1; at > 0; at--) {
    const header = headerAt(headers[at], wanted);
    if (header?.height !== height + at) return { problem: `header ${at} is not the one that the next block names` };
    wanted = header.previous;
  }
  return headerAt(headers[0], wanted)?.height === height ? wanted : { problem: 'header 0 is not the one that the next block names' };
}

function headerAt(text: unknown, hash: string): { readonly height: unknown; readonly previous: string } | undefined {
  if (typeof text !== 'string' || !/^([0-9a-f]{2})+$/.test(text)) return undefined;
  const bytes = fromHex(text);
  if (headerHash(bytes) !== hash) return undefined;
  try {
    const { height, previous } = decodeCbor(bytes) as { height: unknown; previous: Uint8Array };
    return { height, previous: toHex(previous) };
  } catch {
    return undefined; // a hash of bytes that are not a header
  }
}
