import t from 'tap';
import {
  createKey,
  type ForkProof,
  forkProof,
  isSignedHead,
  type Ledger,
  memoryStore,
  openLedger,
  type Store,
  signHead,
  TOKEN,
  verifyAgainstHead,
  verifyForkProof,
  verifyStore,
} from '../../src/ledger/index.js';
import { testKey } from './workload.js';

const keeper = createKey(new Uint8Array(32).fill(77));
const [a, b] = [0, 1].map(testKey);
const GENESIS = { participants: [{ key: a.publicKey, stake: TOKEN, balance: TOKEN }] };

/** A ledger of so many blocks, the `odd` one of which differs from the plain history. */
async function history(blocks: number, odd = 0): Promise<{ ledger: Ledger; store: Store; headers: Uint8Array[] }> {
  const store = memoryStore();
  const ledger = await openLedger({ store, genesis: GENESIS });
  const headers: Uint8Array[] = [];
  for (let height = 1; height <= blocks; height++) {
    if (height === odd) ledger.submitAction(a, { kind: 'transfer', to: b.publicKey, amount: 1n });
    headers.push((await ledger.closeBlock()).header);
  }
  return { ledger, store, headers };
}
const seen = (ledger: Ledger) => ({ height: ledger.height, hash: ledger.head });

t.test('the last head that was seen tells an older copy and another history from the same and a longer one', async (t) => {
  const five = await history(5);
  const three = await history(3);
  const other = await history(5, 2);
  const head = seen(five.ledger);
  t.match(await verifyAgainstHead(five.store, head), { verdict: 'same', found: head.hash });
  t.match(await verifyAgainstHead(five.store, seen(three.ledger)), { verdict: 'extends', head });
  t.match(await verifyAgainstHead(three.store, head), { verdict: 'behind', head: seen(three.ledger), found: null });
  t.match(await verifyAgainstHead(other.store, head), { verdict: 'fork', found: other.ledger.head });
  t.match(await verifyAgainstHead(other.store, seen((await history(1)).ledger)), { verdict: 'extends' }, 'they part after block 1');
  const start = { height: 0, hash: five.ledger.chain };
  t.match(await verifyAgainstHead(five.store, start), { verdict: 'extends' });
  t.match(await verifyAgainstHead((await history(0)).store, start), { verdict: 'same' });
  t.match(await verifyAgainstHead(five.store, { height: 0, hash: '0'.repeat(64) }), { verdict: 'fork' });
  await five.ledger.snapshot({ prune: true });
  t.match(await verifyAgainstHead(five.store, seen(three.ledger)), { verdict: 'pruned', found: null });
  await t.rejects(verifyAgainstHead(five.store, { height: -1, hash: head.hash }), { code: 'BTM_DOMAIN', argument: 'seen.height' });
  await t.rejects(verifyAgainstHead(five.store, { height: 1, hash: 'x' }), { code: 'BTM_TYPE', argument: 'seen.hash' });
});

t.test('verifyStore asks for a block that was seen, and for a least height', async (t) => {
  const { ledger, store } = await history(4);
  const older = await history(3);
  t.match(await verifyStore(store, { contains: ledger.head, minHeight: 4 }), { ok: true });
  for (const hash of [older.ledger.head, ledger.chain]) t.match(await verifyStore(store, { contains: hash }), { ok: true });
  t.match(await verifyStore(older.store, { contains: ledger.head }), { ok: false, height: 3, problem: /does not contain block/ });
  t.match(await verifyStore(older.store, { minHeight: 4 }), { ok: false, height: 3, problem: /at least 4 blocks/ });
  await ledger.snapshot({ prune: true });
  t.match(await verifyStore(store, { contains: ledger.head }), { ok: true });
  t.match(await verifyStore(store, { contains: older.ledger.head }), { ok: false, problem: /what is left of the ledger after block 3/ });
  await t.rejects(verifyStore(store, { contains: 'x' }), { code: 'BTM_TYPE', argument: 'options.contains' });
  await t.rejects(verifyStore(store, { minHeight: 0.5 }), { code: 'BTM_TYPE', argument: 'options.minHeight' });
});

t.test('two signed heads that cannot both stand prove the fork to anyone; honest ones prove nothing', async (t) => {
  const plain = await history(5);
  const other = await history(5, 3);
  const { chain } = plain.ledger;
  const hashes = async ({ ledger }: { ledger: Ledger }) =>
    Promise.all([1, 2, 3, 4, 5].map(async (height) => (await ledger.block(height))?.hash ?? ''));
  const [one, two] = [await hashes(plain), await hashes(other)];
  const head = (list: string[], height: number, key = keeper) => signHead(chain, { height, hash: list[height - 1] ?? '' }, key);
  const same = forkProof(head(one, 4), head(two, 4));
  t.match(verifyForkProof(JSON.parse(JSON.stringify(same))), { key: keeper.publicKey, chain, height: 4, hashes: [one[3], two[3]] });
  const apart = forkProof(head(two, 5), head(one, 3), other.headers.slice(2));
  t.match(verifyForkProof(apart as ForkProof), { height: 3, hashes: [one[2], two[2]] }, 'heights differ: the headers lead down');
  t.equal(forkProof(head(one, 4), head(one, 4)), undefined, 'the same head');
  t.equal(forkProof(head(one, 3), head(one, 5), plain.headers.slice(2)), undefined, 'one chain');
  t.equal(forkProof(head(one, 2), head(two, 5), other.headers.slice(1)), undefined, 'they part later');
  t.equal(forkProof(head(one, 4), head(two, 4, a)), undefined, 'two keys');
  t.equal(forkProof(head(one, 4), { ...head(two, 4), chain: '0'.repeat(64) }), undefined, 'another chain is not what was signed');
  t.equal(forkProof(head(two, 5), head(one, 3), plain.headers.slice(2)), undefined, 'headers of the wrong chain');
  t.equal(forkProof(head(two, 5), head(one, 3), other.headers.slice(3)), undefined, 'too few headers');
  t.equal(forkProof(head(two, 5), head(one, 3)), undefined, 'no headers');
});

t.test('every changed digit of a fork proof is refused, and nothing in one makes it throw', async (t) => {
  const plain = await history(4);
  const other = await history(4, 2);
  const head = (from: Ledger, height: number, hash: string) => signHead(from.chain, { height, hash }, keeper);
  const second = (await plain.ledger.block(2))?.hash ?? '';
  const proof = forkProof(head(plain.ledger, 2, second), head(other.ledger, 4, other.ledger.head), other.headers.slice(1));
  t.type(verifyForkProof(proof as ForkProof), 'object');
  const text = JSON.stringify(proof);
  let tried = 0;
  for (let at = 0; at < text.length; at += 11) {
    if (!/[0-9a-f]/.test(text[at] ?? '')) continue;
    const changed = `${text.slice(0, at)}${text[at] === '0' ? '1' : '0'}${text.slice(at + 1)}`;
    let parsed: ForkProof;
    try {
      parsed = JSON.parse(changed);
    } catch {
      continue; // the name of a field, or a number
    }
    tried++;
    if (typeof verifyForkProof(parsed) !== 'string') t.fail(`digit ${at} was changed and still proves something`);
  }
  t.ok(tried > 100, `${tried} changes`);
  for (const value of [null, 1, 'x', {}, { format: 1, headers: [] }, { format: 1, headers: [null], lower: null, upper: {} }])
    t.type(verifyForkProof(value as never), 'string');
  for (const value of [null, {}, { ...head(plain.ledger, 2, second), height: 3 }, { ...head(plain.ledger, 2, second), signature: 'x' }])
    t.notOk(isSignedHead(value));
  t.throws(() => signHead(plain.ledger.chain, { height: -1, hash: second }, keeper), { code: 'BTM_DOMAIN' });
});
