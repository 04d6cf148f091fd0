/** The pieces that processes of a run are made of: configuration, coordinator of the ledger, replica, barrier, gradients. */
import t, { type Test } from 'tap';
import { encodeTransaction } from '../../src/ledger/encoding.js';
import { createKey, memoryStore, type SigningKey, signTransaction, TOKEN } from '../../src/ledger/index.js';
import { createIdentity, Libp2pTransport, Network } from '../../src/network/index.js';
import { parsePeerConfig, readPeerConfig } from '../../src/process/peer-config.js';
import { Coordinator, type CoordinatorOptions } from '../../src/run/coordinator.js';
import { GradientInbox } from '../../src/run/gradient-inbox.js';
import { ask, type BarrierAnswer, CALL, type RejoinAnswer } from '../../src/run/protocol.js';
import { openReplica } from '../../src/run/replica.js';

t.setTimeout(240_000);

const unexpected = (error: unknown): never => {
  throw error;
};

const seedOf = (number: number) => new Uint8Array(32).fill(number);
const config = {
  formatVersion: 1,
  seed: 7,
  identity: '11'.repeat(32),
  coordinator: { key: '22'.repeat(32), addresses: ['/ip4/127.0.0.1/tcp/4001'] },
  settings: { participants: 8, rounds: 10, blocks: 1 },
};

t.test('a configuration gets its defaults; what is wrong in it is named', async (t) => {
  const parsed = parsePeerConfig(config);
  t.match(parsed, { wire: 'f32', tensorflow: 'auto', backend: { kind: 'native' }, listen: ['/ip4/127.0.0.1/tcp/0'] });
  t.match(parsed.settings, { participants: 8, rounds: 10, width: 16 });
  const wrong: [object, string][] = [
    [{ identity: 'short' }, 'config.identity'],
    [{ coordinator: { key: '22', addresses: [] } }, 'config.coordinator.key'],
    [{ wire: 'f64' }, 'config.wire'],
    [{ discovery: { mdns: 'yes' } }, 'config.discovery.mdns'],
    [{ listen: ['127.0.0.1:4001'] }, 'config.listen.0'],
    [{ formatVersion: 2 }, 'config.formatVersion'],
  ];
  for (const [change, argument] of wrong) t.throws(() => parsePeerConfig({ ...config, ...change }), { code: 'BTM_DOMAIN', argument });
  t.throws(() => parsePeerConfig({ ...config, unknown: 1 }), { code: 'BTM_DOMAIN' });
  t.throws(() => parsePeerConfig({ ...config, settings: { participants: 1 } }), { code: 'BTM_DOMAIN', argument: 'participants' });
  await t.rejects(readPeerConfig('/nonexistent/peer.json'), { code: 'BTM_IO' });
});

t.test('gradients wait per sender, oldest first, and are taken once', async (t) => {
  const inbox = new GradientInbox();
  const returned = (value: number) => ({
    input: { shape: [1, 1], data: Float32Array.of(value) },
    gradient: { shape: [1, 1], data: Float32Array.of(value) },
  });
  const values = (from: string) => (inbox.take().get(from) ?? []).map((one) => one.input.data[0]);
  inbox.put('a', returned(1));
  inbox.put('a', returned(2));
  t.same(values('a'), [1, 2]);
  t.same(values('a'), [], 'nothing stays');
  for (let i = 0; i < 6; i++) inbox.put('c', returned(i));
  t.same(values('c'), [2, 3, 4, 5], 'a sender that runs ahead loses its oldest');
});

async function member(t: Test, key: SigningKey, coordinator: Coordinator, addresses: readonly string[]): Promise<Network> {
  const transport = await Libp2pTransport.start({ identity: createIdentity(Buffer.from(key.seed, 'hex')) });
  t.teardown(() => transport.close());
  await transport.introduce(coordinator.network.self, addresses);
  return new Network({ transport });
}

async function keep(t: Test, keys: readonly SigningKey[], options: Partial<CoordinatorOptions> = {}) {
  const transport = await Libp2pTransport.start({ identity: createIdentity(seedOf(9)) });
  const genesis = { participants: keys.map((key) => ({ key: key.publicKey, stake: 5n * TOKEN })) };
  const coordinator = await Coordinator.start({ transport, store: memoryStore(), genesis, onFailure: unexpected, ...options });
  t.teardown(() => coordinator.close());
  return { coordinator, addresses: transport.addresses(), self: coordinator.network.self };
}

t.test('a replica follows the coordinator of the ledger by replaying its blocks; a barrier closes them when all have come', async (t) => {
  const keys = [1, 2].map((number) => createKey(seedOf(number)));
  const rounds: number[] = [];
  const { coordinator, addresses, self } = await keep(t, keys, { onBlock: (round, refused) => rounds.push(round, refused.length) });
  const [a, b] = [await member(t, keys[0], coordinator, addresses), await member(t, keys[1], coordinator, addresses)];
  const stranger = await member(t, createKey(seedOf(3)), coordinator, addresses);
  const [replicaA, replicaB] = [await openReplica(a, self), await openReplica(b, self)];
  t.equal((await openReplica(stranger, self)).chain, replicaA.chain, 'reading is open to everybody');
  await t.rejects(ask(stranger, self, CALL.submit, new Uint8Array(1)), { code: 'BTM_IO', message: /noStake/ });

  const tx = signTransaction(
    { kind: 'setEndpoint', endpoint: '/ip4/127.0.0.1/tcp/1', chain: replicaA.chain, from: keys[0].publicKey, nonce: 0 },
    keys[0],
  );
  t.equal(await ask(a, self, CALL.submit, encodeTransaction(tx)), 'ok');
  t.equal(await ask(a, self, CALL.submit, encodeTransaction(tx)), 'replayed', 'submitted twice, applied once');
  t.equal(await ask(a, self, CALL.submit, Uint8Array.of(1, 2)), 'malformed');

  const request = { name: 'block 1', round: 3, close: true };
  let passed = false;
  const waiting = ask<BarrierAnswer>(a, self, CALL.barrier, request).then((answer) => {
    passed = true;
    return answer;
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.notOk(passed, 'one of two has come');
  t.same(await ask(b, self, CALL.barrier, request), { done: true, out: false, height: 1 });
  t.same(await waiting, { done: true, out: false, height: 1 });
  t.same(rounds, [3, 2]);
  for (const replica of [replicaA, replicaB]) {
    t.equal(await replica.refresh(), 1);
    t.equal(replica.state().participant(keys[0].publicKey)?.endpoint, '/ip4/127.0.0.1/tcp/1');
    t.equal(replica.state().root(), coordinator.ledger.state().root());
  }

  const second = ask<BarrierAnswer>(a, self, CALL.barrier, { ...request, name: 'block 2' });
  coordinator.leave(keys[1].publicKey);
  t.same(await second, { done: true, out: false, height: 2 }, 'nobody waits for one that is gone');
  await t.rejects(replicaA.closeBlock(), { code: 'BTM_IO' }, 'a replica does not write');
});

t.test('one that misses a barrier is out, is told so, and is let in again with the next block', async (t) => {
  const keys = [1, 2].map((number) => createKey(seedOf(number)));
  const events: string[] = [];
  const { coordinator, addresses, self } = await keep(t, keys, {
    patience_ms: 300,
    onMember: (key, event) => events.push(`${keys.findIndex(({ publicKey }) => publicKey === key)} ${event}`),
  });
  const [a, b] = [await member(t, keys[0], coordinator, addresses), await member(t, keys[1], coordinator, addresses)];
  const barrier = (network: Network, name: string, round: number, close = false) =>
    ask<BarrierAnswer>(network, self, CALL.barrier, { name, round, close });
  t.match(await barrier(a, 'round 1', 1), { done: true, out: false }, 'a does not wait for ever');
  t.same(events, ['1 out']);
  t.match(await barrier(b, 'round 1', 1), { done: true, out: true }, 'b came too late');
  const back = ask<RejoinAnswer>(b, self, CALL.rejoin, { round: 0 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.match(await barrier(a, 'round 2', 2), { done: true }, 'rounds go on without b');
  t.match(await barrier(a, 'block 1', 2, true), { done: true, height: 1 });
  t.same(await back, { round: 2, over: false }, 'both go on after the same round');
  t.same(events, ['1 out', '1 in']);
  const together = barrier(a, 'round 3', 3);
  t.match(await barrier(b, 'round 3', 3), { done: true, out: false });
  t.match(await together, { done: true, out: false });
  coordinator.leave(keys[1].publicKey);
  const late = ask<RejoinAnswer>(b, self, CALL.rejoin, { round: 3 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  coordinator.leave(keys[0].publicKey);
  t.same(await late, { round: null, over: true }, 'nobody is left to train with');
});

t.test('a ledger that is taken up again: all rejoin, and go on from where the furthest was', async (t) => {
  const keys = [1, 2].map((number) => createKey(seedOf(number)));
  const { coordinator, addresses, self } = await keep(t, keys);
  const [a, b] = [await member(t, keys[0], coordinator, addresses), await member(t, keys[1], coordinator, addresses)];
  const first = ask<RejoinAnswer>(a, self, CALL.rejoin, { round: 20 });
  t.same(await ask<RejoinAnswer>(b, self, CALL.rejoin, { round: 30 }), { round: 30, over: false });
  t.same(await first, { round: 30, over: false });
  t.equal(coordinator.ledger.height, 1, 'their new addresses are in a block');
});

t.test('one that was started again before it was missed holds nobody up', async (t) => {
  const keys = [1, 2].map((number) => createKey(seedOf(number)));
  const events: string[] = [];
  const onMember = (_: string, event: string) => events.push(event);
  const { coordinator, addresses, self } = await keep(t, keys, { onMember, onApplicant: () => events.push('waits') });
  const [a, b] = [await member(t, keys[0], coordinator, addresses), await member(t, keys[1], coordinator, addresses)];
  const barrier = (network: Network, name: string, close: boolean) =>
    ask<BarrierAnswer>(network, self, CALL.barrier, { name, round: 1, close });
  await Promise.all([barrier(a, 'block 1', true), barrier(b, 'block 1', true)]);
  const waiting = barrier(a, 'round 1', false);
  const back = ask<RejoinAnswer>(b, self, CALL.rejoin, { round: 0 });
  t.match(await waiting, { done: true, out: false }, 'nobody waits for where it was');
  t.match(await barrier(a, 'block 2', true), { done: true, height: 2 });
  t.same(await back, { round: 1, over: false });
  t.same(events, ['out', 'waits', 'in']);
});

t.test('a ledger that is taken up again does not wait for ever for one that stays away', async (t) => {
  const keys = [1, 2].map((number) => createKey(seedOf(number)));
  const out: string[] = [];
  const { coordinator, addresses, self } = await keep(t, keys, { joinPatience_ms: 300, onMember: (key) => out.push(key) });
  const a = await member(t, keys[0], coordinator, addresses);
  t.same(await ask<RejoinAnswer>(a, self, CALL.rejoin, { round: 4 }), { round: 4, over: false });
  t.same(out, [keys[1].publicKey]);
});

t.test('where all may come back, all may go: rounds that they had begun come again', async (t) => {
  const keys = [1, 2].map((number) => createKey(seedOf(number)));
  const { coordinator, addresses, self } = await keep(t, keys, { resumes: true, patience_ms: 400, joinPatience_ms: 60_000 });
  const [a, b] = [await member(t, keys[0], coordinator, addresses), await member(t, keys[1], coordinator, addresses)];
  const barrier = (network: Network, name: string) => ask<BarrierAnswer>(network, self, CALL.barrier, { name, round: 1, close: false });
  await Promise.all([barrier(a, 'round 1'), barrier(b, 'round 1')]);
  barrier(a, 'round 2').catch(() => {}); // begun, and never ended
  await new Promise((resolve) => setTimeout(resolve, 100));
  for (const { publicKey } of keys) coordinator.leave(publicKey);
  t.same([...coordinator.members].sort(), keys.map(({ publicKey }) => publicKey).sort(), 'both are waited for');
  const first = ask<RejoinAnswer>(a, self, CALL.rejoin, { round: 1 });
  await new Promise((resolve) => setTimeout(resolve, 600));
  t.equal(coordinator.members.length, 2, 'the patience of a round that was given up puts nobody out');
  t.same(await ask<RejoinAnswer>(b, self, CALL.rejoin, { round: 0 }), { round: 1, over: false });
  t.same(await first, { round: 1, over: false });
  const together = barrier(a, 'round 2');
  t.match(await barrier(b, 'round 2'), { done: true, out: false });
  t.match(await together, { done: true, out: false });
});

t.test('a coordinator that is still opening its store is waited for, so long and no longer', async (t) => {
  const [key] = [createKey(seedOf(1))];
  const transport = await Libp2pTransport.start({ identity: createIdentity(seedOf(9)) });
  const caller = await Libp2pTransport.start({ identity: createIdentity(Buffer.from(key.seed, 'hex')) });
  t.teardown(() => caller.close());
  await caller.introduce(transport.self, transport.addresses());
  const network = new Network({ transport: caller });
  await t.rejects(ask(network, transport.self, CALL.head, null), { code: 'BTM_IO' }, 'not at all, where nobody said so');
  const stop = new AbortController();
  const givenUp = ask(network, transport.self, CALL.head, null, { patience_ms: 60_000, signal: stop.signal });
  stop.abort();
  await t.rejects(givenUp, { code: 'BTM_ABORTED' });
  const waiting = ask(network, transport.self, CALL.head, null, { patience_ms: 60_000 });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const genesis = { participants: [{ key: key.publicKey, stake: TOKEN }] };
  const coordinator = await Coordinator.start({ onFailure: unexpected, transport, store: memoryStore(), genesis });
  t.teardown(() => coordinator.close());
  t.match(await waiting, { height: 0 });
});
