/** Opens a ledger where its blocks are. */
import { type Ledger, type OpenOptions, openOnStore } from './ledger.js';

/** Where and how to open a ledger. */
export type OpenLedgerOptions = OpenOptions;

/**
 * Opens a ledger on a store, replaying and checking every block in it.
 *
 * @param options `store`; `genesis` for a new ledger
 * @returns the ledger at the head of its store
 * @throws InputError BTM_TYPE without a genesis for an empty store, BTM_DOMAIN when it differs from the store's
 * @throws EnvironmentError BTM_IO when a stored block does not verify
 * @paper section 1.3, 1.4, algorithm 1
 * @example
 * const key = createKey(new Uint8Array(32).fill(7))
 * const ledger = await openLedger({ store: memoryStore(), genesis: { participants: [{ key: key.publicKey, stake: 5n * TOKEN }] } })
 * await ledger.closeBlock()
 * ledger.state().stake(key.publicKey) // 6000000000n
 */
export async function openLedger(options: OpenLedgerOptions): Promise<Ledger> {
  return openOnStore(options);
}
