import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { type LedgerEvent, memoryStore, openLedger, sqliteStore, TOKEN, toJsonLine, verifyProof } from '../../src/ledger/index.js';
import { testKey, Workload } from './workload.js';

const folder = mkdtempSync(join(tmpdir(), 'intermodel-ledger-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

async function fill(path: string, seed: number, blocks: number) {
  const work = new Workload(seed, 5);
  const ledger = await openLedger({ path, genesis: work.genesis });
  for (let block = 0; block < blocks; block++) {
    for (let count = work.blockSize(); count > 0; count--) {
      const { key, action } = work.next(ledger.pending());
      ledger.submitAction(key, action);
    }
    await ledger.closeBlock();
  }
  return { ledger, work };
}

t.test('an SQLite ledger opens where it was, from blocks or from a snapshot', async (t) => {
  const path = join(folder, 'a.sqlite');
  const { ledger } = await fill(path, 3, 30);
  const root = ledger.state().root();
  await ledger.close();
  const replayed = await openLedger({ path });
  t.equal(replayed.state().root(), root, 'replayed from the genesis');
  t.equal(await replayed.snapshot({ prune: true }), 30);
  await replayed.close();
  const fast = await openLedger({ path });
  t.equal(fast.state().root(), root, 'from the snapshot');
  t.equal(await fast.block(7), undefined, 'older blocks are gone');
  t.match(await fast.verify(), { ok: true, from: 30, height: 30 });
  await fast.closeBlock();
  t.match(await fast.verify(), { ok: true, from: 30, height: 31 });
  await fast.close();
  await t.rejects(openLedger({ path, genesis: {} }), { code: 'BTM_DOMAIN', argument: 'genesis' });
  await t.rejects(openLedger({ path: join(folder, 'new.sqlite') }), { code: 'BTM_TYPE', argument: 'genesis' });
});

t.test('a damaged snapshot is refused', async (t) => {
  const path = join(folder, 'b.sqlite');
  const { ledger } = await fill(path, 4, 5);
  await ledger.snapshot();
  await ledger.close();
  const store = await sqliteStore(path);
  const snapshot = await store.snapshot();
  if (snapshot === undefined) throw new Error('no snapshot');
  let refused = 0;
  for (let bit = 0; bit < 200; bit++) {
    const bytes = new Uint8Array(snapshot.bytes);
    bytes[Math.floor((bit * bytes.length) / 200)] ^= 1 << (bit % 8);
    await store.putSnapshot({ height: 5, bytes }, false);
    const opened = openLedger({ store });
    await opened.then(
      (open) => t.equal(open.state().root(), ledger.state().root(), 'an accepted one has the right root'),
      () => refused++,
    );
  }
  t.equal(refused, 200, 'each of 200 flipped bits is refused');
  await store.close();
});

t.test('two writers on one store: the slower takes over and applies its open transactions again', async (t) => {
  const [a, b] = [0, 1].map(testKey);
  const store = memoryStore();
  const genesis = { participants: [a, b].map((key) => ({ key: key.publicKey, stake: TOKEN, balance: 10n * TOKEN })) };
  const one = await openLedger({ store, genesis });
  const two = await openLedger({ store });
  const seen: LedgerEvent[] = [];
  two.onEvent((event) => seen.push(event));
  t.equal(one.submitAction(a, { kind: 'transfer', to: b.publicKey, amount: 8n * TOKEN }).code, 'ok');
  t.equal(two.submitAction(a, { kind: 'transfer', to: b.publicKey, amount: 5n * TOKEN }).code, 'ok');
  t.equal(two.submitAction(b, { kind: 'bond', amount: TOKEN }).code, 'ok');
  await one.closeBlock();
  const block = await two.closeBlock();
  t.equal(block.height, 2);
  t.equal(block.transactions.length, 1);
  t.match(seen, [
    { type: 'block', height: 1 },
    { type: 'rejected', code: 'replayed' },
    { type: 'block', height: 2, transactions: 1 },
  ]);
  t.equal(await one.refresh(), 1);
  t.equal(one.state().root(), two.state().root());
  t.match(await one.verify(), { ok: true, height: 2 });
});

t.test('transactions submitted while a block is being written go into the next', async (t) => {
  const [a, b] = [0, 1].map(testKey);
  const ledger = await openLedger({
    store: memoryStore(),
    genesis: { participants: [{ key: a.publicKey, stake: TOKEN, balance: TOKEN }] },
  });
  const closing = ledger.closeBlock();
  await null;
  t.equal(ledger.submitAction(a, { kind: 'transfer', to: b.publicKey, amount: 1n }).code, 'ok');
  const first = await closing;
  const second = await ledger.closeBlock();
  t.equal(first.transactions.length + second.transactions.length, 1, 'once, not never and not twice');
  t.equal(ledger.state().balance(b.publicKey), 1n);
});

t.test('a proof of a key against a block hash alone', async (t) => {
  const { ledger, work } = await fill(':memory:', 6, 12);
  for (const person of ledger.state().participants()) {
    const proof = await ledger.prove(person.key);
    if (proof === undefined) throw new Error('no proof');
    const overTheWire = JSON.parse(JSON.stringify(proof));
    const proven = verifyProof(overTheWire, ledger.head);
    t.match(proven, { height: 12, key: person.key, stake: person.stake, balance: ledger.state().balance(person.key), slot: person.slot });
    if (typeof proven !== 'string') t.same(proven.row?.weights, ledger.state().row(person.key).weights);
    t.type(verifyProof(proof, '0'.repeat(64)), 'string', 'another block hash');
  }
  const [person] = ledger.state().participants();
  const text = JSON.stringify(await ledger.prove(person.key));
  const truth = JSON.stringify(verifyProof(JSON.parse(text), ledger.head), (_, v) => (typeof v === 'bigint' ? String(v) : v));
  let refused = 0;
  let same = 0;
  for (let at = 0; at < text.length; at += 7) {
    if (!/[0-9a-f]/.test(text[at])) continue;
    const changed = text.slice(0, at) + (text[at] === '0' ? '1' : '0') + text.slice(at + 1);
    let proof: unknown;
    try {
      proof = JSON.parse(changed);
    } catch {
      continue; // not JSON any more
    }
    const outcome = verifyProof(proof as never, ledger.head);
    if (typeof outcome === 'string') refused++;
    else if (JSON.stringify(outcome, (_, v) => (typeof v === 'bigint' ? String(v) : v)) === truth) same++;
    else t.fail(`a changed digit at ${at} proved something else`);
  }
  t.ok(refused > 300, `${refused} changed proofs refused, ${same} changes of ignored fields`);
  const stranger = await ledger.prove('ff'.repeat(32));
  t.equal(stranger, undefined);
  const account = work.genesis.accounts?.[2].key ?? '';
  const liquid = await ledger.prove(account);
  if (liquid !== undefined) t.match(verifyProof(liquid, ledger.head), { balance: ledger.state().balance(account) }, 'a key without a slot');
});

t.test('a proof says of every account of a page what the ledger says', async (t) => {
  const keys = Array.from({ length: 5 }, (_, k) => testKey(k));
  const participants = keys.slice(0, 3).map(({ publicKey }, k) => ({ key: publicKey, stake: TOKEN * BigInt(k + 1), balance: TOKEN }));
  const accounts = keys.slice(3).map(({ publicKey }) => ({ key: publicKey, balance: 7n * TOKEN }));
  const ledger = await openLedger({ store: memoryStore(), genesis: { participants, accounts } });
  for (const [k, key] of keys.entries())
    for (let sent = 0; sent <= k; sent++)
      t.equal(ledger.submitAction(key, { kind: 'transfer', to: keys[(k + 1) % 5]!.publicKey, amount: BigInt(k) + 1n }).code, 'ok');
  await ledger.closeBlock();
  const state = ledger.state();
  const proofs = await Promise.all(keys.map(({ publicKey }) => ledger.prove(publicKey)));
  const proven = proofs.map((proof) => verifyProof(proof as never, ledger.head));
  t.match(
    proven,
    keys.map(({ publicKey }, k) => ({ key: publicKey, nonce: k + 1, balance: state.balance(publicKey), slot: k < 3 ? k : null })),
  );
  t.match(
    proven.map((what) => typeof what !== 'string' && what.stake),
    keys.map(({ publicKey }, k) => (k < 3 ? state.stake(publicKey) : null)),
  );
});

t.test('events: an async iterator and JSON lines', async (t) => {
  const [a] = [testKey(0)];
  const ledger = await openLedger({ store: memoryStore(), genesis: { participants: [{ key: a.publicKey, stake: TOKEN }] } });
  const stop = new AbortController();
  const lines: string[] = [];
  const reader = (async () => {
    for await (const event of ledger.events({ signal: stop.signal })) lines.push(toJsonLine(event));
  })();
  ledger.submitAction(a, { kind: 'bond', amount: 1n });
  await ledger.closeBlock();
  await ledger.closeBlock();
  await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await reader;
  t.match(
    lines.map((line) => JSON.parse(line)),
    [
      { type: 'rejected', code: 'insufficient_balance', height: 1 },
      { type: 'block', height: 1, minted: '1000000000', supply: '2000000000' },
      { type: 'block', height: 2, supply: '3000000000' },
    ],
  );
});
