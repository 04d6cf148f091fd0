/**
 * Blocks in one SQLite file, the default store. Durable: an append resolves after the commit's fsync. Any sqlite3 tool can read it: tables
 * `blocks(height, hash, bytes)`, `snapshots(height, bytes)` and `meta(name, value)`.
 */
import { existsSync, rmSync } from 'node:fs';
import { InputError } from '../../core/errors.js';
import { checkInteger } from '../../core/validate.js';
import { type Database, openDatabase, type Statement } from './sqlite-driver.js';
import { openForReading, prepare, primaryCode, reserveLog, type SqliteOptions, typed } from './sqlite-file.js';
import type { Appended, Head, Loaded, NewBlock, Store, StoredBlock, StoredSnapshot } from './store.js';

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
