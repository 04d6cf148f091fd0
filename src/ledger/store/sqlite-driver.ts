/** Finds an SQLite: node:sqlite where Node has a good one, else @photostructure/sqlite, which has the same interface. */
import { pathToFileURL } from 'node:url';
import { type Attempt, EnvironmentError } from '../../core/errors.js';
import { installCommand } from '../../core/optional-packages.js';

type Value = null | number | bigint | string | Uint8Array;

/** The part of both drivers that the store uses. */
export interface Statement {
  get(...values: Value[]): Record<string, Value> | undefined;
  run(...values: Value[]): { readonly changes: number | bigint };
}

export interface Database {
  readonly isTransaction: boolean;
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

interface Driver {
  readonly DatabaseSync: new (path: string | URL, options?: { readOnly?: boolean }) => Database;
}

/** Older ones can corrupt a WAL database when two connections checkpoint at once. */
const OLDEST: readonly [number, number, number] = [3, 51, 3];

const CANDIDATES = ['node:sqlite', '@photostructure/sqlite'] as const;

let chosen: Promise<Driver> | undefined;

export interface Opening {
  readonly readOnly?: boolean;
  /** Reads the file as it lies, without locks and without files beside it: only right while there is no writer. */
  readonly immutable?: boolean;
}

/** Opens a file with the first suitable driver. */
export async function openDatabase(path: string, { readOnly = false, immutable = false }: Opening): Promise<Database> {
  chosen ??= choose();
  const { DatabaseSync } = await chosen;
  try {
    return new DatabaseSync(immutable ? immutableUrl(path) : path, readOnly ? { readOnly } : {});
  } catch (error) {
    throw new EnvironmentError(
      'BTM_IO',
      `${path} cannot be opened (${(error as Error).message})`,
      [],
      ['Check the path and its permissions.'],
    );
  }
}

function immutableUrl(path: string): URL {
  const url = pathToFileURL(path);
  url.searchParams.set('immutable', '1');
  return url;
}

async function choose(): Promise<Driver> {
  const attempts: Attempt[] = [];
  for (const name of CANDIDATES) {
    try {
      const driver = (await import(name)) as Driver;
      const found = versionOf(driver);
      if (isRecent(found)) return driver;
      attempts.push({ what: name, reason: `it has SQLite ${found}; the oldest accepted is ${OLDEST.join('.')}` });
    } catch (error) {
      attempts.push({ what: name, reason: (error as Error).message });
    }
  }
  chosen = undefined;
  throw new EnvironmentError('BTM_NO_PACKAGE', 'no suitable SQLite was found', attempts, [
    installCommand(['@photostructure/sqlite']),
    'Or use Node 24 or later.',
  ]);
}

function versionOf(driver: Driver): string {
  const database = new driver.DatabaseSync(':memory:');
  try {
    return String(database.prepare('SELECT sqlite_version() AS version').get()?.['version']);
  } finally {
    database.close();
  }
}

/** Whether a version is at least the oldest accepted one. */
export function isRecent(version: string): boolean {
  const numbers = version.split('.').map(Number);
  for (let at = 0; at < 3; at++) if (numbers[at] !== OLDEST[at]) return numbers[at] > OLDEST[at];
  return true;
}
