/** A coordinator of the ledger that stands alone: its configuration, its restart, and what it notices. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { demoRoster } from '../../src/demo/demo-roster.js';
import { createIdentity, type Identity, Libp2pTransport, Network } from '../../src/network/index.js';
import { type CoordinatorConfig, parseCoordinatorConfig, readCoordinatorConfig } from '../../src/process/coordinator-config.js';
import { addressesIn, endpointOf } from '../../src/process/endpoint.js';
import { type Served, type ServeEvent, serveLedger } from '../../src/process/ledger-service.js';
import { parsePeerConfig } from '../../src/process/peer-config.js';
import { planNetwork } from '../../src/process/plan.js';
import { ask, type BarrierAnswer, CALL, type RejoinAnswer } from '../../src/run/protocol.js';
import { tableOnDisk } from '../support/table-file.js';

t.setTimeout(240_000);

const folder = mkdtempSync(join(tmpdir(), 'intermodel-serve-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

const identities = [1, 2].map((number) => createIdentity(new Uint8Array(32).fill(number)));
const genesis = { participants: identities.map(({ key }) => ({ key, stake: '5000000000' })) };
const config = { formatVersion: 1, identity: '09'.repeat(32), listen: ['/ip4/127.0.0.1/tcp/0'], store: ':memory:', genesis };

t.test('a configuration gets its defaults; what is wrong in it is named', async (t) => {
  const { listen: _, ...bare } = config;
  const parsed = await parseCoordinatorConfig({ ...bare, store: 'a.sqlite' }, '/somewhere');
  t.match(parsed, { listen: ['/ip4/127.0.0.1/tcp/4001'], store: '/somewhere/a.sqlite', patience_s: 120, joinPatience_s: 600, once: false });
  t.equal(parsed.genesis?.participants?.[0]?.stake, 5_000_000_000n);
  const first = { ...genesis.participants[0]!, stake: '-1' };
  const wrong: [object, string][] = [
    [{ formatVersion: 2 }, 'config.formatVersion'],
    [{ identity: 'AB'.repeat(32) }, 'config.identity'],
    [{ listen: [] }, 'config.listen'],
    [{ listen: ['localhost:1'] }, 'config.listen.0'],
    [{ store: undefined }, 'config.store'],
    [{ store: '' }, 'config.store'],
    [{ patience_s: 0 }, 'config.patience_s'],
    [{ joinPatience_s: 1e12 }, 'config.joinPatience_s'],
    [{ once: 'yes' }, 'config.once'],
    [{ genesis: 7 }, 'config.genesis'],
    [{ genesis: { participants: [first] } }, 'config.genesis.participants.0.stake'],
    [{ genesis: { ...genesis, parameters: { tau: 'much' } } }, 'config.genesis.parameters.tau'],
    [{ genesis: { ...genesis, rows: 'mine' } }, 'config.genesis.rows'],
    [{ coordinator: {} }, 'config'],
  ];
  for (const [change, argument] of wrong) {
    await t.rejects(parseCoordinatorConfig({ ...config, ...change }, '.'), { code: 'BTM_DOMAIN', argument }, JSON.stringify(change));
  }
  await t.rejects(parseCoordinatorConfig({ ...config, genesis: 'nowhere.json' }, folder), { code: 'BTM_IO' });
  await t.rejects(readCoordinatorConfig(join(folder, 'nowhere.json')), { code: 'BTM_IO' });
  writeFileSync(join(folder, 'genesis.json'), JSON.stringify({ ...genesis, rows: 'equal' }));
  writeFileSync(join(folder, 'coordinator.json'), JSON.stringify({ ...config, genesis: 'genesis.json' }));
  const [one] = (await readCoordinatorConfig(join(folder, 'coordinator.json'))).genesis?.participants ?? [];
  t.same([...one!.row!.weights], [500_000_000, 500_000_000], 'paths are relative to the file; equal rows');
});

t.test('a configuration holds a genesis and a run only where they are given, and an unnamed store has no path', async (t) => {
  const { genesis: _, ...bare } = config;
  const without = await parseCoordinatorConfig(bare, '/somewhere');
  t.same([without.store, 'genesis' in without, 'run' in without], [':memory:', false, false]);
  t.equal((await parseCoordinatorConfig({ ...bare, store: '../a' }, '/somewhere/else')).store, '/somewhere/a');
  const run = { seed: 5, settings: { rounds: 7 } };
  t.match((await parseCoordinatorConfig({ ...bare, run }, '.')).run, { seed: 5, settings: { rounds: 7, participants: 16 } });
  t.notOk('inputWidth' in (await parseCoordinatorConfig({ ...bare, run }, '.')).run!);
  t.equal((await parseCoordinatorConfig({ ...bare, run: { ...run, inputWidth: 9 } }, '.')).run!.inputWidth, 9);
  for (const [wrong, argument] of [
    [{ ...run, settings: { rows: 'mine' } }, 'config.run.settings.rows'],
    [{ ...run, settings: { round: 1 } }, 'config.run.settings.round'],
    [{ ...run, seed: -1 }, 'config.run.seed'],
  ] as const) {
    await t.rejects(parseCoordinatorConfig({ ...bare, run: wrong }, '.'), { code: 'BTM_DOMAIN', argument }, argument);
  }
});

t.test('a peer names a setting that does not exist, and an empty list of addresses', async (t) => {
  const peer = { formatVersion: 1, seed: 7, identity: '11'.repeat(32), coordinator: { key: '22'.repeat(32), addresses: [] } };
  t.throws(() => parsePeerConfig({ ...peer, settings: { round: 3 } }), { code: 'BTM_DOMAIN', argument: 'config.settings.round' });
  t.throws(() => parsePeerConfig({ ...peer, announce: [] }), { code: 'BTM_DOMAIN', argument: 'config.announce' });
  t.throws(() => parsePeerConfig({ ...peer, inputWidth: 0 }), { code: 'BTM_DOMAIN', argument: 'config.inputWidth' });
});

t.test('what others can dial is written on the ledger, loopback only when there is nothing else', async (t) => {
  const id = '/p2p/12D3KooWCxrvLb5bqk59B2TzgcA6rqLQsjyEUSo55kVa9tNQYCfD';
  const [loopback, lan, other] = ['/ip4/127.0.0.1/tcp/9', '/ip4/192.168.1.5/tcp/9', '/ip6/fd00::5/tcp/9'];
  t.equal(endpointOf([loopback + id]), loopback);
  t.same(addressesIn(endpointOf([loopback + id, lan + id, other + id])), [lan, other]);
  t.equal(endpointOf(Array(100).fill(lan)).length < 256, true, 'no longer than the ledger keeps');
});

t.test('a planned network: fresh keys, addresses that fit the host, the rules of its settings', async (t) => {
  const data = tableOnDisk();
  const plan = (more: object = {}) => planNetwork({ roster: demoRoster, participants: 6, data, ...more });
  const [a, b] = [await plan(), await plan()];
  t.equal(new Set([a, b].flatMap(({ coordinator, peers }) => [coordinator, ...peers].map(({ key }) => key))).size, 14, 'keys never repeat');
  const coordinator = await parseCoordinatorConfig(a.coordinator.config, folder);
  t.match(coordinator, { listen: ['/ip4/127.0.0.1/tcp/4001'], genesis: { parameters: { epsilon: 100_000_000, tau: 5_000_000_000n } } });
  const peer = parsePeerConfig(a.peers[5]!.config);
  t.match(peer, {
    coordinator: { key: a.coordinator.key, addresses: [a.address] },
    listen: ['/ip4/127.0.0.1/tcp/0'],
    state: 'peer-5.state',
  });
  t.equal(createIdentity(Buffer.from(peer.identity, 'hex')).key, coordinator.genesis?.participants?.[5]?.key);
  const far = await plan({ host: '/dns4/example.org', port: 5000 });
  t.match(far, { address: '/dns4/example.org/tcp/5000', coordinator: { config: { listen: ['/ip4/0.0.0.0/tcp/5000'] } } });
  t.match(far.peers[0]!.config, { listen: ['/ip4/0.0.0.0/tcp/0'] });
  for (const [change, argument] of [
    [{ participants: 2 }, 'participants'],
    [{ host: '192.168.1.5' }, 'host'],
    [{ port: 0 }, 'port'],
    [{ settings: { rounds: 5, blocks: 6 } }, 'blocks'],
  ] as const) {
    await t.rejects(plan(change), { code: 'BTM_DOMAIN', argument });
  }
});

/** A coordinator that runs, and what it tells. */
interface Serving {
  readonly events: ServeEvent[];
  readonly stop: () => void;
  readonly ended: Promise<Served>;
  readonly saw: <T extends ServeEvent['type']>(type: T) => Promise<Extract<ServeEvent, { type: T }>>;
}

function serving(parsed: CoordinatorConfig): Serving {
  const events: ServeEvent[] = [];
  const controller = new AbortController();
  let told = () => {};
  const ended = serveLedger(parsed, {
    signal: controller.signal,
    onEvent: (event) => {
      events.push(event);
      told();
    },
  });
  ended.catch(() => {}); // looked at later
  const saw = async (type: ServeEvent['type']) => {
    const find = () => events.find((event) => event.type === type);
    const found = new Promise<ServeEvent>((resolve) => {
      told = () => find() && resolve(find()!);
      told();
    });
    return Promise.race<ServeEvent>([found, ended.then(() => Promise.reject(new Error(`ended without ${type}`)))]);
  };
  return { events, stop: () => controller.abort(), ended, saw: saw as Serving['saw'] };
}

/** A participant that only calls the coordinator. */
async function joining(t: Test, identity: Identity, { key, addresses }: { key: string; addresses: readonly string[] }) {
  const transport = await Libp2pTransport.start({ identity });
  t.teardown(() => transport.close());
  await transport.introduce(key, addresses);
  const network = new Network({ transport });
  const call = <T>(method: string, value: unknown) => ask<T>(network, key, method, value);
  return {
    close: () => transport.close(),
    block: (height: number, round: number) => call<BarrierAnswer>(CALL.barrier, { kind: 'block', round, height }),
    rejoin: (round: number) => call<RejoinAnswer>(CALL.rejoin, { round }),
    deliver: (result: unknown) => call<null>(CALL.result, result),
  };
}

t.test('stopped in the middle and started again on the same store, it goes on where it was, and ends with the results', async (t) => {
  const parsed = await parseCoordinatorConfig({ ...config, store: 'kept.sqlite', once: true }, folder);
  const before = serving(parsed);
  const place = await before.saw('listening');
  t.equal(place.height, 0);
  const [a, b] = [await joining(t, identities[0]!, place), await joining(t, identities[1]!, place)];
  await Promise.all([a.block(1, 0), b.block(1, 0)]);
  await a.close();
  t.match(await before.saw('member'), { key: identities[0]!.key, change: 'out' }, 'a closed connection is noticed');
  before.stop();
  await t.rejects(before.ended, { code: 'BTM_ABORTED' });
  await b.close();

  const after = serving(parsed);
  const again = await after.saw('listening');
  t.match(again, { height: 1, chain: place.chain, key: place.key }, 'no closed block is lost');
  const [c, d] = [await joining(t, identities[0]!, again), await joining(t, identities[1]!, again)];
  t.same(await Promise.all([c.rejoin(3), d.rejoin(2)]), Array(2).fill({ round: 3, over: false, height: 2 }));
  await Promise.all([c.deliver({ mine: 1 }), d.deliver(null)]);
  await Promise.all([c.close(), d.close()]);
  const served = await after.ended;
  t.match(served, { height: 2, verified: true, chain: place.chain });
  t.same(
    served.participants.map(({ result }) => result),
    [{ mine: 1 }, null],
  );
  t.same(after.events.filter(({ type }) => type === 'result').length, 2);

  const other = await parseCoordinatorConfig(
    { ...config, store: 'kept.sqlite', genesis: { participants: [genesis.participants[0]] } },
    folder,
  );
  await t.rejects(serveLedger(other), { code: 'BTM_DOMAIN' }, 'a store keeps the ledger that it has');
});

t.test('an address that cannot be had, and a store that cannot be opened, are typed errors', async (t) => {
  const start = async (more: object) => serveLedger(await parseCoordinatorConfig({ ...config, ...more }, folder));
  await t.rejects(start({ listen: ['/ip4/127.0.0.1/nonsense/1'] }), { code: 'BTM_IO' });
  await t.rejects(start({ listen: ['/ip4/203.0.113.7/tcp/0'] }), { code: 'BTM_IO' }, 'not an address of this machine');
  await t.rejects(start({ store: '.' }), { code: 'BTM_IO' }, 'a folder');
  await t.rejects(start({ genesis: undefined }), { code: 'BTM_TYPE' }, 'an empty store and no genesis');
});
