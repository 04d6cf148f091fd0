/** The pieces that processes of a run are made of: configuration, coordinator of the ledger, replica, barrier, gradients. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { encodeTransaction } from '../../src/ledger/encoding.js';
import { createKey, memoryStore, type SigningKey, signTransaction, TOKEN } from '../../src/ledger/index.js';
import { createHub, createIdentity, Network } from '../../src/network/index.js';
import { parsePeerConfig, readPeerConfig } from '../../src/process/peer-config.js';
import { Coordinator, type CoordinatorOptions } from '../../src/run/coordinator.js';
import { GradientInbox } from '../../src/run/gradient-inbox.js';
import { ask, type Barrier, type BarrierAnswer, CALL, type RejoinAnswer } from '../../src/run/protocol.js';
import { openReplica } from '../../src/run/replica.js';
import { VirtualClock } from '../network/support/virtual-clock.js';

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
  t.match(parsed, { wire: 'f32', backend: { kind: 'native' }, listen: ['/ip4/127.0.0.1/tcp/0'] });
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
  t.throws(() => parsePeerConfig({ ...config, backend: { kind: 'native', isa: 'sse9' } }), {
    code: 'BTM_DOMAIN',
    argument: 'config.backend.isa',
  });
  t.equal(parsePeerConfig({ ...config, backend: { kind: 'native', isa: 'avx2' } }).backend.isa, 'avx2');
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
  const put = (from: string, value: number) => {
    inbox.answered(from, returned(value).input);
    return inbox.put(from, returned(value));
  };
  t.equal(inbox.put('a', returned(1)), 'unasked', 'for what was not answered');
  t.equal(put('a', 1), null);
  t.equal(inbox.put('a', returned(1)), 'unasked', 'a second time');
  t.equal(inbox.put('b', returned(1)), 'unasked', 'for what another was answered');
  put('a', 2);
  t.same(values('a'), [1, 2]);
  t.same(values('a'), [], 'nothing stays');
  for (let i = 0; i < 6; i++) put('c', i);
  t.same(values('c'), [2, 3, 4, 5], 'a sender that runs ahead loses its oldest');
});

/** A coordinator and its callers in one process, on a clock that the test moves. */
async function opened(t: Test, count: number, options: Partial<CoordinatorOptions> = {}) {
  const hub = createHub();
  const clock = new VirtualClock();
  const keys = Array.from({ length: count }, (_, index) => createKey(seedOf(index + 1)));
  const genesis = { participants: keys.map((key) => ({ key: key.publicKey, stake: 5n * TOKEN })) };
  const events: string[] = [];
  const nameOf = (key: string) => keys.findIndex(({ publicKey }) => publicKey === key);
  let heard = (): void => undefined;
  const tell = (event: string): void => {
    events.push(event);
    heard();
  };
  const coordinator = await Coordinator.start({
    ...{ transport: hub.join(createIdentity(seedOf(9))), store: memoryStore(), genesis, clock, onFailure: unexpected },
    onMember: (key, event) => tell(`${nameOf(key)} ${event}`),
    onApplicant: (key) => tell(`${nameOf(key)} applies`),
    ...options,
  });
  t.teardown(() => coordinator.close());
  const { self } = coordinator.network;
  const member = (key: SigningKey) => new Network({ transport: hub.join(createIdentity(Buffer.from(key.seed, 'hex'))), clock });
  const members = keys.map((key) => {
    const network = member(key);
    return {
      network,
      barrier: (barrier: Barrier) => ask<BarrierAnswer>(network, self, CALL.barrier, barrier),
      rejoin: (round: number) => ask<RejoinAnswer>(network, self, CALL.rejoin, { round }),
    };
  });
  /** Resolves when this has happened. */
  const until = (event: string) =>
    new Promise<void>((resolve) => {
      heard = () => events.includes(event) && resolve();
      heard();
    });
  /** Lets everything that is under way come to rest, then time pass. */
  const pass = async (ms: number) => {
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    await clock.runUntil(clock.now() + ms);
  };
  return { coordinator, keys, members, member, events, until, pass, self };
}

const asked = (round: number): Barrier => ({ kind: 'asked', round });
const block = (height: number, round: number): Barrier => ({ kind: 'block', round, height });

t.test('a replica follows the coordinator of the ledger by replaying its blocks; a barrier closes them when all have come', async (t) => {
  const rounds: number[] = [];
  const { coordinator, keys, members, member, self, pass } = await opened(t, 2, {
    onBlock: (round, refused) => rounds.push(round, refused.length),
  });
  const [a, b] = members.map(({ network }) => network);
  const stranger = member(createKey(seedOf(3)));
  const [replicaA, replicaB] = [await openReplica(a!, self), await openReplica(b!, self)];
  t.equal((await openReplica(stranger, self)).chain, replicaA.chain, 'reading is open to all');
  await t.rejects(ask(stranger, self, CALL.submit, new Uint8Array(1)), { code: 'BTM_IO', message: /noStake/ });

  const [key] = keys as [SigningKey];
  const tx = signTransaction(
    { kind: 'setEndpoint', endpoint: '/ip4/127.0.0.1/tcp/1', chain: replicaA.chain, from: key.publicKey, nonce: 0 },
    key,
  );
  t.equal(await ask(a!, self, CALL.submit, encodeTransaction(tx)), 'ok');
  t.equal(await ask(a!, self, CALL.submit, encodeTransaction(tx)), 'replayed', 'submitted twice, applied once');
  t.equal(await ask(a!, self, CALL.submit, Uint8Array.of(1, 2)), 'malformed');

  let passed = false;
  const waiting = members[0]!.barrier(block(1, 3)).then((answer) => {
    passed = true;
    return answer;
  });
  await pass(0);
  t.notOk(passed, 'one of two has come');
  t.same(await members[1]!.barrier(block(1, 3)), { done: true, out: false, height: 1 });
  t.same(await waiting, { done: true, out: false, height: 1 });
  t.same(rounds, [3, 2]);
  for (const replica of [replicaA, replicaB]) {
    t.equal(await replica.refresh(), 1);
    t.equal(replica.state().participant(key.publicKey)?.endpoint, '/ip4/127.0.0.1/tcp/1');
    t.equal(replica.state().root(), coordinator.ledger.state().root());
  }

  const second = members[0]!.barrier(block(2, 3));
  coordinator.leave(keys[1]!.publicKey);
  t.same(await second, { done: true, out: false, height: 2 }, 'one that is gone is not waited for');
  t.same(rounds, [3, 2, 3, 0], 'what a block refused is told once');
  await t.rejects(replicaA.closeBlock(), { code: 'BTM_IO' }, 'a replica does not write');
});

t.test('one that misses a barrier is out, is told so, and is let in again with the next block', async (t) => {
  const { coordinator, keys, members, events, until, pass } = await opened(t, 2, { patience_ms: 300 });
  const [a, b] = members as [(typeof members)[0], (typeof members)[0]];
  const first = a.barrier(asked(1));
  await pass(299);
  t.same(events, [], 'not before its time');
  await pass(1);
  t.match(await first, { done: true, out: false }, 'a does not wait for ever');
  t.same(events, ['1 out']);
  t.match(await b.barrier(asked(1)), { done: true, out: true }, 'b came too late');
  const back = b.rejoin(0);
  await until('1 applies');
  t.match(await a.barrier(asked(2)), { done: true }, 'rounds go on without b');
  t.match(await a.barrier(block(1, 2)), { done: true, height: 1 });
  t.match(await back, { round: 2, over: false }, 'both go on after the same round');
  t.same(events, ['1 out', '1 applies', '1 in']);
  const together = a.barrier(asked(3));
  t.match(await b.barrier(asked(3)), { done: true, out: false });
  t.match(await together, { done: true, out: false });
  coordinator.leave(keys[1]!.publicKey);
  const late = b.rejoin(3);
  await pass(0);
  coordinator.leave(keys[0]!.publicKey);
  t.match(await late, { round: null, over: true }, 'there is none left to train with');
});

t.test('a wait that takes longer than one poll is asked again, and goes on', async (t) => {
  const { members, pass } = await opened(t, 2);
  const [a, b] = members as [(typeof members)[0], (typeof members)[0]];
  const waiting = a.barrier(asked(1));
  await pass(10_000);
  t.same(await waiting, { done: false, out: false, height: 0 }, 'ask again');
  const again = a.barrier(asked(1));
  t.match(await b.barrier(asked(1)), { done: true });
  t.match(await again, { done: true });
});

t.test('a ledger that is taken up again: all rejoin, and go on from where the furthest was', async (t) => {
  const { coordinator, members } = await opened(t, 2);
  const first = members[0]!.rejoin(20);
  t.match(await members[1]!.rejoin(30), { round: 30, over: false });
  t.match(await first, { round: 30, over: false });
  t.equal(coordinator.ledger.height, 1, 'their new addresses are in a block');
});

t.test('one that was started again before it was missed delays no participant', async (t) => {
  const { members, events } = await opened(t, 2);
  const [a, b] = members as [(typeof members)[0], (typeof members)[0]];
  await Promise.all([a.barrier(block(1, 1)), b.barrier(block(1, 1))]);
  const waiting = a.barrier(asked(1));
  const back = b.rejoin(0);
  t.match(await waiting, { done: true, out: false }, 'a does not wait where b was');
  t.match(await a.barrier(block(2, 1)), { done: true, height: 2 });
  t.match(await back, { round: 1, over: false });
  t.same(events, ['1 out', '1 applies', '1 in']);
});

t.test('a ledger that is taken up again does not wait for ever for one that stays away', async (t) => {
  const { members, events, until, pass } = await opened(t, 2, { joinPatience_ms: 300 });
  const back = members[0]!.rejoin(4);
  await until('0 applies');
  await pass(299);
  t.same(events, ['0 applies']);
  await pass(1);
  t.match(await back, { round: 4, over: false });
  t.same(events, ['0 applies', '1 out']);
});

t.test('where all may come back, all may go: rounds that they had begun come again', async (t) => {
  const { coordinator, keys, members, until, pass } = await opened(t, 2, { resumes: true, patience_ms: 400, joinPatience_ms: 60_000 });
  const [a, b] = members as [(typeof members)[0], (typeof members)[0]];
  await Promise.all([a.barrier(asked(1)), b.barrier(asked(1))]);
  a.barrier(asked(2)).catch(() => {}); // begun, and never ended
  await pass(100);
  for (const { publicKey } of keys) coordinator.leave(publicKey);
  t.same([...coordinator.members].sort(), keys.map(({ publicKey }) => publicKey).sort(), 'both are waited for');
  const first = a.rejoin(1);
  await until('0 applies');
  await pass(600);
  t.equal(coordinator.members.length, 2, 'the patience of a round that was given up removes no participant');
  t.match(await b.rejoin(0), { round: 1, over: false });
  t.match(await first, { round: 1, over: false });
  const together = a.barrier(asked(2));
  t.match(await b.barrier(asked(2)), { done: true, out: false });
  t.match(await together, { done: true, out: false });
});

t.test('a coordinator that is still opening its store is waited for, so long and no longer', async (t) => {
  const key = createKey(seedOf(1));
  const hub = createHub();
  const clock = new VirtualClock();
  const transport = hub.join(createIdentity(seedOf(9)));
  const network = new Network({ transport: hub.join(createIdentity(Buffer.from(key.seed, 'hex'))), clock });
  const head = (waiting = {}) => ask(network, transport.self, CALL.head, null, waiting);
  await t.rejects(head(), { code: 'BTM_IO' }, 'not at all, unless it is configured');
  const stop = new AbortController();
  const givenUp = head({ patience_ms: 60_000, signal: stop.signal });
  stop.abort();
  await t.rejects(givenUp, { code: 'BTM_ABORTED' });
  let settled = false;
  const inVain = t.rejects(head({ patience_ms: 1_000 }), { code: 'BTM_IO' }).finally(() => {
    settled = true;
  });
  const started = clock.now();
  const step = async () => {
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    await clock.runUntil(clock.now() + 100);
  };
  while (!settled) await step();
  await inVain;
  t.ok(clock.now() - started >= 1_000 && clock.now() - started < 1_200, `${clock.now() - started} ms`);
  const silences: string[] = [];
  const waiting = head({ patience_ms: 60_000, onSilence: (reason: string) => silences.push(reason) });
  await step();
  const genesis = { participants: [{ key: key.publicKey, stake: TOKEN }] };
  const coordinator = await Coordinator.start({ onFailure: unexpected, transport, store: memoryStore(), genesis, clock });
  t.teardown(() => coordinator.close());
  for (let steps = 0; steps < 10; steps++) await step();
  t.match(await waiting, { height: 0 });
  t.match(silences, [/^unreachable: /], 'told once');
});

t.test('what is called while a block closes may fail: the run stops there and says so, and no rejection is left alone', async (t) => {
  const unowned: unknown[] = [];
  const note = (reason: unknown): void => void unowned.push(reason);
  process.on('unhandledRejection', note);
  t.teardown(() => process.off('unhandledRejection', note));
  const failures: string[] = [];
  const { members, pass } = await opened(t, 1, {
    onBlock: () => Promise.reject(new Error('the disk is full')),
    onFailure: (error) => failures.push(String(error)),
  });
  const waiting = members[0]!.barrier(block(1, 0));
  await pass(0);
  t.match(failures, [/the disk is full/]);
  await pass(11_000);
  t.match(await waiting, { done: false, out: false });
  t.same(unowned, []);
});
