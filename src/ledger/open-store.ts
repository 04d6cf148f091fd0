/** Opening a ledger on a store: its genesis, then everything that the store holds. */
import { EnvironmentError, InputError } from '../core/errors.js';
import { checkInteger } from '../core/validate.js';
import { checkStore } from './check.js';
import { chainOf, checkGenesis, decodeGenesis, encodeGenesis, type Genesis } from './genesis.js';
import { Ledger } from './ledger.js';
import { type Processor, referenceProcessor } from './processor.js';
import { genesisOrigin, snapshotOrigin } from './replay.js';
import type { Store } from './store/store.js';

export interface OpenOptions {
  /** Where the blocks are kept. */
  readonly store: Store;
  /** Needed by an empty store; where the store has one already, it must be the same. */
  readonly genesis?: Genesis;
  /** The same as bytes, from an export; `genesis` is then not needed. */
  readonly genesisBytes?: Uint8Array;
  /** Who does the heavy passes of a settlement; the state does not depend on it. */
  readonly processor?: Processor;
  /** Settlements kept in memory for {@link Ledger.rankings}; default 1,024. */
  readonly history?: number;
}

/** Opens a ledger on a store, replaying what is in it. */
export async function openOnStore(options: OpenOptions): Promise<Ledger> {
  const { store, processor = referenceProcessor, history = 1024 } = options;
  checkStore(store);
  checkInteger('history', history, 0);
  if (options.genesis !== undefined) checkGenesis(options.genesis);
  const given = options.genesisBytes ?? (options.genesis === undefined ? undefined : encodeGenesis(options.genesis));
  let bytes = await store.genesis();
  if (bytes === undefined) {
    if (given === undefined) {
      throw new InputError('BTM_TYPE', 'is needed: the store is empty', {
        argument: 'genesis',
        remedy: 'Pass the genesis, or open a store that has one.',
      });
    }
    checkGenesis(decodeGenesis(given));
    bytes = (await store.begin(given, chainOf(given))) === 'conflict' ? ((await store.genesis()) as Uint8Array) : given;
  }
  const chain = chainOf(bytes);
  if (given !== undefined && chainOf(given) !== chain) {
    throw new InputError('BTM_DOMAIN', 'differs from the genesis in the store', {
      argument: 'genesis',
      remedy: 'Leave it out, or use another store.',
    });
  }
  const origin = (await snapshotOrigin(store, chain)) ?? genesisOrigin(bytes);
  if (typeof origin === 'string')
    throw new EnvironmentError('BTM_IO', `${store.name}: ${origin}`, [], ['Restore the store from an export or a replica.']);
  const ledger = new Ledger(origin.state, origin.hash, { store, processor, history });
  await ledger.refresh();
  return ledger;
}
