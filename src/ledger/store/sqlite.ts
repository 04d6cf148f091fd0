/**
 * Blocks in one SQLite file, the default store. Durable: an append resolves after the commit's fsync. Any sqlite3 tool can read it: tables
 * `blocks(height, hash, bytes)`, `snapshots(height, bytes)` and `meta(name, value)`.
 */
import { accessSync, constants, existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { EnvironmentError, InputError } from '../../core/errors.js';
import { checkInteger } from '../../core/validate.js';
import { type Database, openDatabase, type Statement } from './sqlite-driver.js';
import type { Appended, Head, Loaded, NewBlock, Store, StoredBlock, StoredSnapshot } from './store.js';

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
 * Opens or creates the store in an SQLite file.
 *
 * @param path the file; a missing one is made unless it is opened for reading only
 * @throws InputError BTM_TYPE, BTM_DOMAIN for a path that is not a name or a wait that is not whole milliseconds
 * @throws EnvironmentError BTM_NO_PACKAGE without a suitable SQLite, BTM_IO when the file is locked, read-only, not a ledger, damaged or newer
 */
export async function sqliteStore(path: string, options: SqliteOptions = {}): Promise<Store> {
  if (typeof path !== 'string' || path === '') throw new InputError('BTM_TYPE', 'must name a file', { argument: 'path', value: path });
  checkInteger('options.busy_ms', options.busy_ms ?? 0, 0, 2 ** 31 - 1);
  const { readOnly = false } = options;
  const made = !readOnly && !existsSync(path);
  const database = readOnly ? await openForReading(path) : await openDatabase(path, {});
  try {
    prepare(database, path, options);
    return new SqliteStore(path, database);
  } catch (error) {
    database.close();
    if (made) for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
    throw typed(path, error);
  }
}

/**
 * A connection that writes nothing. Whoever may write opens the usual way, so that nothing stays behind on closing. Others must not leave files
 * of theirs beside the ledger: without a write-ahead log no process has it open, and it is read as it lies.
 */
async function openForReading(path: string): Promise<Database> {
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

function prepare(database: Database, path: string, options: SqliteOptions): void {
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

function primaryCode(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: number };
  return errcode === undefined ? undefined : errcode & 0xff;
}

/** SQLite's error as one of this package's, naming what to do. */
function typed(path: string, error: unknown): Error {
  if (error instanceof EnvironmentError) return error;
  const { message } = error as Error;
  const cause = CAUSES.get(primaryCode(error) ?? 0);
  if (cause === undefined) return new EnvironmentError('BTM_IO', `${path}: ${message}`);
  return refusal(path, `${cause[0]} (${message})`, [cause[1]]);
}

/**
 * One statement is one transaction: compare and swap without the round trips of BEGIN, two look-ups and COMMIT. Its parameters have no numbers,
 * for some versions of node:sqlite take numbered ones as named and leave them out.
 */
const APPEND = `INSERT INTO blocks (height, hash, bytes) SELECT new.height, new.hash, new.bytes
  FROM (SELECT ? AS height, ? AS hash, ? AS bytes, ? AS previous) AS new
  WHERE new.previous = CASE new.height
      WHEN 1 THEN (SELECT CAST(value AS TEXT) FROM meta WHERE name = 'chain')
      ELSE (SELECT hash FROM blocks WHERE height = new.height - 1) END
    AND NOT EXISTS (SELECT 1 FROM blocks WHERE height >= new.height)`;

/** Appends of a connection before it reserves its log: a command that writes one block does not pay for a thousand. */
const RESERVE_AFTER = 8;

/**
 * Lets the write-ahead log reach the length of one checkpoint now instead of frame by frame: a sync that only overwrites costs about half of one
 * that also records a longer file. The frames are those of a transaction too large for the page cache, which is rolled back: the
 * database keeps nothing of it, and the next commits write over them.
 */
function reserveLog(database: Database): void {
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

class SqliteStore implements Store {
  readonly name: string;
  private readonly statements = new Map<string, Statement>();
  private appended = 0;

  constructor(
    private readonly path: string,
    private readonly database: Database,
  ) {
    this.name = `SQLite file ${path}`;
  }

  private sql(text: string): Statement {
    let statement = this.statements.get(text);
    if (statement === undefined) {
      statement = this.database.prepare(text);
      this.statements.set(text, statement);
    }
    return statement;
  }

  private async guarded<T>(work: () => T): Promise<T> {
    try {
      return work();
    } catch (error) {
      throw typed(this.path, error);
    }
  }

  /** Runs `work` in one transaction, durable when it returns; nothing of it stays if it throws. */
  private atomically<T>(work: () => T): Promise<T> {
    return this.guarded(() => {
      this.database.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        this.database.exec('COMMIT');
        return result;
      } catch (error) {
        if (this.database.isTransaction) this.database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  private meta(name: string): Uint8Array | undefined {
    return this.sql('SELECT value FROM meta WHERE name = ?').get(name)?.['value'] as Uint8Array | undefined;
  }

  genesis(): Promise<Uint8Array | undefined> {
    return this.guarded(() => this.meta('genesis'));
  }

  begin(genesis: Uint8Array, hash: string): Promise<Appended> {
    return this.atomically(() => {
      const there = this.meta('chain');
      if (there !== undefined) return Buffer.from(there).toString() === hash ? 'exists' : 'conflict';
      this.putGenesis(genesis, hash);
      return 'appended';
    });
  }

  /** One transaction: a process that is killed in the middle leaves the store empty. */
  async load(genesis: Uint8Array, hash: string, blocks: AsyncIterable<NewBlock>): Promise<Loaded> {
    if (this.meta('chain') !== undefined) return 'conflict';
    await this.guarded(() => this.database.exec('BEGIN IMMEDIATE'));
    try {
      if (this.meta('chain') !== undefined) return 'conflict';
      this.putGenesis(genesis, hash);
      const put = this.sql('INSERT INTO blocks (height, hash, bytes) VALUES (?, ?, ?)');
      for await (const block of blocks) put.run(block.height, block.hash, block.bytes);
      this.database.exec('COMMIT');
      return 'loaded';
    } catch (error) {
      throw primaryCode(error) === undefined ? error : typed(this.path, error);
    } finally {
      if (this.database.isTransaction) this.database.exec('ROLLBACK');
    }
  }

  private putGenesis(genesis: Uint8Array, hash: string): void {
    const put = this.sql('INSERT INTO meta (name, value) VALUES (?, ?)');
    put.run('chain', Buffer.from(hash));
    put.run('genesis', genesis);
  }

  private last(): Head {
    const row = this.sql('SELECT height, hash FROM blocks ORDER BY height DESC LIMIT 1').get();
    if (row !== undefined) return { height: row['height'] as number, hash: row['hash'] as string };
    return { height: 0, hash: Buffer.from(this.meta('chain') ?? []).toString() };
  }

  head(): Promise<Head> {
    return this.guarded(() => this.last());
  }

  append(expectedHeight: number, block: NewBlock): Promise<Appended> {
    return this.guarded(() => {
      if (this.appended === RESERVE_AFTER) reserveLog(this.database);
      if (block.height === expectedHeight + 1) {
        const { changes } = this.sql(APPEND).run(block.height, block.hash, block.bytes, block.previous);
        if (Number(changes) === 1) {
          this.appended++;
          return 'appended';
        }
      }
      const there = this.sql('SELECT hash FROM blocks WHERE height = ?').get(block.height)?.['hash'];
      return there === block.hash ? 'exists' : 'conflict';
    });
  }

  read(height: number): Promise<StoredBlock | undefined> {
    return this.guarded(() => {
      const row = this.sql('SELECT hash, bytes FROM blocks WHERE height = ?').get(height);
      return row === undefined ? undefined : { height, hash: row['hash'] as string, bytes: row['bytes'] as Uint8Array };
    });
  }

  snapshot(): Promise<StoredSnapshot | undefined> {
    return this.guarded(() => {
      const row = this.sql('SELECT height, bytes FROM snapshots ORDER BY height DESC LIMIT 1').get();
      return row === undefined ? undefined : { height: row['height'] as number, bytes: row['bytes'] as Uint8Array };
    });
  }

  putSnapshot(snapshot: StoredSnapshot, prune: boolean): Promise<void> {
    return this.atomically(() => {
      this.sql('INSERT OR REPLACE INTO snapshots (height, bytes) VALUES (?, ?)').run(snapshot.height, snapshot.bytes);
      this.sql('DELETE FROM snapshots WHERE height < ?').run(snapshot.height);
      if (prune) this.sql('DELETE FROM blocks WHERE height < ?').run(snapshot.height);
    });
  }

  async close(): Promise<void> {
    this.database.close();
  }
}
