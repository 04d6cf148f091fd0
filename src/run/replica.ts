/** A ledger kept elsewhere, replayed and checked here block by block. */
import { EnvironmentError } from '../core/errors.js';
import { type Ledger, openLedger, type Store, type StoredBlock } from '../ledger/index.js';
import type { Network, PeerKey } from '../network/index.js';
import { ask, CALL, type Waiting } from './protocol.js';

/**
 * Opens a replica. `refresh()` fetches new blocks and replays them; one that does not follow from its transactions is an error.
 *
 * @throws EnvironmentError BTM_IO when the coordinator is silent or serves a block that does not verify
 */
export function openReplica(network: Network, coordinator: PeerKey, waiting: Waiting = {}): Promise<Ledger> {
  return openLedger({ store: remoteStore(network, coordinator, waiting) });
}

/** The coordinator's blocks as a store that is only read. */
function remoteStore(network: Network, coordinator: PeerKey, waiting: Waiting): Store {
  const call = <T>(method: string, value: unknown) => ask<T>(network, coordinator, method, value, waiting);
  const readOnly = () => {
    throw new EnvironmentError('BTM_IO', 'a replica does not write blocks; submit transactions to its coordinator');
  };
  return {
    name: `the ledger of ${coordinator.slice(0, 8)}`,
    genesis: () => call<Uint8Array>(CALL.genesis, null),
    begin: async () => 'exists',
    head: () => call(CALL.head, null),
    append: async () => readOnly(),
    read: async (height) => (await call<StoredBlock | null>(CALL.block, height)) ?? undefined,
    snapshot: async () => undefined,
    putSnapshot: async () => {}, // the coordinator has its own
    close: async () => {},
  };
}
