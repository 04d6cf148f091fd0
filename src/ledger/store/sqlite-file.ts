/** The file of an SQLite store: how it is opened and made durable, and what SQLite's errors mean for its user. */
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { EnvironmentError } from '../../core/errors.js';
import { type Database, openDatabase } from './sqlite-driver.js';

/** "imle" in ASCII: marks the file as a ledger of this package. */
const APPLICATION_ID = 0x696d6c65;
/** Layout of the tables; a file with a higher one was written by a newer version. */
const FORMAT = 1;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT;
  CREATE TABLE IF NOT EXISTS blocks (height INTEGER PRIMARY KEY, hash TEXT NOT NULL, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS snapshots (height INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
`;

export interface SqliteOptions {
  /** How long to wait for another process's write, ms. */
  readonly busy_ms?: number;
  /** Only for the negative control of the durability tests: `NORMAL` may lose acknowledged blocks in a power cut. */
  readonly synchronous?: 'FULL' | 'NORMAL';
  /**
   * Reads only: for auditors, also of a copy that cannot be written, on a read-only disk or under another user's name. Where nothing lies beside
   * the file it is taken as finished, and nothing is put beside it.
   */
  readonly readOnly?: boolean;
}

/**
 * A connection that writes nothing. Whoever may write opens the usual way, so that nothing stays behind on closing. Others must not leave files
 * of theirs beside the ledger: without a write-ahead log no process has it open, and it is read as it lies.
 */
export async function openForReading(path: string): Promise<Database> {
  if (!existsSync(path)) throw refusal(path, 'cannot be opened: there is no such file', ['Check the path.']);
  if (isWritable(path) && isWritable(dirname(path))) {
    const database = await openDatabase(path, {});
    database.exec('PRAGMA query_only = ON');
    return database;
  }
  if (existsSync(`${path}-wal`)) return openDatabase(path, { readOnly: true });
  return openDatabase(path, { readOnly: true, immutable: true });
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false; // whatever the reason, the way for readers is right
  }
}

function pragma(database: Database, name: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}

/** Marks a new file as a ledger, refuses what is not one, and sets it to survive a power cut. */
export function prepare(database: Database, path: string, options: SqliteOptions): void {
  database.exec(`PRAGMA busy_timeout = ${options.busy_ms ?? 5000}`);
  const application = pragma(database, 'application_id');
  const format = pragma(database, 'user_version') as number;
  const tables = database.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE type = 'table'").get()?.['n'];
  if (application !== APPLICATION_ID && tables !== 0)
    throw refusal(path, 'is an SQLite file of some other program', ['Choose another path.']);
  if (format > FORMAT) {
    throw refusal(path, `has file format ${format}; this version reads up to ${FORMAT}`, [
      'Use the version of the package that wrote it, or a newer one.',
    ]);
  }
  if (options.readOnly) {
    if (application !== APPLICATION_ID) throw refusal(path, 'has no ledger', ['Start one with `intermodel ledger init`.']);
    return;
  }
  // The order matters: switching to WAL resets what a build may have as its default, so FULL comes after and is read back.
  database.exec('PRAGMA journal_mode = WAL');
  database.exec(`PRAGMA synchronous = ${options.synchronous ?? 'FULL'}`);
  const journal = pragma(database, 'journal_mode');
  const synchronous = pragma(database, 'synchronous');
  if (journal !== 'wal' || synchronous !== (options.synchronous === 'NORMAL' ? 1 : 2)) {
    throw refusal(path, `did not take the durable settings: journal_mode ${String(journal)}, synchronous ${String(synchronous)}`, [
      'Put the file on a local disk that supports shared memory.',
    ]);
  }
  if (application === APPLICATION_ID) return;
  database.exec(`BEGIN IMMEDIATE; ${SCHEMA} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT}; COMMIT`);
}

function refusal(path: string, problem: string, cures: readonly string[]): EnvironmentError {
  return new EnvironmentError('BTM_IO', `${path} ${problem}`, [], cures);
}

const FULL = 13;

/** SQLite's primary result codes, as far as a ledger's user can do something about them. */
const CAUSES: ReadonlyMap<number, readonly [problem: string, cure: string]> = new Map([
  [5, ['is locked by another process', 'Wait for it, or stop it: one writer at a time.']],
  [6, ['is locked by another connection', 'Close it first.']],
  [8, ['is read-only', 'Make the file and its folder writable.']],
  [10, ['had an I/O error', 'Check the disk; nothing acknowledged was lost, nothing unacknowledged was kept.']],
  [11, ['is damaged', 'Run `intermodel ledger verify` to see how far it is good, and restore it from an export.']],
  [FULL, ['is on a full disk', 'Free some space and try again; the block was not written.']],
  [14, ['cannot be opened', 'Check the path and its permissions; copy a file that is in use together with its -wal file.']],
  [26, ['is not an SQLite file', 'Choose another path.']],
]);

/** SQLite's primary result code, where an error has one. */
export function primaryCode(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: number };
  return errcode === undefined ? undefined : errcode & 0xff;
}

/** SQLite's error as one of this package's, naming what to do. */
export function typed(path: string, error: unknown): Error {
  if (error instanceof EnvironmentError) return error;
  const { message } = error as Error;
  const cause = CAUSES.get(primaryCode(error) ?? 0);
  if (cause === undefined) return new EnvironmentError('BTM_IO', `${path}: ${message}`);
  return refusal(path, `${cause[0]} (${message})`, [cause[1]]);
}

/**
 * Lets the write-ahead log reach the length of one checkpoint now instead of frame by frame: a sync that only overwrites costs about half of one
 * that also records a longer file. The frames are those of a transaction too large for the page cache, which is rolled back: the
 * database keeps nothing of it, and the next commits write over them.
 */
export function reserveLog(database: Database): void {
  const bytes = Number(pragma(database, 'page_size')) * (Number(pragma(database, 'wal_autocheckpoint')) + 16);
  const cache = Number(pragma(database, 'cache_size'));
  database.exec('BEGIN IMMEDIATE');
  try {
    database.exec('PRAGMA cache_size = 10');
    database.exec(`INSERT INTO snapshots (height, bytes) VALUES (-1, zeroblob(${bytes}))`);
  } catch (error) {
    // Without the room there is only less speed. Anything else would stop the append as well.
    if (primaryCode(error) !== FULL) throw error;
  } finally {
    if (database.isTransaction) database.exec('ROLLBACK');
    database.exec(`PRAGMA cache_size = ${cache}`);
  }
}
