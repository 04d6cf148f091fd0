/** What every store must do. Each implementation runs this with its own fixtures. */
import type { Test } from 'tap';
import type { NewBlock, Store } from '../../src/ledger/index.js';
import { loadChain } from '../../src/ledger/store/store.js';

export interface Fixture {
  /** A new, empty store. */
  open(): Promise<Store>;
  /** A second handle on the same contents; undefined where a store cannot have one. */
  reopen?(store: Store): Promise<Store>;
}

const hash = (text: string): string => text.padEnd(64, '0');
const GENESIS = Uint8Array.of(1, 2, 3);

/** Blocks of arbitrary bytes: a store does not look inside. */
export function fakeBlock(height: number, variant = 'a', bytes = 40): NewBlock {
  const content = new Uint8Array(bytes).map((_, index) => (index * 31 + height) & 0xff);
  const previous = height === 1 ? hash('c0') : hash(`${(height - 1).toString(16)}aa`);
  return { height, hash: hash(`${height.toString(16)}a${variant}`), previous, bytes: content };
}

export async function conformance(t: Test, fixture: Fixture): Promise<void> {
  await t.test('an empty store has no genesis and takes one', async (t) => {
    const store = await fixture.open();
    t.equal(await store.genesis(), undefined);
    t.equal(await store.begin(GENESIS, hash('c0')), 'appended');
    t.equal(await store.begin(GENESIS, hash('c0')), 'exists');
    t.equal(await store.begin(Uint8Array.of(9), hash('c1')), 'conflict');
    t.same([...((await store.genesis()) ?? [])], [1, 2, 3]);
    t.same(await store.head(), { height: 0, hash: hash('c0') });
    await store.close();
  });

  await t.test('appends compare and swap', async (t) => {
    const store = await fixture.open();
    await store.begin(GENESIS, hash('c0'));
    t.equal(await store.append(0, fakeBlock(1)), 'appended');
    t.equal(await store.append(0, fakeBlock(1)), 'exists', 'the very same block again: an ambiguous acknowledgement retried');
    t.equal(await store.append(0, fakeBlock(1, 'b')), 'conflict', 'another block for a height that is taken');
    t.equal(await store.append(2, fakeBlock(3)), 'conflict', 'a gap');
    t.equal(await store.append(1, fakeBlock(3)), 'conflict', 'a height that does not follow');
    t.equal(await store.append(1, { ...fakeBlock(2), previous: hash('ff') }), 'conflict', 'a block that follows another head');
    t.equal(await store.append(1, fakeBlock(2)), 'appended');
    t.equal(await store.append(0, fakeBlock(1)), 'exists', 'an old block retried late');
    t.same(await store.head(), { height: 2, hash: fakeBlock(2).hash });
    await store.close();
  });

  await t.test('a whole chain goes into an empty store, or nothing of it', async (t) => {
    const store = await fixture.open();
    const blocks = async function* (failAt: number) {
      for (let height = 1; height <= 3; height++) {
        if (height === failAt) throw new Error('the source failed');
        yield fakeBlock(height);
      }
    };
    await t.rejects(loadChain(store, GENESIS, hash('c0'), blocks(3)), { message: 'the source failed' });
    if (store.load !== undefined) t.equal(await store.genesis(), undefined, 'nothing is left of it');
    t.equal(await loadChain(store, GENESIS, hash('c0'), blocks(0)), 'loaded');
    t.same(await store.head(), { height: 3, hash: fakeBlock(3).hash });
    t.same([...((await store.genesis()) ?? [])], [1, 2, 3]);
    t.equal((await store.read(2))?.hash, fakeBlock(2).hash);
    t.equal(await loadChain(store, Uint8Array.of(9), hash('c1'), blocks(0)), 'conflict', 'another chain');
    t.equal(await store.append(3, fakeBlock(4)), 'appended', 'and it goes on from there');
    await store.close();
  });

  await t.test('reads back what was put, and nothing else', async (t) => {
    const store = await fixture.open();
    await store.begin(GENESIS, hash('c0'));
    for (const [height, size] of [1, 70_000, 2_500_000].entries()) await store.append(height, fakeBlock(height + 1, 'a', size));
    for (const [height, size] of [1, 70_000, 2_500_000].entries()) {
      const block = await store.read(height + 1);
      t.equal(block?.hash, fakeBlock(height + 1).hash);
      t.ok(block !== undefined && Buffer.compare(block.bytes, fakeBlock(height + 1, 'a', size).bytes) === 0, `${size} bytes`);
    }
    t.equal(await store.read(0), undefined);
    t.equal(await store.read(4), undefined);
    await store.close();
  });

  await t.test('what is read or put does not alias the store', async (t) => {
    const store = await fixture.open();
    await store.begin(GENESIS, hash('c0'));
    const block = { ...fakeBlock(1), bytes: Buffer.from(fakeBlock(1).bytes) };
    await store.append(0, block);
    const [first] = block.bytes;
    block.bytes[0] = first ^ 0xff;
    const read = await store.read(1);
    t.equal(read?.bytes[0], first);
    if (read !== undefined) read.bytes[0] = first ^ 0xff;
    t.equal((await store.read(1))?.bytes[0], first);
    await store.close();
  });

  await t.test('a snapshot replaces the older one, and prunes when asked', async (t) => {
    const store = await fixture.open();
    await store.begin(GENESIS, hash('c0'));
    for (let height = 0; height < 5; height++) await store.append(height, fakeBlock(height + 1));
    t.equal(await store.snapshot(), undefined);
    await store.putSnapshot({ height: 2, bytes: Uint8Array.of(2) }, false);
    t.ok(await store.read(1));
    const big = new Uint8Array(2_300_000).fill(4);
    await store.putSnapshot({ height: 4, bytes: big }, true);
    const snapshot = await store.snapshot();
    t.equal(snapshot?.height, 4);
    t.ok(snapshot !== undefined && Buffer.compare(snapshot.bytes, big) === 0);
    for (const height of [1, 2, 3]) t.equal(await store.read(height), undefined);
    t.ok(await store.read(4), 'the block that vouches for the snapshot stays');
    t.same(await store.head(), { height: 5, hash: fakeBlock(5).hash });
    t.equal(await store.append(5, fakeBlock(6)), 'appended');
    await store.close();
  });

  await t.test('of many writers for one height exactly one wins', async (t) => {
    const store = await fixture.open();
    await store.begin(GENESIS, hash('c0'));
    const handles = await Promise.all(Array.from({ length: 50 }, () => fixture.reopen?.(store) ?? store));
    const outcomes = await Promise.all(
      handles.map((handle, writer) => handle.append(0, { ...fakeBlock(1), hash: hash(`${(1000 + writer).toString(16)}`) })),
    );
    t.equal(outcomes.filter((outcome) => outcome === 'appended').length, 1, 'T6: one appended');
    t.equal(outcomes.filter((outcome) => outcome === 'conflict').length, 49, 'T6: the others are told');
    const head = await store.head();
    t.equal(head.height, 1);
    const winner = outcomes.indexOf('appended');
    t.equal(head.hash, hash(`${(1000 + winner).toString(16)}`));
    t.equal(
      await handles[winner].append(0, { ...fakeBlock(1), hash: head.hash }),
      'exists',
      'T6: the winner who lost the answer retries and gets one block',
    );
    for (const handle of handles) if (handle !== store) await handle.close();
    await store.close();
  });
}
