/** A peer that comes back under the same key at another address, over libp2p and with a real process that hangs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { createIdentity, type Identity, Libp2pTransport, Network, type Outcome, type Tensor } from '../../src/network/index.js';
import { identityOf, ramp, scaling, sleep } from './support/peers.js';

/** Far longer than an exchange on loopback on a busy machine, shorter than libp2p's patience with an address that stays silent (10 s). */
const DEADLINE_MS = 9000;

/** For libp2p to store what a peer says of itself. Where it has not by then, there is less to overcome: no test fails for it. */
const IDENTIFY_MS = 500;

/** Waits until a peer has told where it listens. */
async function identified(transport: Libp2pTransport, peer: string, address: string): Promise<void> {
  while (!(await transport.known(peer)).includes(withoutPeerId(address))) await sleep(20);
}

async function start(t: Test, identity: Identity, listen?: readonly string[]): Promise<Libp2pTransport> {
  const transport = await Libp2pTransport.start({ identity, ...(listen && { listen }) });
  t.teardown(() => transport.close());
  return transport;
}

/** The former process answers 2 x, the one that replaces it 3 x, so a test sees who answered. */
async function serve(t: Test, identity: Identity, listen?: readonly string[]): Promise<Libp2pTransport> {
  const transport = await start(t, identity, listen);
  new Network({ transport, service: { handlers: scaling(3), stakeOf: () => 1n } });
  return transport;
}

async function spawnFormer(t: Test, number: number, nodeOptions: string[] = []): Promise<{ child: ChildProcess; addresses: string[] }> {
  const script = fileURLToPath(new URL('./support/process.js', import.meta.url));
  const child = spawn(process.execPath, [...nodeOptions, script, String(number)], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const line = await new Promise<string>((resolve) => child.stdout?.once('data', (data) => resolve(String(data))));
  return { child, addresses: JSON.parse(line).addresses };
}

/** A listener that accepts and never says a word, as a machine does whose process hangs. */
async function silentAddress(t: Test): Promise<{ address: string; accepted: () => number }> {
  let accepted = 0;
  const server = createServer((socket) => {
    accepted++;
    t.teardown(() => socket.destroy());
    socket.on('error', () => {}); // the caller resets what it gives up
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return { address: `/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}`, accepted: () => accepted };
}

function answerOf(outcome: Outcome<Tensor>): number | string {
  return outcome.ok ? outcome.value.data[1] : outcome.failure.code;
}

const withoutPeerId = (address: string) => address.replace(/\/p2p\/.*/, '');

const ask = async (caller: Network, peer: string, deadline_ms = DEADLINE_MS) =>
  answerOf(await caller.query(peer, ramp(1, 2), { deadline_ms }));

t.setTimeout(180_000);

t.test('a peer whose process hangs and that starts anew on another port answers right after introduce', async (t) => {
  const identity = identityOf(401);
  const former = await spawnFormer(t, 401);
  const mine = await start(t, createIdentity());
  const caller = new Network({ transport: mine, bans: { threshold: 1000 } });
  await mine.introduce(identity.key, former.addresses);
  t.equal(await ask(caller, identity.key), 2);

  former.child.kill('SIGSTOP'); // its connections stay open, and there is no answer on them
  const now = await serve(t, identity);
  t.equal(await ask(caller, identity.key, 300), 'timeout', 'control: without an introduction the old connection is used');
  await mine.introduce(identity.key, now.addresses());
  t.equal(await ask(caller, identity.key), 3, 'the first call after it is answered');
  t.same(mine.connected(), [identity.key]);
});

t.test('a peer that was killed and starts anew answers right after introduce', async (t) => {
  const identity = identityOf(402);
  const former = await spawnFormer(t, 402);
  const mine = await start(t, createIdentity());
  const caller = new Network({ transport: mine, bans: { threshold: 1000 } });
  await mine.introduce(identity.key, former.addresses);
  t.equal(await ask(caller, identity.key), 2);

  former.child.kill('SIGKILL');
  const now = await serve(t, identity);
  await mine.introduce(identity.key, now.addresses());
  t.equal(await ask(caller, identity.key), 3);
});

t.test('calls that wait on the old connection end when the peer is introduced elsewhere', async (t) => {
  const identity = identityOf(403);
  const former = await spawnFormer(t, 403);
  const mine = await start(t, createIdentity());
  const caller = new Network({ transport: mine, bans: { threshold: 1000 } });
  await mine.introduce(identity.key, former.addresses);
  t.equal(await ask(caller, identity.key), 2);
  former.child.kill('SIGSTOP');
  const pending = ask(caller, identity.key, 60_000);
  await mine.introduce(identity.key, (await serve(t, identity)).addresses());
  t.equal(await pending, 'unreachable', 'long before its deadline');
});

t.test('a restarted peer that calls first is answered on its own connection, not on the one to its former process', async (t) => {
  const identity = identityOf(404);
  const former = await spawnFormer(t, 404);
  const mine = await start(t, createIdentity());
  const caller = new Network({ transport: mine, bans: { threshold: 1000 }, service: { handlers: scaling(1), stakeOf: () => 1n } });
  await mine.introduce(identity.key, former.addresses);
  t.equal(await ask(caller, identity.key), 2);

  former.child.kill('SIGSTOP');
  const pending = ask(caller, identity.key, 60_000);
  const now = await start(t, identity);
  const itself = new Network({ transport: now, service: { handlers: scaling(3), stakeOf: () => 1n } });
  await now.introduce(mine.self, mine.addresses());
  t.equal(await ask(itself, mine.self), 1);
  t.equal(await ask(caller, identity.key), 3);

  await identified(mine, identity.key, now.addresses()[0]);
  const own = caller.query(identity.key, ramp(512, 512), { deadline_ms: 20_000 });
  await mine.introduce(identity.key, now.addresses());
  t.equal(await pending, 'unreachable', 'the connection to the former process is cut');
  t.ok((await own).ok, 'the one of the new process is not');
});

t.test('what a former process whose clock was ahead said of itself does not outlive it', async (t) => {
  const identity = identityOf(408);
  const former = await spawnFormer(t, 408, ['--import', 'data:text/javascript,const now = Date.now; Date.now = () => now() + 3600e3']);
  const mine = await start(t, createIdentity());
  const caller = new Network({ transport: mine });
  await mine.introduce(identity.key, former.addresses);
  t.equal(await ask(caller, identity.key), 'replay', 'by its clock, the call is an hour old');
  await sleep(IDENTIFY_MS);
  former.child.kill('SIGKILL');

  const now = await serve(t, identity);
  const listen = now.addresses();
  await mine.introduce(identity.key, listen);
  t.equal(await ask(caller, identity.key), 3);
  await sleep(IDENTIFY_MS);
  await now.close();
  await serve(t, identity, listen.map(withoutPeerId));
  t.equal(await ask(caller, identity.key), 3, 'its new address is still the one that is dialled');
});

t.test('an introduction replaces the addresses before it: the old one is not dialled', async (t) => {
  const [silent, now] = [await silentAddress(t), await serve(t, identityOf(405))];
  const mine = await start(t, createIdentity());
  const caller = new Network({ transport: mine });
  await mine.introduce(now.self, [silent.address]);
  await mine.introduce(now.self, now.addresses());
  t.equal(await ask(caller, now.self), 3);
  t.equal(silent.accepted(), 0);
});

t.test('an attempt to connect to the old address does not hold up the new one', async (t) => {
  const [silent, now] = [await silentAddress(t), await serve(t, identityOf(406))];
  const mine = await start(t, createIdentity());
  const caller = new Network({ transport: mine });
  await mine.introduce(now.self, [silent.address]);
  t.equal(await ask(caller, now.self, 300), 'timeout');
  t.equal(silent.accepted(), 1, 'the attempt is under way');
  await mine.introduce(now.self, now.addresses());
  t.equal(await ask(caller, now.self), 3);
});

t.test('an introduction that says nothing new keeps the connection', async (t) => {
  const now = await serve(t, identityOf(407));
  const mine = await start(t, createIdentity());
  const caller = new Network({ transport: mine });
  const bare = now.addresses().map(withoutPeerId);
  await mine.introduce(now.self, now.addresses());
  t.equal(await ask(caller, now.self), 3);
  const pending = caller.query(now.self, ramp(512, 512), { deadline_ms: 20_000 });
  for (const addresses of [now.addresses(), bare, [...bare, '/ip4/127.0.0.1/tcp/1']]) await mine.introduce(now.self, addresses);
  t.ok((await pending).ok, 'a call under way is not disturbed');
});
