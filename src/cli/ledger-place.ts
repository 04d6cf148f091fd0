/** Where a ledger is kept, as commands name it: the path of an SQLite file, or a list of etcd addresses. */
import { existsSync, rmSync } from 'node:fs';
import { InputError } from '../core/errors.js';
import { fileError, outputFile } from '../core/user-files.js';
import { etcdStore, type Ledger, openLedger, type Store, sqliteStore } from '../ledger/index.js';
import { jsonLine } from './output.js';
import { printOut } from './print.js';

/** What every command of `intermodel ledger` takes. */
export interface Flags {
  readonly json?: boolean;
  readonly prefix: string;
}

/** Longest wait for another process's write. Many may wait for a slow disk. */
const BUSY_MS = 30_000;

const isEtcd = (place: string): boolean => /^https?:/.test(place);

async function openStore(place: string, flags: Flags, readOnly: boolean): Promise<Store> {
  if (isEtcd(place)) return etcdStore({ endpoints: place.split(','), prefix: flags.prefix });
  // A mistyped path must not come into being, and then look damaged.
  if (!existsSync(place))
    throw fileError(`cannot read ${place}`, place, Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' }));
  return sqliteStore(place, { busy_ms: BUSY_MS, readOnly });
}

/** Works on the store of a ledger that is there, without the right to write. */
export async function withStore<T>(place: string, flags: Flags, work: (store: Store) => Promise<T>): Promise<T> {
  return closing(await openStore(place, flags, true), work);
}

/** Works on a ledger that is there. Every block is replayed first. */
export async function withLedger<T>(
  place: string,
  flags: Flags,
  access: 'read' | 'write',
  work: (ledger: Ledger) => Promise<T>,
): Promise<T> {
  return closing(await openStore(place, flags, access === 'read'), async (store) => {
    if ((await store.genesis()) === undefined) {
      throw new InputError('BTM_DOMAIN', 'has no ledger', { argument: place, remedy: 'Start one with `intermodel ledger init`.' });
    }
    return work(await openLedger({ store }));
  });
}

/** Works on a store that is to begin a ledger. A file that this call made is removed when the work fails. */
export async function withNewStore<T>(place: string, flags: Flags, work: (store: Store) => Promise<T>): Promise<T> {
  if (isEtcd(place)) return closing(await openStore(place, flags, false), work);
  await outputFile('<ledger>', place);
  const made = !existsSync(place);
  try {
    return await closing(await sqliteStore(place, { busy_ms: BUSY_MS }), work);
  } catch (error) {
    if (made) for (const suffix of ['', '-wal', '-shm']) rmSync(`${place}${suffix}`, { force: true });
    throw error;
  }
}

async function closing<T>(store: Store, work: (store: Store) => Promise<T>): Promise<T> {
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

export function print(flags: { readonly json?: boolean }, value: unknown, text: () => string): void {
  printOut(flags.json === true ? jsonLine(value) : text());
}

/** Base units as tokens, exact. */
export function tokens(amount: bigint): string {
  const text = amount.toString().padStart(10, '0');
  return `${text.slice(0, -9)}.${text.slice(-9)}`.replace(/\.?0+$/, '');
}
