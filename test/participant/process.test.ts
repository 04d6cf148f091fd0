/** The pieces that processes of a run are made of: configuration, keeper of the ledger, replica, barrier, gradients. */
import t, { type Test } from 'tap';
import { encodeTransaction } from '../../src/ledger/encoding.js';
import { createKey, memoryStore, type SigningKey, signTransaction, TOKEN } from '../../src/ledger/index.js';
import { createIdentity, Libp2pTransport, Network } from '../../src/network/index.js';
import { parsePeerConfig, readPeerConfig } from '../../src/participant/process/config.js';
import { GradientInbox } from '../../src/participant/process/inbox.js';
import { ask, type BarrierAnswer, CALL } from '../../src/participant/process/messages.js';
import { openReplica } from '../../src/participant/process/replica.js';
import { Sequencer } from '../../src/participant/process/sequencer.js';

t.setTimeout(240_000);

const seedOf = (number: number) => new Uint8Array(32).fill(number);
const config = {
  formatVersion: 1,
  index: 2,
  seed: 7,
  identity: '11'.repeat(32),
  sequencer: { key: '22'.repeat(32), addresses: ['/ip4/127.0.0.1/tcp/4001'] },
  settings: { participants: 8, rounds: 10, blocks: 1 },
};

t.test('a configuration gets its defaults; what is wrong in it is named', async (t) => {
  const parsed = parsePeerConfig(config);
  t.match(parsed, { wire: 'f32', tensorflow: 'auto', backend: { kind: 'native' }, listen: ['/ip4/127.0.0.1/tcp/0'] });
  t.match(parsed.settings, { participants: 8, rounds: 10, width: 16 });
  const wrong: [object, string][] = [
    [{ identity: 'short' }, 'config.identity'],
    [{ sequencer: { key: '22'.repeat(32), addresses: [] } }, 'config.sequencer.addresses'],
    [{ wire: 'f64' }, 'config.wire'],
    [{ index: 8 }, 'config.index'],
    [{ listen: ['127.0.0.1:4001'] }, 'config.listen.0'],
    [{ formatVersion: 2 }, 'config.formatVersion'],
  ];
  for (const [change, argument] of wrong) t.throws(() => parsePeerConfig({ ...config, ...change }), { code: 'BTM_DOMAIN', argument });
  t.throws(() => parsePeerConfig({ ...config, unknown: 1 }), { code: 'BTM_DOMAIN' });
  t.throws(() => parsePeerConfig({ ...config, settings: { participants: 3 } }), { code: 'BTM_DOMAIN', argument: 'participants' });
  await t.rejects(readPeerConfig('/nonexistent/peer.json'), { code: 'BTM_IO' });
});

t.test('gradients wait per sender, oldest first; nobody is waited for longer than asked', async (t) => {
  const inbox = new GradientInbox();
  const returned = (value: number) => ({
    input: { shape: [1, 1], data: Float32Array.of(value) },
    gradient: { shape: [1, 1], data: Float32Array.of(value) },
  });
  inbox.put('a', returned(1));
  inbox.put('a', returned(2));
  setTimeout(() => inbox.put('b', returned(3)), 20);
  const first = await inbox.collect(['a', 'b'], 5000);
  t.same(
    [...first].map(([key, one]) => [key, one.input.data[0]]),
    [
      ['a', 1],
      ['b', 3],
    ],
  );
  const started = performance.now();
  const second = await inbox.collect(['a', 'b'], 50);
  t.ok(performance.now() - started >= 45);
  t.same([...second.keys()], ['a'], 'b sent nothing more');
  for (let i = 0; i < 6; i++) inbox.put('c', returned(i));
  t.equal((await inbox.collect(['c'], 10)).get('c')?.input.data[0], 2, 'a sender that runs ahead loses its oldest');
});

async function member(t: Test, key: SigningKey, sequencer: Sequencer): Promise<Network> {
  const transport = await Libp2pTransport.start({ identity: createIdentity(Buffer.from(key.seed, 'hex')) });
  t.teardown(() => transport.close());
  await transport.introduce(sequencer.network.self, sequencer.transport.addresses());
  return new Network({ transport });
}

t.test('a replica follows the keeper of the ledger by replaying its blocks; a barrier closes them when all have come', async (t) => {
  const keys = [1, 2].map((number) => createKey(seedOf(number)));
  const rounds: number[] = [];
  const sequencer = await Sequencer.start({
    identity: createIdentity(seedOf(9)),
    store: memoryStore(),
    genesis: { participants: keys.map((key) => ({ key: key.publicKey, stake: 5n * TOKEN })) },
    members: keys.map((key) => key.publicKey),
    onBlock: (round, refused) => rounds.push(round, refused.length),
  });
  t.teardown(() => sequencer.close());
  const [a, b] = [await member(t, keys[0], sequencer), await member(t, keys[1], sequencer)];
  const stranger = await member(t, createKey(seedOf(3)), sequencer);
  const self = sequencer.network.self;
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
  t.same(await ask(b, self, CALL.barrier, request), { done: true, height: 1 });
  t.same(await waiting, { done: true, height: 1 });
  t.same(rounds, [3, 2]);
  for (const replica of [replicaA, replicaB]) {
    t.equal(await replica.refresh(), 1);
    t.equal(replica.state().participant(keys[0].publicKey)?.endpoint, '/ip4/127.0.0.1/tcp/1');
    t.equal(replica.state().root(), sequencer.ledger.state().root());
  }

  const second = ask<BarrierAnswer>(a, self, CALL.barrier, { ...request, name: 'block 2' });
  sequencer.leave(keys[1].publicKey);
  t.same(await second, { done: true, height: 2 }, 'nobody waits for one that is gone');
  await t.rejects(replicaA.closeBlock(), { code: 'BTM_IO' }, 'a replica does not write');
});
