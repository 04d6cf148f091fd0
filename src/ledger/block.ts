/** Blocks: a header chained by SHA-256 and the encoded transactions it accepted, in order. */
import { decodeCbor } from '../core/cbor.js';
import { canonical, canonicalHash, fieldName, sha256, sha256Hex } from './canonical.js';
import { toHex } from './encoding.js';

/** A block proper. `bytes` is its one encoding; `hash` covers the header, which covers the rest. */
export interface Block {
  readonly height: number;
  readonly hash: string;
  /** Hash of the block before; of the genesis for block 1. */
  readonly previous: string;
  readonly transactions: readonly Uint8Array[];
  /** Merkle root of the state after this block. */
  readonly stateRoot: string;
  readonly minted: bigint;
  readonly supply: bigint;
  /** The part that `hash` covers, and that proofs begin with. */
  readonly header: Uint8Array;
  readonly bytes: Uint8Array;
}

const FORMAT = 1;

interface Content {
  readonly chain: string;
  readonly height: number;
  readonly previous: string;
  readonly transactions: readonly Uint8Array[];
  readonly stateRoot: string;
  readonly minted: bigint;
  readonly supply: bigint;
}

/** SHA-256 over the count and the hash of each transaction. */
function transactionsHash(transactions: readonly Uint8Array[]): Uint8Array {
  return canonicalHash((writer) => {
    writer.list(transactions.length);
    for (const bytes of transactions) writer.bytes(sha256(bytes));
  });
}

const FIELD = {
  chain: fieldName('chain'),
  format: fieldName('format'),
  height: fieldName('height'),
  minted: fieldName('minted'),
  supply: fieldName('supply'),
  previous: fieldName('previous'),
  stateRoot: fieldName('stateRoot'),
  transactions: fieldName('transactions'),
};

/** The fields in their canonical order. */
function headerOf(content: Content): Uint8Array {
  const transactions = transactionsHash(content.transactions);
  return canonical((writer) => {
    writer.map(8);
    writer.raw(FIELD.chain).hex(content.chain);
    writer.raw(FIELD.format).integer(FORMAT);
    writer.raw(FIELD.height).integer(content.height);
    writer.raw(FIELD.minted).integer(content.minted);
    writer.raw(FIELD.supply).integer(content.supply);
    writer.raw(FIELD.previous).hex(content.previous);
    writer.raw(FIELD.stateRoot).hex(content.stateRoot);
    writer.raw(FIELD.transactions).bytes(transactions);
  });
}

function bytesOf(header: Uint8Array, transactions: readonly Uint8Array[]): Uint8Array {
  return canonical((writer) => {
    writer.list(2).bytes(header).list(transactions.length);
    for (const bytes of transactions) writer.bytes(bytes);
  });
}

const HEADER = Buffer.from('intermodel ledger block 1\0');

export const headerHash = (header: Uint8Array): string => sha256Hex(HEADER, header);

export function sealBlock(content: Content): Block {
  const header = headerOf(content);
  const { height, previous, transactions, stateRoot, minted, supply } = content;
  return {
    height,
    previous,
    transactions,
    stateRoot,
    minted,
    supply,
    hash: headerHash(header),
    header,
    bytes: bytesOf(header, transactions),
  };
}

/** The block in these bytes, or what is wrong with them. Checks the encoding and the header's hash of the transactions, not the contents. */
export function decodeBlock(bytes: Uint8Array): Block | string {
  try {
    const [header, transactions] = decodeCbor(bytes, { strict: true, rejectDuplicateMapKeys: true }) as [Uint8Array, Uint8Array[]];
    const fields = decodeCbor(header, { strict: true, rejectDuplicateMapKeys: true }) as Record<string, unknown>;
    if (fields['format'] !== FORMAT) return `block format ${String(fields['format'])}; this version reads ${FORMAT}`;
    const block = sealBlock({
      chain: toHex(fields['chain'] as Uint8Array),
      height: fields['height'] as number,
      previous: toHex(fields['previous'] as Uint8Array),
      transactions,
      stateRoot: toHex(fields['stateRoot'] as Uint8Array),
      minted: BigInt(fields['minted'] as number | bigint),
      supply: BigInt(fields['supply'] as number | bigint),
    });
    const at = firstDifference(block.bytes, bytes);
    return at === -1 ? block : `byte ${at} differs from the block's canonical encoding`;
  } catch (error) {
    return `not a block: ${(error as Error).message}`;
  }
}

/** Index of the first byte in which two byte strings differ, or -1. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) if (a[index] !== b[index]) return index;
  return a.length === b.length ? -1 : length;
}
