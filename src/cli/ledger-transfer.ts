/**
 * Whole ledgers in one file of JSON lines: the genesis first, then every block, then how many there are; bytes in base64. A file without its last
 * line was cut.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { InputError } from '../core/errors.js';
import { fileError, isSystemError, type OutputFile } from '../core/user-files.js';
import type { NewBlock, Store } from '../ledger/index.js';
import { genesisOrigin, type Origin, readStored, replayBlock } from '../ledger/replay.js';
import { loadChain } from '../ledger/store/store.js';

const FORMAT = 'intermodel-ledger-export';
/** Version 1 had no last line, but its first names the head as well. */
const VERSION = 2;

/** Writes genesis and blocks; returns the height of the last. */
export async function exportLedger(store: Store, file: OutputFile): Promise<number> {
  const genesis = await store.genesis();
  if (genesis === undefined)
    throw new InputError('BTM_DOMAIN', 'has no genesis', { argument: 'ledger', remedy: 'Start it with `intermodel ledger init`.' });
  const { height: blocks, hash: head } = await store.head();
  await file.write(linesOf(store, genesis, blocks, head));
  return blocks;
}

async function* linesOf(store: Store, genesis: Uint8Array, blocks: number, head: string): AsyncGenerator<string> {
  const line = (content: object): string => `${JSON.stringify(content)}\n`;
  yield line({ format: FORMAT, formatVersion: VERSION, height: blocks, head, genesis: Buffer.from(genesis).toString('base64') });
  for (let height = 1; height <= blocks; height++) {
    const block = await store.read(height);
    if (block === undefined) {
      throw new InputError('BTM_DOMAIN', `has no block ${height}: it was pruned`, {
        argument: 'ledger',
        remedy: 'Export before pruning, or from a replica.',
      });
    }
    yield line({ height, hash: block.hash, bytes: Buffer.from(block.bytes).toString('base64') });
  }
  yield line({ end: FORMAT, blocks, head });
}

/** What the last line of an export says, once everything before it was read. */
interface Whole {
  readonly genesis: Uint8Array;
  readonly chain: string;
  readonly blocks: number;
  readonly head: string;
}

/**
 * Reads an export into an empty store. The whole file is replayed against the rules before anything is written.
 *
 * @returns the height of the last block
 * @throws InputError when the file is not an export, was cut or changed, or the store has a ledger; EnvironmentError BTM_IO when it cannot be read
 */
export async function importLedger(store: Store, path: string): Promise<number> {
  const { genesis, chain, blocks, head } = await verifyExport(path);
  const there = await store.head();
  if (there.height > blocks || (there.height === 0 && there.hash !== '' && there.hash !== chain)) throw occupied(store);
  const again = async function* (): AsyncGenerator<NewBlock> {
    let last = chain;
    for await (const block of replayed(path)) {
      last = block.hash;
      yield block;
    }
    if (last !== head) throw new InputError('BTM_DOMAIN', 'changed while it was read', { argument: path, remedy: 'Try again.' });
  };
  if ((await loadChain(store, genesis, chain, again())) === 'conflict') throw occupied(store);
  return blocks;
}

function occupied(store: Store): InputError {
  return new InputError('BTM_DOMAIN', 'has a ledger already', {
    argument: store.name,
    remedy: 'An import begins a ledger: choose a path, or an etcd prefix, where there is none.',
  });
}

async function verifyExport(path: string): Promise<Whole> {
  const blocks = replayed(path);
  for (;;) {
    const { done, value } = await blocks.next();
    if (done === true) return value;
  }
}

/** The blocks of an export in order, each replayed against the rules; what the whole is comes last. */
async function* replayed(path: string): AsyncGenerator<NewBlock, Whole> {
  const lines = linesIn(path);
  const first = (await lines.next()).value as Line | undefined;
  if (first === undefined) throw wrong(path, 'is empty');
  if (first.format !== FORMAT || ![1, VERSION].includes(Number(first.formatVersion)))
    throw wrong(path, 'is not a ledger export that this version reads');
  const genesis = bytesOf(first.genesis);
  let origin = originOf(path, genesis);
  const chain = origin.hash;
  const whole = { genesis, chain, blocks: Number(first.height), head: String(first.head) };
  let ended = first.formatVersion === 1;
  for await (const line of lines) {
    if (line.end !== undefined) {
      ended = line.end === FORMAT && line.blocks === whole.blocks && line.head === whole.head;
      break;
    }
    const stored = { height: Number(line.height), hash: String(line.hash), bytes: bytesOf(line.bytes) };
    const block = readStored(stored);
    const next = typeof block === 'string' ? block : replayBlock(origin.state, origin.hash, block);
    if (typeof block === 'string' || typeof next === 'string')
      throw wrong(path, `does not verify at block ${origin.state.height + 1}: ${String(next)}`);
    origin = { state: next.state, hash: block.hash };
    yield block;
  }
  if (!ended || origin.state.height !== whole.blocks || origin.hash !== whole.head)
    throw wrong(path, `was cut: it holds ${origin.state.height} of ${whole.blocks} blocks${ended ? '' : ' and no last line'}`);
  return whole;
}

function originOf(path: string, genesis: Uint8Array): Origin {
  const origin = genesisOrigin(genesis);
  if (typeof origin === 'string') throw wrong(path, `does not begin a ledger: ${origin}`);
  return origin;
}

function wrong(path: string, problem: string): InputError {
  return new InputError('BTM_DOMAIN', problem, {
    argument: path,
    remedy: 'Nothing was imported; export the ledger again, or copy the file again.',
  });
}

const bytesOf = (encoded: unknown): Uint8Array => new Uint8Array(Buffer.from(typeof encoded === 'string' ? encoded : '', 'base64'));

type Line = Readonly<
  Partial<Record<'format' | 'formatVersion' | 'genesis' | 'height' | 'head' | 'hash' | 'bytes' | 'end' | 'blocks', unknown>>
>;

async function* linesIn(path: string): AsyncGenerator<Line> {
  let number = 0;
  try {
    for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      number++;
      const line = lineOf(path, number, text);
      yield line;
    }
  } catch (error) {
    if (isSystemError(error)) throw fileError(`cannot read ${path}`, path, error);
    throw error;
  }
}

function lineOf(path: string, number: number, text: string): Line {
  try {
    return (JSON.parse(text) ?? {}) as Line;
  } catch {
    throw wrong(path, `is cut or damaged in line ${number}`); // what JSON expected there says nothing to the reader
  }
}
