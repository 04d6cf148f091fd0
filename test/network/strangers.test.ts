/** What those without stake can make this peer do, keep or refuse: as little as is written here. */

import t from 'tap';
import { Admission } from '../../src/network/admission.js';
import { AnnouncementFilter, encodeAnnouncement } from '../../src/network/announcements.js';
import { BoundedStore } from '../../src/network/bounded-store.js';
import { createHub, Network, RefusalLog, Supervisor } from '../../src/network/index.js';
import { ConnectionGate, DEFAULT_CONNECTIONS } from '../../src/network/libp2p/connection-gate.js';
import { mergeSenders } from '../../src/network/refusals.js';
import { NonceWindow } from '../../src/network/replay.js';
import { identityOf, NO_BYTES, scaling } from './support/peers.js';
import { VirtualClock } from './support/virtual-clock.js';

const NO_OP = () => {};

t.test('an announcement with several faults is refused for the first of them in this order', async (t) => {
  const clock = new VirtualClock();
  const isMember = (key: string) => key !== 'stranger';
  const filter = new AnnouncementFilter({ self: 'self', clock, isMember, height: () => 10 });
  const now = clock.now() * 1000;
  const check = (from: string, bytes: Uint8Array) => {
    const verdict = filter.check(from, bytes);
    return 'refused' in verdict ? verdict.refused : [...verdict.payload];
  };
  const old = now - 120_000_001;
  t.same(check('self', NO_BYTES), 'own');
  t.same(check('stranger', NO_BYTES), 'noStake');
  t.same(check('member', NO_BYTES), 'malformed');
  t.same(check('member', encodeAnnouncement(old, 99, NO_BYTES)), 'expired');
  t.same(check('member', encodeAnnouncement(now + 120_000_001, 10, NO_BYTES)), 'expired');
  t.same(check('member', encodeAnnouncement(now + 1, 5, NO_BYTES)), 'height');
  t.same(check('member', encodeAnnouncement(now + 1, 15, NO_BYTES)), 'height');
  const good = encodeAnnouncement(now + 1, 14, Uint8Array.of(7));
  t.same(check('member', good), [7]);
  t.same(check('member', good), 'replay');
  t.same(check('other', good), [7], 'the same time from another sender');
  await clock.runUntil(clock.now() + 120_001);
  t.same(check('member', good), 'expired', 'two minutes later it has expired by itself');
});

t.test('1,150 strangers with nonces 119 s ahead move nothing of a member, and leave nothing behind', async (t) => {
  const clock = new VirtualClock();
  const hub = createHub();
  const [member, server] = [identityOf(1), identityOf(2)];
  const network = new Network({
    transport: hub.join(server),
    clock,
    service: {
      handlers: { ...scaling(1), calls: { height: () => Uint8Array.of(7) } },
      openCalls: ['height'],
      stakeOf: (key) => (key === member.key ? 1n : 0n),
    },
  });
  const ahead = (clock.now() + 119_000) * 1000;
  const send = async (from: string, nonce: number) => {
    const transport = hub.join({ key: from });
    const request = {
      kind: 'call',
      from,
      to: server.key,
      nonce,
      deadline_ms: 100,
      tensors: [],
      method: 'height',
      bytes: NO_BYTES,
    } as const;
    const answer = await transport.exchange(request, new AbortController().signal, { sent: 0, received: 0 });
    await transport.close();
    return answer.ok ? 'ok' : answer.code;
  };
  const served = new Set<string>();
  for (let index = 0; index < 1150; index++) served.add(await send(`${index}`.padStart(64, 'a'), ahead + index));
  t.same([...served], ['ok'], 'what is open is open to all');
  t.equal(await send(member.key, clock.now() * 1000), 'ok', 'the member is served');
  t.equal(await send(member.key, clock.now() * 1000), 'replay', 'and still only once');
  t.same(network.serviceCounters().refused, { replay: 1 });
});

t.test('replay memory: 1,150 senders ahead of the clock raise no floor of another', async (t) => {
  const clock = new VirtualClock();
  const window = new NonceWindow(clock, 120_000, 4096, 1024);
  const now = clock.now() * 1000;
  for (let index = 0; index < 1150; index++) window.accept(`key ${index}`, now + 119_000_000 + index);
  t.ok(window.accept('key 0', now + 1), 'one that is remembered');
  t.equal(window.size, 1024);
});

t.test('a caller has a bounded number of requests; strangers share a few places, the others are the members', async (t) => {
  const admission = new Admission({ concurrency: 6, queue: 6, perCaller: 3, strangers: 4 });
  const enter = (key: string, stake: bigint) => admission.enter({ key, stake, member: stake > 0n }, NO_OP, NO_OP) !== null;
  t.same(
    [1, 2, 3, 4].map(() => enter('greedy', 5n)),
    [true, true, true, false],
  );
  t.same(
    [1, 2, 3, 4, 5].map((index) => enter(`stranger ${index}`, 0n)),
    [true, true, true, true, false],
  );
  t.same(
    [1, 2, 3].map(() => enter('member', 1n)),
    [true, true, true],
  );
  admission.release({ key: 'greedy', stake: 5n, member: true });
  t.ok(enter('greedy', 5n), 'again, once one of its own has ended');
});

t.test('refusals add up by reason and by sender, whatever the number of senders', async (t) => {
  const log = new RefusalLog();
  for (let index = 0; index < 1000; index++) log.count('noStake', `stranger ${index}`, false);
  for (let count = 0; count < 5; count++) log.count('replay', 'member', true);
  for (let count = 0; count < 3; count++) log.count('noStake', 'loud', false);
  log.count('pendingDeadline', null, false);
  for (let index = 0; index < 100; index++) log.count('noStake', `more ${index}`, false);
  t.same(log.byReason(), { noStake: 1103, replay: 5, pendingDeadline: 1 });
  const senders = log.bySender();
  t.equal(
    senders.reduce((sum, { total }) => sum + total, 0),
    1109,
  );
  t.ok(senders.length <= 64 + 3, 'bounded');
  t.match(
    senders.find(({ sender }) => sender === 'member'),
    { total: 5, reasons: { replay: 5 } },
  );
  t.match(
    senders.find(({ sender }) => sender === 'loud'),
    { total: 3 },
    'the loudest are told apart',
  );
  t.match(
    senders.find(({ sender }) => sender === 'unknown'),
    { total: 1 },
  );
});

t.test('a bounded store: shares per owner, the least useful first, and an end', async (t) => {
  const clock = new VirtualClock(0);
  const worth: Record<string, number> = { a: 3, b: 1, c: 2 };
  const store = new BoundedStore<string>(
    { entries: 3, bytes: 100, entriesPerOwner: 2, bytesPerOwner: 60, lifetime_ms: 1000 },
    clock,
    (owner) => worth[owner] ?? 0,
  );
  const names = () => [...store.values()].map(({ owner, name }) => `${owner}${name}`);
  t.equal(store.put('a', '1', 'x', 61), 'oversize');
  for (const name of ['1', '2', '3']) t.equal(store.put('a', name, 'x', 10), 'kept');
  t.same(names(), ['a2', 'a3'], 'its own oldest made room');
  t.equal(store.put('b', '1', 'x', 10), 'kept');
  t.equal(store.put('stranger', '1', 'x', 10), 'full', 'one of no use pushes out nothing');
  t.equal(store.put('c', '1', 'x', 10), 'kept');
  t.same(names(), ['a2', 'a3', 'c1'], 'the least useful gave way');
  t.equal(store.put('a', '2', 'y', 55), 'kept');
  t.same(names(), ['c1', 'a2'], 'bytes per owner');
  t.equal(store.get('c', '2'), undefined, 'names are per owner');
  t.equal(store.get('a', '2'), 'y');
  t.equal(store.bytes, 65);
  await clock.runUntil(1000);
  t.equal(store.get('a', '2'), undefined);
  t.same(names(), []);
  t.equal(store.bytes, 0);
});

t.test('no failure of a listener or a task ends the process or reaches its caller', async (t) => {
  const unowned: unknown[] = [];
  const onRejection = (reason: unknown) => unowned.push(reason);
  process.on('unhandledRejection', onRejection);
  t.teardown(() => process.off('unhandledRejection', onRejection));
  const clock = new VirtualClock();
  const hub = createHub();
  const told: string[] = [];
  const service = { handlers: scaling(1), stakeOf: () => 1n };
  const sender = new Network({ transport: hub.join(identityOf(1)), clock, service });
  const hearer = new Network({
    transport: hub.join(identityOf(2)),
    clock,
    service,
    onTaskFailure: ({ what, message }) => told.push(`${what}: ${message}`),
  });
  hearer.listen('topic', () => {
    throw new Error('at once \u001b[2J');
  });
  hearer.listen('topic', () => Promise.reject(new Error('later')));
  await sender.announce('topic', NO_BYTES);
  await new Promise((resolve) => setImmediate(resolve));
  await hearer.tasks.idle();
  await new Promise((resolve) => setImmediate(resolve));
  t.same(hearer.refusals().taskFailures, { 'listener of topic': 2 });
  t.same(told, ['listener of topic: at once \\u001b[2J', 'listener of topic: later']);
  const tasks = new Supervisor(() => {
    throw new Error('the one who is told fails as well');
  });
  tasks.run('task', () => Promise.reject(new Error('x')));
  t.equal(
    tasks.call('call', () => JSON.parse('{'), 'otherwise'),
    'otherwise',
  );
  await tasks.idle();
  await new Promise((resolve) => setImmediate(resolve));
  t.same(tasks.failures(), { call: 1, report: 2, task: 1 });
  t.same(unowned, []);
});

t.test('connections: the oldest silent one gives way, strangers have few places, members keep theirs', async (t) => {
  const clock = new VirtualClock();
  const log = new RefusalLog();
  const limits = {
    ...DEFAULT_CONNECTIONS,
    pending: 6,
    pendingPerAddress: 4,
    pending_ms: 1000,
    strangers: 3,
    strangersPerAddress: 2,
    perMember: 2,
  };
  const gate = new ConnectionGate(limits, clock, log, (key) => key.startsWith('member'));
  const aborted: string[] = [];
  const connect = (name: string, address: string) => {
    const connection = { abort: () => aborted.push(name) };
    gate.arrived(connection, address);
    return connection;
  };
  const member = connect('member', 'x');
  gate.authenticated(member, 'member 1');
  for (let index = 0; index < 5; index++) connect(`silent ${index}`, 'x');
  t.same(aborted.splice(0), ['silent 0'], 'the fifth of one address pushes out the first');
  for (let index = 0; index < 3; index++) connect(`elsewhere ${index}`, 'y');
  t.same(aborted.splice(0), ['silent 1'], 'in all, the most crowded address pays');
  t.same(gate.counts(), { pending: 6, strangers: 0, members: 1 });
  const late = connect('late member', 'x');
  gate.authenticated(late, 'member 2');
  t.same(aborted.splice(0), ['silent 2'], 'a newcomer that shows its key at once comes in');
  await clock.runUntil(clock.now() + 1000);
  t.same(aborted.splice(0).length, 5, 'silent ones have a second');
  for (let index = 0; index < 4; index++) gate.authenticated(connect(`stranger ${index}`, index < 3 ? 'x' : 'y'), `stranger ${index}`);
  t.same(aborted.splice(0), ['stranger 0'], 'the third of one address');
  gate.authenticated(connect('stranger 4', 'z'), 'stranger 4');
  t.same(aborted.splice(0), ['stranger 1']);
  for (let index = 0; index < 3; index++) gate.authenticated(connect(`again ${index}`, 'x'), 'member 1');
  t.same(aborted.splice(0), ['member', 'again 0'], 'a member has so many connections, the newest ones');
  gate.closed(late);
  t.same(gate.counts(), { pending: 0, strangers: 3, members: 2 });
  t.same(log.byReason(), { pendingLimit: 3, pendingDeadline: 5, strangerLimit: 2, quota: 2 });
});

t.test('refusals of one sender are added up over the logs of a network', async (t) => {
  const merged = mergeSenders([
    [{ sender: 'a', total: 3, reasons: { noStake: 2, malformed: 1 } }],
    [
      { sender: 'a', total: 5, reasons: { noStake: 5 } },
      { sender: 'b', total: 20, reasons: { replay: 20 } },
    ],
  ]);
  t.match(merged, [
    { sender: 'b', total: 20, reasons: { replay: 20 } },
    { sender: 'a', total: 8, reasons: { noStake: 7, malformed: 1 } },
  ]);
});
