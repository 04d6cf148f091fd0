/** Strangers at the sockets of a real libp2p node on loopback: silent connections, half frames, floods. Bounded in number, and by a clock of the test. */
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { type ConnectionLimits, type Identity, Libp2pTransport, Network, type ServiceOptions } from '../../src/network/index.js';
import { identityOf, NO_BYTES, ramp, scaling, Tally } from '../network/support/peers.js';
import { VirtualClock } from '../network/support/virtual-clock.js';
import { RawPeer } from './support/raw-peer.js';

t.setTimeout(180_000);

const [MEMBER, SERVER] = [identityOf(500), identityOf(501)];

interface Victim {
  readonly transport: Libp2pTransport;
  readonly network: Network;
  readonly clock: VirtualClock;
}

async function start(t: Test, identity: Identity, options: Partial<ConnectionLimits>, stakeOf: ServiceOptions['stakeOf']): Promise<Victim> {
  const clock = new VirtualClock(Date.now());
  const transport = await Libp2pTransport.start({ identity, connections: options, clock });
  t.teardown(() => transport.close());
  const calls = { height: () => Uint8Array.of(7) };
  const network = new Network({ transport, service: { handlers: { ...scaling(3), calls }, openCalls: ['height'], stakeOf } });
  return { transport, network, clock };
}

async function join(t: Test, victim: Victim): Promise<Network> {
  const transport = await Libp2pTransport.start({ identity: MEMBER });
  t.teardown(() => transport.close());
  await transport.introduce(victim.transport.self, victim.transport.addresses());
  return new Network({ transport });
}

const byKey = (key: string) => (key === MEMBER.key ? 1n : 0n);

/** Opens TCP connections that never say a word. */
async function silent(t: Test, { transport }: Victim, count: number): Promise<{ readonly closed: Tally }> {
  const [, , , , port] = transport.addresses()[0].split('/');
  const closed = new Tally();
  const sockets = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<Socket>((resolve, reject) => {
          const socket = connect({ host: '127.0.0.1', port: Number(port) }, () => resolve(socket));
          socket.on('error', reject);
          socket.once('close', () => closed.add());
          socket.resume();
        }),
    ),
  );
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  return { closed };
}

t.test('80 silent connections: a member joins, and the silent ones are cut', async (t) => {
  const victim = await start(t, SERVER, { pending: 64, pendingPerAddress: 64 }, byKey);
  const { closed } = await silent(t, victim, 80);
  await closed.reach(16); // the oldest made room
  const outcome = await (await join(t, victim)).query(victim.transport.self, ramp(1, 2), { deadline_ms: 60_000 });
  t.match(outcome, { ok: true });
  await victim.clock.runUntil(victim.clock.now() + 10_000);
  await closed.reach(80);
  t.equal(victim.transport.connections().pending, 0);
  t.equal(victim.transport.connections().members, 1);
  const { bySender } = victim.network.refusals();
  t.match(bySender.find(({ sender }) => sender === 'unknown')?.total, 80, 'each is counted');
});

t.test('negative control: without the limits and the deadline all 80 stay', async (t) => {
  const victim = await start(t, SERVER, { pending: 1e6, pendingPerAddress: 1e6, pending_ms: 1e9 }, byKey);
  await silent(t, victim, 80);
  await (await join(t, victim)).query(victim.transport.self, ramp(1, 2), { deadline_ms: 60_000 });
  await victim.clock.runUntil(victim.clock.now() + 10_000);
  t.equal(victim.transport.connections().pending, 80);
});

/** Half requests of 60 KiB, from strangers that never finish them, until no more are taken. */
async function halfFrames(t: Test, victim: Victim, strangers: number): Promise<RawPeer[]> {
  const peers = [];
  for (let index = 0; index < strangers; index++) {
    const peer = await RawPeer.start(identityOf(600 + index), victim.transport.addresses());
    t.teardown(() => peer.close());
    for (let stream = 0; stream < 12; stream++) await peer.half(60 * 1024);
    peers.push(peer);
  }
  return peers;
}

t.test('half frames held open: members are served, and the frames end by their deadline', async (t) => {
  const victim = await start(t, SERVER, {}, byKey);
  await halfFrames(t, victim, 3);
  const member = await join(t, victim);
  t.match(await member.query(victim.transport.self, ramp(256, 1024), { deadline_ms: 60_000 }), { ok: true }, 'a megabyte');
  const { byReason } = victim.network.refusals();
  t.ok((byReason.strangerLimit ?? 0) >= 2 * 4, 'eight streams for each of the first two');
  t.ok((byReason.busy ?? 0) >= 1, 'and a bounded number of bytes for all of them');
  await victim.clock.runUntil(victim.clock.now() + 30_000);
  t.ok((victim.network.refusals().byReason.frameDeadline ?? 0) >= 1);
  t.match(await member.call(victim.transport.self, 'height', NO_BYTES, { deadline_ms: 60_000 }), { ok: true });
});

t.test('negative control: where members have no budget of their own, the same strangers keep them out', async (t) => {
  const victim = await start(t, SERVER, {}, () => 0n);
  await halfFrames(t, victim, 3);
  const outcome = await (await join(t, victim)).call(victim.transport.self, 'height', new Uint8Array(60_000), { deadline_ms: 60_000 });
  t.match(outcome, { ok: false, failure: { code: 'busy', by: 'peer' } });
});

t.test('100 strangers connect: the member that came first keeps its connection, and a late one comes in', async (t) => {
  const victim = await start(t, SERVER, { strangers: 16, strangersPerAddress: 16 }, byKey);
  const member = await join(t, victim);
  t.match(await member.query(victim.transport.self, ramp(1, 2), { deadline_ms: 60_000 }), { ok: true });
  for (let index = 0; index < 40; index++) {
    const peer = await RawPeer.start(identityOf(700 + index), victim.transport.addresses());
    t.teardown(() => peer.close());
  }
  t.match(victim.transport.connections(), { members: 1 });
  t.ok(victim.transport.connections().strangers <= 16);
  t.match(await member.query(victim.transport.self, ramp(1, 2), { deadline_ms: 60_000 }), { ok: true });
});

t.test('garbage on a stream, and on a bare connection: the node goes on', async (t) => {
  const victim = await start(t, SERVER, {}, byKey);
  const peer = await RawPeer.start(identityOf(601), victim.transport.addresses());
  t.teardown(() => peer.close());
  for (let seed = 0; seed < 20; seed++) await peer.garbage(seed, 4096);
  const [, , , , port] = victim.transport.addresses()[0].split('/');
  const ended = new Tally();
  for (let index = 0; index < 10; index++) {
    const socket = connect({ host: '127.0.0.1', port: Number(port) }, () => socket.end(Buffer.alloc(4096, index)));
    socket.on('error', () => {});
    socket.once('close', () => ended.add());
    socket.resume();
  }
  await ended.reach(10);
  t.match(await (await join(t, victim)).query(victim.transport.self, ramp(1, 2), { deadline_ms: 60_000 }), { ok: true });
  t.ok((victim.network.refusals().byReason.malformed ?? 0) >= 1);
});
