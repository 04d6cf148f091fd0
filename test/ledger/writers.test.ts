import { spawn } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';
import { encodeGenesis, etcdStore, memoryStore, openLedger, type Store, sqliteStore } from '../../src/ledger/index.js';
import { EtcdCluster, hasEtcd } from './etcd-cluster.js';
import { type Answer, audit, durable, GENESIS, hasty, PAYER, race, SINK } from './writers.js';

/** Every handle that `open` gives is on the same contents. */
async function check(t: Tap, open: (round: number) => () => Promise<Store>): Promise<void> {
  t.equal(await race(open(0), 20), undefined, '20 writers');
  t.match(await race(open(1), 20, hasty), /20 of 20 acknowledged, \d arrived/, 'control: a receipt of the open block is not enough');
}
type Tap = {
  equal(found: unknown, wanted: unknown, message: string): boolean;
  match(found: unknown, wanted: RegExp, message: string): boolean;
};

t.test('memory', (t) =>
  check(t, () => {
    const store = memoryStore();
    return async () => store;
  }),
);

t.test('SQLite', (t) => {
  const folder = t.testdir();
  return check(t, (round) => () => sqliteStore(join(folder, `${round}.sqlite`), { busy_ms: 60_000 }));
});

t.test('etcd', { skip: hasEtcd() ? false : 'no etcd on this machine (Debian: apt-get install etcd-server)' }, async (t) => {
  const cluster = await EtcdCluster.start(1);
  t.teardown(() => cluster.stop());
  await check(t, (round) => async () => etcdStore({ endpoints: cluster.endpoints, prefix: `writers-${round}` }));
});

t.test('calls at the same time share a block, and nothing is minted for the others', async (t) => {
  const ledger = await openLedger({ store: memoryStore(), genesis: GENESIS });
  const answers = await Promise.all(Array.from({ length: 100 }, () => durable(ledger, PAYER)));
  t.equal(ledger.state().balance(SINK), 100n);
  t.same(new Set(answers.map(({ height }) => height)), new Set([1]));
  t.equal(ledger.state().minted, 7n);
});

t.test('what a lost race makes impossible is refused, and no block is closed for it', async (t) => {
  const store = memoryStore();
  const one = await openLedger({ store, genesis: GENESIS });
  const two = await openLedger({ store });
  const all = { kind: 'transfer', to: SINK, amount: 1_000_000_000n } as const;
  const answers = await Promise.all([one, two].map((ledger) => ledger.submitAndClose(PAYER, all)));
  t.same(answers.map(({ code }) => code).sort(), ['insufficient_balance', 'ok']);
  t.match(
    answers.find(({ code }) => code !== 'ok'),
    { blockHash: null, reason: 'the liquid balance is too small' },
  );
  t.equal((await store.head()).height, 1);
  t.match(await one.submitAndClose(PAYER, { kind: 'unregister' }), { code: 'not_registered', blockHash: null });
  t.equal((await store.head()).height, 1);
});

t.test('a store that fails says so to every caller that waits, and the next call is not harmed', async (t) => {
  let broken = true;
  const store = withAppend(memoryStore(), async (real, ...args) => {
    if (broken) throw new Error('the disk is gone');
    return real.append(...args);
  });
  const ledger = await openLedger({ store, genesis: GENESIS });
  const failed = await Promise.allSettled([durable(ledger, PAYER), durable(ledger, PAYER)]);
  t.same(
    failed.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  broken = false;
  t.match(await durable(ledger, PAYER), { code: 'ok', height: 1 });
  t.equal(ledger.state().balance(SINK), 3n, 'what could not be written waited in the open block');
});

t.test('a store that refuses without a reason is a typed error, not an endless loop', async (t) => {
  const ledger = await openLedger({ store: withAppend(memoryStore(), async () => 'conflict'), genesis: GENESIS });
  await t.rejects(durable(ledger, PAYER), { code: 'BTM_IO', message: /refuses block 1, but has no other in its place/ });
  await t.rejects(ledger.closeBlock(), { code: 'BTM_IO' });
});

t.test('a block that another writer made of the very same request does not answer this one', async (t) => {
  const store = memoryStore();
  const [one, two] = [await openLedger({ store, genesis: GENESIS }), await openLedger({ store })];
  const answers = [await durable(one, PAYER), await durable(two, PAYER)];
  t.same(
    answers.map(({ height }) => height),
    [1, 2],
    'both signed the same bytes at first',
  );
  t.not(answers[0]?.hash, answers[1]?.hash);
  t.equal(await audit(store, answers), undefined);
});

/** A store with another way to append. */
function withAppend(real: Store, append: (real: Store, ...args: Parameters<Store['append']>) => ReturnType<Store['append']>): Store {
  return {
    name: 'a store of the test',
    genesis: () => real.genesis(),
    begin: (...args) => real.begin(...args),
    head: () => real.head(),
    append: (...args) => append(real, ...args),
    read: (height) => real.read(height),
    snapshot: () => real.snapshot(),
    putSnapshot: (...args) => real.putSnapshot(...args),
    close: () => real.close(),
  };
}

t.test('processes: what each prints as ok is in the chain', async (t) => {
  const folder = t.testdir({ 'payer.key': JSON.stringify(PAYER) });
  const path = join(folder, 'net.sqlite');
  const store = await sqliteStore(path);
  await (await openLedger({ store, genesisBytes: encodeGenesis(GENESIS) })).close();
  const action = JSON.stringify({ kind: 'transfer', to: SINK, amount: '1' });
  const args = [join(packageRoot, 'lib/src/cli/main.js'), 'ledger', 'submit', path, action, '--key', join(folder, 'payer.key'), '--json'];
  const printed = await Promise.all(
    Array.from({ length: 6 }, () => {
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      child.stdout.on('data', (data) => {
        text += data;
      });
      return new Promise<Answer>((resolve) => child.on('close', () => resolve(JSON.parse(text))));
    }),
  );
  const after = await sqliteStore(path);
  t.equal(await audit(after, printed), undefined);
  await after.close();
});
