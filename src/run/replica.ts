/** A ledger kept elsewhere, replayed and checked here block by block. */
import { EnvironmentError } from '../../core/errors.js';
import { type Ledger, openLedger, type Store, type StoredBlock } from '../../ledger/index.js';
import type { Network, PeerKey } from '../../network/index.js';
import { ask, CALL, type Waiting } from './messages.js';

/**
 * Opens a replica. `refresh()` fetches new blocks and replays them; one that does not follow from its transactions is an error.
 *
 * @throws EnvironmentError BTM_IO when the keeper is silent or serves a block that does not verify
 */
export function openReplica(network: Network, keeper: PeerKey, waiting: Waiting = {}): Promise<Ledger> {
  return openLedger({ store: remoteStore(network, keeper, waiting) });
}

/** The keeper's blocks as a store that is only read. */
function remoteStore(network: Network, keeper: PeerKey, waiting: Waiting): Store {
  const call = <T>(method: string, value: unknown) => ask<T>(network, keeper, method, value, waiting);
  const readOnly = () => {
    throw new EnvironmentError('BTM_IO', 'a replica does not write blocks; submit transactions to its keeper');
  };
  return {
    name: `the ledger of ${keeper.slice(0, 8)}`,
    genesis: () => call<Uint8Array>(CALL.genesis, null),
    begin: async () => 'exists',
    head: () => call(CALL.head, null),
    append: async () => readOnly(),
    read: async (height) => (await call<StoredBlock | null>(CALL.block, height)) ?? undefined,
    snapshot: async () => undefined,
    putSnapshot: async () => {}, // the keeper has its own
    close: async () => {},
  };
}
