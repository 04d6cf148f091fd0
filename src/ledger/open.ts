/** Opens a ledger where its blocks are. What it takes is loaded by the first call: the main entry offers it, and most who import that open none. */
import { InputError } from '../core/errors.js';
import { checkOptions } from '../core/validate.js';
import type { Ledger } from './ledger.js';
import type { OpenOptions } from './open-store.js';
import type { Store } from './store/store.js';

/** Where and how to open a ledger: a store, or the path of an SQLite file. */
export type OpenLedgerOptions = Omit<OpenOptions, 'store'> & ({ readonly store: Store } | { readonly path: string });

/**
 * Opens a ledger on a store or on an SQLite file, replaying and checking every block in it.
 *
 * @param options `store`, or `path` of an SQLite file (`':memory:'` keeps it in memory); `genesis` for a new ledger
 * @returns the ledger at the head of its store
 * @throws InputError BTM_TYPE without a genesis for an empty store, BTM_DOMAIN when it differs from the store's
 * @throws EnvironmentError BTM_IO when a stored block does not verify, BTM_NO_PACKAGE when no SQLite is at hand
 * @paper section 1.3, 1.4, algorithm 1
 * @example
 * ```ts
 * import { createKey, memoryStore, openLedger, TOKEN } from 'intermodel/ledger';
 *
 * const key = createKey(new Uint8Array(32).fill(7));
 * const ledger = await openLedger({ store: memoryStore(), genesis: { participants: [{ key: key.publicKey, stake: 5n * TOKEN }] } });
 * await ledger.closeBlock();
 * console.log(ledger.state().stake(key.publicKey)); // 6000000000n
 * ```
 */
export async function openLedger(options: OpenLedgerOptions): Promise<Ledger> {
  checkOptions(options);
  if ('store' in options) checkStore(options.store);
  const { openOnStore } = await loadLedger();
  if ('store' in options) return openOnStore(options);
  if (typeof options.path !== 'string' || options.path === '') {
    throw new InputError('BTM_TYPE', 'must name an SQLite file', { argument: 'path', remedy: 'Or pass `store: memoryStore()`.' });
  }
  if (options.path === ':memory:') return openOnStore({ ...options, store: (await import('./store/memory.js')).memoryStore() });
  const { sqliteStore } = await import('./store/sqlite.js');
  return openOnStore({ ...options, store: await sqliteStore(options.path) });
}

let loading: Promise<typeof import('./open-store.js')> | undefined;

/** Loads the ledger once. A second import() would ask the module loader again, whose hooks may answer from another thread at any time. */
function loadLedger(): Promise<typeof import('./open-store.js')> {
  loading ??= import('./open-store.js');
  return loading;
}

const STORE_METHODS = ['genesis', 'begin', 'head', 'append', 'read', 'snapshot', 'putSnapshot', 'close'] as const;

function checkStore(store: Store): void {
  const missing = STORE_METHODS.find((name) => typeof store?.[name] !== 'function');
  if (missing === undefined) return;
  throw new InputError('BTM_TYPE', `must be a store, but has no ${missing}()`, {
    argument: 'store',
    remedy: 'Pass memoryStore(), or a path.',
  });
}
