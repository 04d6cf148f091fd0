/** Bit flips and truncation of stored blocks: a store whose answers are damaged, and what must notice. */
import { decode } from 'cborg';
import { RandomStream } from '../../src/core/random.js';
import { type Ledger, memoryStore, openLedger, type Store, type StoredBlock } from '../../src/ledger/index.js';
import { readStored, verifyStore } from '../../src/ledger/replay.js';
import { Workload } from './workload.js';

/** A store in memory with a short random history. */
export async function filledStore(seed: number, blocks: number): Promise<Store> {
  const work = new Workload(seed);
  const store = memoryStore();
  const ledger: Ledger = await openLedger({ store, genesis: work.genesis });
  for (let block = 0; block < blocks; block++) {
    for (let count = work.blockSize(); count > 0; count--) {
      const { key, action } = work.next(ledger.pending());
      ledger.submitAction(key, action);
    }
    await ledger.closeBlock();
  }
  return store;
}

/** The store with one block, or the genesis, replaced on its way out. */
function damaged(store: Store, height: number, change: (block: StoredBlock) => StoredBlock): Store {
  return Object.assign(Object.create(store) as Store, {
    read: async (wanted: number) => {
      const block = await store.read(wanted);
      return block === undefined || wanted !== height ? block : change(block);
    },
    genesis: async () => {
      const bytes = await store.genesis();
      return bytes === undefined || height !== 0 ? bytes : change({ height: 0, hash: '', bytes }).bytes;
    },
  });
}

export interface Tampering {
  readonly tried: number;
  /** Verification did not report it. */
  readonly undetected: number;
  /** Reading the block alone returned something else than what was written, without a word. */
  readonly served: number;
  /** Missed by the control: a reader that only decodes and compares the heights. */
  readonly missedByControl: number;
}

/** Flips bits (seven of eight times) or cuts the end off, anywhere in genesis and blocks, hash column included. */
export async function tamper(seed: number, tries: number, onProgress?: (done: number) => void): Promise<Tampering> {
  const store = await filledStore(seed, 8);
  const random = new RandomStream(seed, 4);
  let [undetected, served, missedByControl] = [0, 0, 0];
  for (let tried = 0; tried < tries; tried++) {
    const height = random.integer(9);
    const change = damage(random);
    const broken = damaged(store, height, change);
    if ((await verifyStore(broken)).ok) undetected++;
    const stored = height === 0 ? undefined : await broken.read(height);
    if (stored !== undefined && typeof readStored(stored) !== 'string') served++;
    if (stored !== undefined && lookedAtOnly(stored)) missedByControl++;
    onProgress?.(tried + 1);
  }
  return { tried: tries, undetected, served, missedByControl };
}

function damage(random: RandomStream): (block: StoredBlock) => StoredBlock {
  const where = random.uniform();
  const bit = random.integer(8);
  const kind = random.integer(16);
  return (block) => {
    if (kind < 2) return { ...block, bytes: block.bytes.slice(0, Math.floor(where * block.bytes.length)) };
    if (kind === 2 && block.hash !== '') {
      const at = Math.floor(where * block.hash.length);
      const digit = (Number.parseInt(block.hash[at], 16) ^ (1 << (bit % 4))).toString(16);
      return { ...block, hash: block.hash.slice(0, at) + digit + block.hash.slice(at + 1) };
    }
    const bytes = new Uint8Array(block.bytes);
    bytes[Math.floor(where * bytes.length)] ^= 1 << bit;
    return { ...block, bytes };
  };
}

/** What a careless reader would check. */
function lookedAtOnly(stored: StoredBlock): boolean {
  try {
    const [header] = decode(stored.bytes) as [Uint8Array];
    return (decode(header) as { height: number }).height === stored.height;
  } catch {
    return false; // even the careless reader notices
  }
}
