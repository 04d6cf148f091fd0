import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { etcdStore, memoryStore, type Store, sqliteStore } from '../../src/ledger/index.js';
import { isRecent, openDatabase } from '../../src/ledger/store/sqlite-driver.js';
import { EtcdCluster, hasEtcd } from './etcd-cluster.js';
import { conformance, fakeBlock } from './store-conformance.js';

const folder = mkdtempSync(join(tmpdir(), 'intermodel-stores-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const newPath = (): string => join(folder, `ledger-${files++}.sqlite`);

t.test('memory', (t) => conformance(t, { open: async () => memoryStore() }));

t.test('SQLite', async (t) => {
  const paths = new Map<Store, string>();
  const open = async (): Promise<Store> => {
    const path = newPath();
    const store = await sqliteStore(path);
    paths.set(store, path);
    return store;
  };
  await conformance(t, { open, reopen: (store) => sqliteStore(paths.get(store) as string) });
});

t.test('etcd', { skip: hasEtcd() ? false : 'no etcd on this machine (Debian: apt-get install etcd-server)' }, async (t) => {
  const cluster = await EtcdCluster.start(1);
  t.teardown(() => cluster.stop());
  let ledgers = 0;
  const prefixes = new Map<Store, string>();
  const open = async (): Promise<Store> => {
    const prefix = `test-${ledgers++}`;
    const store = etcdStore({ endpoints: cluster.endpoints, prefix });
    prefixes.set(store, prefix);
    return store;
  };
  const reopen = async (store: Store): Promise<Store> => etcdStore({ endpoints: cluster.endpoints, prefix: prefixes.get(store) as string });
  await conformance(t, { open, reopen });
  await t.test('an unreachable cluster is a typed error within the time given', async (t) => {
    const lost = etcdStore({ endpoints: ['http://127.0.0.1:9'], prefix: 'x', total_ms_max: 300 });
    await t.rejects(lost.head(), { name: 'EnvironmentError', code: 'BTM_IO' });
  });
});

t.test('SQLite: typed errors, nothing lost', async (t) => {
  await t.test('a file locked by another writer', async (t) => {
    const path = newPath();
    const store = await sqliteStore(path, { busy_ms: 50 });
    await store.begin(Uint8Array.of(1), '0'.repeat(64));
    const other = await openDatabase(path, {});
    other.exec('BEGIN IMMEDIATE');
    await t.rejects(store.append(0, { ...fakeBlock(1), previous: '0'.repeat(64) }), {
      code: 'BTM_IO',
      message: /locked by another process/,
    });
    other.exec('ROLLBACK');
    t.equal(await store.append(0, { ...fakeBlock(1), previous: '0'.repeat(64) }), 'appended', 'and it goes on when the lock is gone');
    other.close();
    await store.close();
  });

  await t.test('a read-only handle', async (t) => {
    const path = newPath();
    const writer = await sqliteStore(path);
    await writer.begin(Uint8Array.of(1), '0'.repeat(64));
    const reader = await sqliteStore(path, { readOnly: true });
    t.same(await reader.head(), { height: 0, hash: '0'.repeat(64) });
    await t.rejects(reader.append(0, { ...fakeBlock(1), previous: '0'.repeat(64) }), { code: 'BTM_IO', message: /read-only/ });
    await reader.close();
    await writer.close();
  });

  await t.test('a full disk, by a limit on pages', async (t) => {
    const path = newPath();
    const store = await sqliteStore(path);
    await store.begin(Uint8Array.of(1), '0'.repeat(64));
    const { database } = store as unknown as { database: { exec(sql: string): void } };
    database.exec('PRAGMA max_page_count = 12');
    const block = { ...fakeBlock(1, 'a', 200_000), previous: '0'.repeat(64) };
    await t.rejects(store.append(0, block), { code: 'BTM_IO', message: /full disk/ });
    t.same(await store.head(), { height: 0, hash: '0'.repeat(64) }, 'nothing of the block stayed');
    database.exec('PRAGMA max_page_count = 100000');
    t.equal(await store.append(0, block), 'appended', 'and it goes on with room again');
    await store.close();
  });

  await t.test('a newer file format, a foreign file, no SQLite file, no folder', async (t) => {
    const path = newPath();
    await (await sqliteStore(path)).close();
    const raw = await openDatabase(path, {});
    raw.exec('PRAGMA user_version = 2');
    raw.close();
    await t.rejects(sqliteStore(path), { code: 'BTM_IO', message: /file format 2; this version reads up to 1/ });
    const foreign = newPath();
    const database = await openDatabase(foreign, {});
    database.exec('CREATE TABLE notes (text)');
    database.close();
    await t.rejects(sqliteStore(foreign), { code: 'BTM_IO', message: /some other program/ });
    const garbage = newPath();
    writeFileSync(garbage, 'not a database '.repeat(1000));
    await t.rejects(sqliteStore(garbage), { code: 'BTM_IO', message: /not an SQLite file/ });
    t.equal(statSync(garbage).size, 15_000, 'left as it was');
    await t.rejects(sqliteStore(join(folder, 'nowhere', 'x.sqlite')), { code: 'BTM_IO' });
  });

  await t.test('a connection that appends reserves its log once, and nothing of it enters the database', async (t) => {
    const path = newPath();
    const store = await sqliteStore(path, { busy_ms: 50 });
    await store.begin(Uint8Array.of(1), '0'.repeat(64));
    const chained = (height: number) => ({ ...fakeBlock(height), previous: height === 1 ? '0'.repeat(64) : fakeBlock(height - 1).hash });
    for (let height = 1; height <= 8; height++) await store.append(height - 1, chained(height));
    t.ok(statSync(`${path}-wal`).size < 1_000_000, 'a few blocks do not pay for it');
    const other = await openDatabase(path, {});
    other.exec('BEGIN IMMEDIATE');
    await t.rejects(store.append(8, chained(9)), { code: 'BTM_IO', message: /locked by another process/ }, 'a lock is told as ever');
    other.exec('ROLLBACK');
    other.close();
    t.equal(await store.append(8, chained(9)), 'appended');
    t.ok(statSync(`${path}-wal`).size > 4_000_000);
    t.equal(await store.snapshot(), undefined);
    const { database } = store as unknown as { database: { prepare(sql: string): { get(): Record<string, unknown> } } };
    t.same({ ...database.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' });
    const count = Number(database.prepare('PRAGMA page_count').get()['page_count']);
    t.ok(count < 20, `${count} pages`);
    t.same({ ...database.prepare('PRAGMA freelist_count').get() }, { freelist_count: 0 });
    t.same({ ...database.prepare('PRAGMA cache_size').get() }, { cache_size: -2000 }, 'the page cache is as large as before');
    await store.close();
    const again = await sqliteStore(path);
    t.same(await again.head(), { height: 9, hash: fakeBlock(9).hash });
    await again.close();
  });

  await t.test('no room for the reserve is no failure', async (t) => {
    const path = newPath();
    const store = await sqliteStore(path);
    await store.begin(Uint8Array.of(1), '0'.repeat(64));
    const { database } = store as unknown as { database: { exec(sql: string): void } };
    database.exec('PRAGMA max_page_count = 40');
    for (let height = 1; height <= 12; height++) {
      const previous = height === 1 ? '0'.repeat(64) : fakeBlock(height - 1).hash;
      t.equal(await store.append(height - 1, { ...fakeBlock(height), previous }), 'appended');
    }
    t.ok(statSync(`${path}-wal`).size < 1_000_000);
    await store.close();
  });

  t.same(['3.51.2', '3.51.3', '3.52.0', '3.9.9', '4.0.0'].map(isRecent), [false, true, true, false, true], 'versions compare by number');
  await t.test('durable settings are in force', async (t) => {
    const path = newPath();
    const store = await sqliteStore(path);
    const { database } = store as unknown as { database: { prepare(sql: string): { get(): Record<string, unknown> } } };
    t.same({ ...database.prepare('PRAGMA journal_mode').get() }, { journal_mode: 'wal' });
    t.same({ ...database.prepare('PRAGMA synchronous').get() }, { synchronous: 2 });
    await store.close();
  });
});
