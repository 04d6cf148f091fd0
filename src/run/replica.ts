/** A ledger kept elsewhere, replayed and checked here block by block. */
import { EnvironmentError } from '../core/errors.js';
import { decodeBlock } from '../ledger/block.js';
import { type Head, type Ledger, openLedger, type Store, type StoredBlock } from '../ledger/index.js';
import type { Network, PeerKey } from '../network/index.js';
import { ask, CALL, type Waiting } from './protocol.js';

/** Blocks kept at hand; members of a run are a block or two apart. */
const KEPT = 16;

/** The newest blocks of a replica as they were replayed: what shows another chain to be another one, without asking the coordinator again. */
export class RecentBlocks {
  readonly #blocks = new Map<number, StoredBlock>();
  #height = 0;

  /** Height of the last block; 0 before the first. */
  get height(): number {
    return this.#height;
  }

  keep(block: StoredBlock): void {
    this.#height = block.height;
    this.#blocks.set(block.height, block);
    this.#blocks.delete(block.height - KEPT);
  }

  /** Hash of the block at a height; undefined where it is not kept. */
  hash(height: number): string | undefined {
    return this.#blocks.get(height)?.hash;
  }

  /** Headers from a height up to another; fewer where blocks are not kept. */
  headers(from: number, to: number): Uint8Array[] {
    const headers: Uint8Array[] = [];
    for (let height = from; height <= to; height++) {
      const block = decodeBlock(this.#blocks.get(height)?.bytes ?? new Uint8Array(0));
      if (typeof block !== 'string') headers.push(block.header);
    }
    return headers;
  }
}

/** A height that can grow. */
export interface AgreedHeight {
  height: number;
}

/** How a replica is kept. */
export interface ReplicaOptions {
  readonly waiting?: Waiting | undefined;
  /** Keeps its newest blocks. */
  readonly recent?: RecentBlocks;
  /** It ends at this height for as long, whatever stands above. Default: it ends where the coordinator's ledger does. */
  readonly agreed?: AgreedHeight;
}

/**
 * Opens a replica. `refresh()` fetches new blocks and replays them; one that does not follow from its transactions is an error.
 *
 * @throws EnvironmentError BTM_IO when the coordinator is silent or serves a block that does not verify
 */
export function openReplica(network: Network, coordinator: PeerKey, options: ReplicaOptions = {}): Promise<Ledger> {
  return openLedger({ store: remoteStore(network, coordinator, options) });
}

/** The coordinator's blocks as a store that is only read. */
function remoteStore(network: Network, coordinator: PeerKey, { waiting, recent, agreed }: ReplicaOptions): Store {
  const call = <T>(method: string, value: unknown) => ask<T>(network, coordinator, method, value, waiting);
  const readOnly = () => {
    throw new EnvironmentError('BTM_IO', 'a replica does not write blocks; submit transactions to its coordinator');
  };
  const read = async (height: number) => {
    const block = (await call<StoredBlock | null>(CALL.block, height)) ?? undefined;
    if (recent !== undefined && block?.height === recent.height + 1) recent.keep(block);
    return block;
  };
  return {
    name: `the ledger of ${coordinator.slice(0, 8)}`,
    genesis: () => call<Uint8Array>(CALL.genesis, null),
    begin: async () => 'exists',
    head: async () => {
      const head = await call<Head>(CALL.head, null);
      return agreed === undefined || head.height <= agreed.height ? head : ((await read(agreed.height)) ?? head);
    },
    append: async () => readOnly(),
    read,
    snapshot: async () => undefined,
    putSnapshot: async () => {}, // the coordinator has its own
    close: async () => {},
  };
}
