/** Finding peers: a bootstrap list and the table that turns a key into an address, on loopback; multicast, on a network of its own. */
import t from 'tap';
import { Libp2pTransport, Network } from '../../src/network/index.js';
import { Cable, type Finding, noNamespaces } from './support/multicast.js';
import { identityOf, ramp, scaling, sleep } from './support/peers.js';

/** How long to wait where no peer should be found: several times what finding one takes (0.4 to 0.9 s). */
const NOBODY_MS = 4000;

const FOUND = new URL('./support/found.js', import.meta.url);
const STRANGER = new URL('./support/stranger.js', import.meta.url);

t.setTimeout(120_000);

async function until(condition: () => boolean | Promise<boolean>, limit_ms = 60_000): Promise<boolean> {
  const started = performance.now();
  while (performance.now() - started < limit_ms) {
    if (await condition()) return true;
    await sleep(50);
  }
  return false;
}

t.test("the same key pair gives the same peer id, and the key is the ledger's", async (t) => {
  const transport = await Libp2pTransport.start({ identity: identityOf(300) });
  t.teardown(() => transport.close());
  t.equal(transport.self, identityOf(300).key);
  for (const address of transport.addresses()) t.match(address, /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3Koo/, 'listens on loopback only');
});

t.test('a bootstrap list is enough to meet; a key is enough to find a peer through a third', async (t) => {
  const server = await Libp2pTransport.start({ identity: identityOf(301), discovery: { dht: true } });
  t.teardown(() => server.close());
  const start = (number: number) =>
    Libp2pTransport.start({ identity: identityOf(number), discovery: { bootstrap: server.addresses(), dht: true } });
  const [a, b] = [await start(302), await start(303)];
  t.teardown(() => Promise.all([a.close(), b.close()]));
  for (const one of [a, b]) t.ok(await until(() => one.connected().includes(server.self)), 'met through the bootstrap list');

  new Network({ transport: b, service: { handlers: scaling(3), stakeOf: () => 1n } });
  const caller = new Network({ transport: a, bans: { threshold: 1000 } });
  const found = await until(async () => (await caller.query(b.self, ramp(1, 2), { deadline_ms: 10_000 })).ok);
  t.ok(found, 'a never was told where b is');
});

t.test('control: without discovery and introduction no peer is found', async (t) => {
  const [a, b] = [await Libp2pTransport.start({ identity: identityOf(304) }), await Libp2pTransport.start({ identity: identityOf(305) })];
  t.teardown(() => Promise.all([a.close(), b.close()]));
  new Network({ transport: b, service: { handlers: scaling(3), stakeOf: () => 1n } });
  const outcome = await new Network({ transport: a }).query(b.self, ramp(1, 2), { deadline_ms: 2000 });
  t.match(outcome, { ok: false, failure: { code: 'unreachable' } });
});

t.test('multicast', { skip: noNamespaces() }, async (t) => {
  let cable: Cable;
  t.beforeEach(() => {
    cable = new Cable();
  });
  t.afterEach(() => cable.cut());

  // One address that the other can reach, or every address that the machine has.
  const listen = (side: number) => (side === 0 ? `/ip4/${cable.address(0)}/tcp/0` : '/ip4/0.0.0.0/tcp/0');
  const keys = [310, 311].map((number) => identityOf(number).key);
  const peer = (side: number, mdns: 'on' | 'off', wait_ms: number): Promise<Finding> =>
    cable.run(side, FOUND, `${310 + side}`, `${311 - side}`, listen(side), mdns, `${wait_ms}`);
  const stranger = (service: string, wait_ms: number): Promise<Finding> => cable.run(1, STRANGER, '311', service, listen(1), `${wait_ms}`);

  t.test('two machines that were told nothing connect, and answer each other by key', async (t) => {
    const found = await Promise.all([peer(0, 'on', 30_000), peer(1, 'on', 30_000)]);
    for (const side of [0, 1]) {
      t.same(found[side].connected, [keys[1 - side]], `machine ${side}, after ${found[side].elapsed_ms.toFixed(0)} ms`);
      t.equal(found[side].answer, 2);
    }
  });

  t.test('control: without mdns they do not, on the same network', async (t) => {
    for (const { connected, answer } of await Promise.all([peer(0, 'off', NOBODY_MS), peer(1, 'off', NOBODY_MS)])) {
      t.same(connected, []);
      t.equal(answer, 'unreachable');
    }
  });

  t.test('control: one that does not announce itself is not found by one that does', async (t) => {
    const [searching] = await Promise.all([peer(0, 'on', NOBODY_MS), peer(1, 'off', NOBODY_MS)]);
    t.same(searching.connected, []);
    t.equal(searching.answer, 'unreachable');
  });

  t.test("another libp2p program, under libp2p's own service name, is neither dialled nor told", async (t) => {
    const [own, other] = await Promise.all([peer(0, 'on', NOBODY_MS), stranger('_p2p._udp.local', NOBODY_MS)]);
    t.same(own.connected, []);
    t.same(other.connected, []);
  });

  t.test('control: under the name of this package the same program is dialled, and told', async (t) => {
    const [own, other] = await Promise.all([peer(0, 'on', 30_000), stranger('_intermodel._udp.local', 30_000)]);
    t.same(own.connected, [keys[1]]);
    t.same(other.connected, [keys[0]]);
  });
});
