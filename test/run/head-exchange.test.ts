/** What a member makes of the heads that other members tell it. */
import { encode } from 'cborg';
import t from 'tap';
import {
  createKey,
  type Ledger,
  memoryStore,
  openLedger,
  type SignedHead,
  type Store,
  signHead,
  TOKEN,
  verifyForkProof,
} from '../../src/ledger/index.js';
import type { HandlerContext } from '../../src/network/index.js';
import { HEAD_METHOD, HeadExchange } from '../../src/run/head-exchange.js';
import { ForkError, HeadWatch } from '../../src/run/head-watch.js';
import { RecentBlocks } from '../../src/run/replica.js';

const seedOf = (number: number) => new Uint8Array(32).fill(number);
const members = [1, 2, 3].map((number) => createKey(seedOf(number)));
const [a, b, c] = members.map(({ publicKey }) => publicKey);
const coordinator = createKey(seedOf(99));
const genesis = { participants: members.map(({ publicKey }) => ({ key: publicKey, stake: 5n * TOKEN })) };

/** A chain of so many blocks; from a height on with another transaction in each. */
async function chain(blocks: number, fork = Number.POSITIVE_INFINITY): Promise<{ ledger: Ledger; store: Store; heads: SignedHead[] }> {
  const store = memoryStore();
  const ledger = await openLedger({ store, genesis });
  const heads = [signHead(ledger.chain, await store.head(), coordinator)];
  for (let height = 1; height <= blocks; height++) {
    ledger.submitAction(members[0], { kind: 'setEndpoint', endpoint: height < fork ? 'one' : 'other' });
    await ledger.closeBlock();
    heads.push(signHead(ledger.chain, await store.head(), coordinator));
  }
  return { ledger, store, heads };
}

/** A member that has followed the chain up to its end. */
async function member(blocks: number, shareOf = (keys: readonly string[]) => keys.length / 3) {
  const { ledger, store, heads } = await chain(blocks);
  const recent = new RecentBlocks();
  for (let height = 1; height <= blocks; height++) recent.keep((await store.read(height))!);
  const watch = new HeadWatch(coordinator.publicKey);
  await watch.take(heads[blocks], ledger, async (height) => (await ledger.block(height))?.header);
  const exchange = new HeadExchange({ watch, recent, shareOf });
  const forged: string[] = [];
  /** Another member calls, and everything heard is compared. */
  const hears = (head: unknown, from = b): unknown => {
    const bytes = head instanceof Uint8Array ? head : encode(head);
    exchange.calls()[HEAD_METHOD](bytes, { from } as HandlerContext);
    try {
      exchange.compare((key) => forged.push(key));
      return null;
    } catch (error) {
      return error;
    }
  };
  return { exchange, hears, forged, ledger, heads, recent };
}

t.test('heads of the own chain agree, whatever their height; one of later blocks waits', async (t) => {
  const { hears, forged, ledger } = await member(3);
  const longer = await chain(5);
  t.equal(longer.ledger.chain, ledger.chain);
  for (const head of longer.heads) t.equal(hears(head), null, `height ${head.height}`);
  t.same(forged, []);
});

t.test('a signature is not looked at where the hashes agree, and is where they do not', async (t) => {
  const { hears, forged, heads } = await member(3);
  hears({ ...heads[2], signature: '00' });
  t.same(forged, []);
  hears({ ...heads[2], hash: '5'.repeat(64) });
  hears({ ...heads[3], hash: '5'.repeat(64) }, c);
  t.same(forged, [b, c]);
});

for (const [told, from] of [
  [3, 3],
  [3, 2],
  [2, 2],
  [1, 1],
] as const) {
  t.test(`block ${told} of a chain that differs from block ${from} on: refused, with the proof`, async (t) => {
    const { hears, heads } = await member(3);
    const error = hears((await chain(told, from)).heads[told]);
    if (!(error instanceof ForkError)) throw error;
    t.match(verifyForkProof(error.proof!), { key: coordinator.publicKey, height: told });
    t.match(error, { told: { height: told }, seen: heads[3] });
  });
}

t.test('a head that waits is compared when this member is as far', async (t) => {
  const { ledger, store, heads } = await chain(4);
  const recent = new RecentBlocks();
  const watch = new HeadWatch(coordinator.publicKey);
  const exchange = new HeadExchange({ watch, recent, shareOf: () => 0 });
  const fork = (await chain(4, 4)).heads[4];
  exchange.calls()[HEAD_METHOD](encode(fork), { from: b } as HandlerContext);
  const compare = () => exchange.compare(() => t.fail('it is signed'));
  compare();
  await watch.take(heads[4], ledger, async (height) => (await ledger.block(height))?.header);
  compare(); // the head is ahead of what was replayed
  for (let height = 1; height <= 4; height++) recent.keep((await store.read(height))!);
  t.throws(compare, { message: /block 4 of the ledger is not the one that another/ });
});

t.test('a block of long ago says nothing; sixteen are kept', async (t) => {
  const { hears, recent } = await member(20);
  t.same(
    [4, 5, 20].map((height) => recent.hash(height) !== undefined),
    [false, true, true],
  );
  t.same(
    [3, 4, 5].map((from) => recent.headers(from, 20).length),
    [16, 16, 16],
  );
  t.equal(hears((await chain(4, 4)).heads[4]), null);
  t.ok(hears((await chain(5, 5)).heads[5]) instanceof ForkError);
});

t.test('another ledger of the same coordinator: refused when more than a third of the stake holds it, without a proof', async (t) => {
  const shares = { [b]: 1 / 3, [c]: 0.01 };
  const shareOf = (keys: readonly string[]) => keys.reduce((sum, key) => sum + shares[key], 0);
  const { hears, heads, forged } = await member(2, shareOf);
  const elsewhere = signHead('7'.repeat(64), { height: 1, hash: '8'.repeat(64) }, coordinator);
  t.equal(hears(elsewhere), null, 'a third may say so');
  t.equal(hears(heads[2]), null);
  t.equal(hears(elsewhere, c), null, 'who says otherwise later no longer counts');
  t.match(hears(elsewhere), { code: 'BTM_IO', message: /shows other participants another ledger/, proof: undefined });
  t.same(forged, []);
});

t.test('what is not a head is counted, and no more than half a kilobyte of it is kept', async (t) => {
  const { hears, forged } = await member(1);
  const signed = signHead('7'.repeat(64), { height: 1, hash: '8'.repeat(64) }, members[1]);
  const padded = encode({ ...signHead('7'.repeat(64), { height: 1, hash: '8'.repeat(64) }, coordinator), more: 'x'.repeat(512) });
  const bad = [null, 5, 'text', [], {}, Uint8Array.of(255), new Uint8Array(1e6), signed, padded];
  for (const one of bad) t.equal(hears(one, a), null);
  t.equal(forged.length, bad.length);
  t.equal(hears(new Uint8Array(0), a), null);
  t.equal(forged.length, bad.length, 'a member that has not seen a head yet says so with nothing');
});
