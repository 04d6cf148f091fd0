/** Finding peers, on loopback only: a bootstrap list, and the table that turns a key into an address. */
import t from 'tap';
import { Libp2pTransport, Network } from '../../src/network/index.js';
import { identityOf, ramp, scaling, sleep } from './support/peers.js';

async function until(condition: () => boolean | Promise<boolean>, limit_ms = 15_000): Promise<boolean> {
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
  const found = await until(async () => (await caller.query(b.self, ramp(1, 2), { deadline_ms: 2000 })).ok);
  t.ok(found, 'a never was told where b is');
});

t.test('control: without discovery and introduction nobody is found', async (t) => {
  const [a, b] = [await Libp2pTransport.start({ identity: identityOf(304) }), await Libp2pTransport.start({ identity: identityOf(305) })];
  t.teardown(() => Promise.all([a.close(), b.close()]));
  new Network({ transport: b, service: { handlers: scaling(3), stakeOf: () => 1n } });
  const outcome = await new Network({ transport: a }).query(b.self, ramp(1, 2), { deadline_ms: 2000 });
  t.match(outcome, { ok: false, failure: { code: 'unreachable' } });
});
