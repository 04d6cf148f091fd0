/** Another writer of the coordinator's store, faster at the very moment a block closes; and a coordinator whose ledger was rewritten. */
import t, { type Test } from 'tap';
import { createBackend } from '../../src/backend/index.js';
import {
  createKey,
  type Ledger,
  memoryStore,
  openLedger,
  type SigningKey,
  type Store,
  signTransaction,
  TOKEN,
  verifyForkProof,
} from '../../src/ledger/index.js';
import { createHub, createIdentity } from '../../src/network/index.js';
import { Coordinator } from '../../src/run/coordinator.js';
import { ForkError } from '../../src/run/head-watch.js';
import { LedgerClient } from '../../src/run/ledger-client.js';
import type { Refusal } from '../../src/run/open-block.js';

const seedOf = (number: number) => new Uint8Array(32).fill(number);
const members = [1, 2, 3].map((number) => createKey(seedOf(number)));
const outsider = createKey(seedOf(50));
const coordinatorKey = createKey(seedOf(99));
const genesis = {
  participants: members.map(({ publicKey }) => ({ key: publicKey, stake: 5n * TOKEN })),
  accounts: [{ key: outsider.publicKey, balance: 100n * TOKEN }],
};
const backend = createBackend({ kind: 'native', threads: 1 });

/** A store in which another writer closes a block of its own just before this one's `append`, or just after, so often. */
function contested(store: Store, other: () => Promise<unknown>, times: number, after: boolean): Store {
  let left = times;
  return {
    name: store.name,
    genesis: () => store.genesis(),
    begin: (...args) => store.begin(...args),
    head: () => store.head(),
    append: async (expected, block) => {
      const now = left-- > 0;
      if (now && !after) await other();
      const outcome = await store.append(expected, block);
      if (now && after) await other();
      return outcome;
    },
    read: (height) => store.read(height),
    snapshot: () => store.snapshot(),
    putSnapshot: (...args) => store.putSnapshot(...args),
    close: async () => {},
  };
}

/** A coordinator over a contested store, and one client for each member. */
async function opened(act: (foreign: Ledger) => unknown, times: number, after = false, come = members.length) {
  const store = memoryStore();
  const foreign = await openLedger({ store, genesis });
  const refused: Refusal[] = [];
  const hub = createHub();
  const coordinator = await Coordinator.start({
    transport: hub.join(createIdentity(seedOf(99))),
    key: coordinatorKey,
    store: contested(
      store,
      async () => {
        await act(foreign);
        await foreign.closeBlock();
      },
      times,
      after,
    ),
    genesis,
    onFailure: (error) => {
      throw error;
    },
    onBlock: (_, codes) => void refused.push(...codes),
  });
  const clients = await Promise.all(members.slice(0, come).map((key) => clientOf(key, hub, coordinator)));
  return { coordinator, clients, refused, foreign, hub };
}

function clientOf(key: SigningKey, hub: ReturnType<typeof createHub>, coordinator: Coordinator): Promise<LedgerClient> {
  const transport = hub.join(createIdentity(Buffer.from(key.seed, 'hex')));
  return LedgerClient.open({ transport, coordinator: coordinator.network.self, key, temperature: 10, backend, signedHeads: true });
}

/** All write a row towards the first, and come to the block. */
async function oneBlock(t: Test, clients: readonly LedgerClient[], round: number): Promise<void> {
  for (const client of clients) await client.submitRow(Float64Array.of(3, 2, 1));
  t.same(await Promise.all(clients.map((client) => client.block(round))), [true, true, true]);
}

for (const times of [1, 3]) {
  t.test(`another writer is faster ${times} times: all that was taken is in the next block, once`, async (t) => {
    const transfer = (foreign: Ledger) => foreign.submitAction(outsider, { kind: 'transfer', to: members[0].publicKey, amount: 1n });
    const { coordinator, clients, refused } = await opened(transfer, times);
    await oneBlock(t, clients, 1);
    t.equal(coordinator.ledger.height, times + 1);
    t.same(refused, []);
    const block = await coordinator.ledger.block(times + 1);
    t.equal(block?.transactions.length, 3);
    for (const client of clients) {
      t.same(client.rows, { submitted: 1, accepted: 1, refused: {} });
    }
    const worths = members.map(({ publicKey }) => clients[1].worthOf(publicKey));
    t.ok(worths[0] > worths[2] && worths[2] > 0, `useful in the order of its row: ${worths}`);
    t.equal(clients[1].worthOf(outsider.publicKey), 0);
    t.equal(coordinator.ledger.state().balance(members[0].publicKey), BigInt(times));
    await coordinator.close();
  });
}

t.test('another writer closes a block just after: all follow the same block, and come to the next together', async (t) => {
  const { coordinator, clients } = await opened(() => undefined, 1, true);
  await oneBlock(t, clients, 1);
  for (const client of clients) t.match({ height: client.height, rows: client.rows }, { height: 1, rows: { submitted: 1, accepted: 1 } });
  await oneBlock(t, clients, 2);
  for (const client of clients) t.match({ height: client.height, rows: client.rows }, { height: 3, rows: { submitted: 2, accepted: 2 } });
  await coordinator.close();
});

t.test('another writer closes a block before the last member comes: all name the next one alike', async (t) => {
  const { coordinator, clients, foreign, hub } = await opened(() => undefined, 0, false, 2);
  await foreign.closeBlock();
  const late = await clientOf(members[2], hub, coordinator);
  t.same([clients[0].height, late.height], [0, 1]);
  const all = [...clients, late];
  for (const client of all) await client.hello({ settings: '', inputWidth: 1, width: 1 });
  await oneBlock(t, all, 0);
  for (const client of all) t.match({ height: client.height, rows: client.rows }, { height: 2, rows: { submitted: 1, accepted: 1 } });
  await coordinator.close();
});

t.test(
  'a row that no longer fits after the block of another writer is told to all, with its sender, and not counted as written',
  async (t) => {
    const register = (foreign: Ledger) => foreign.submitAction(outsider, { kind: 'register', endpoint: '', stake: 50n * TOKEN });
    const { coordinator, clients, refused } = await opened(register, 1);
    await oneBlock(t, clients, 1);
    t.same(
      refused,
      members.map(({ publicKey }) => ({ key: publicKey, code: 'stale_members' })),
    );
    for (const client of clients) {
      t.same(client.rows, { submitted: 1, accepted: 0, refused: { lost: 1 } });
    }
    await oneBlock(t, clients, 2);
    for (const client of clients) t.same(client.rows, { submitted: 2, accepted: 1, refused: { lost: 1 } }, 'the next row is in its block');
    await coordinator.close();
  },
);

/** A ledger with these transfers, a block each; the store of one coordinator. */
async function history(amounts: readonly bigint[]): Promise<Store> {
  const store = memoryStore();
  const ledger = await openLedger({ store, genesis });
  for (const amount of amounts) {
    const nonce = ledger.state().nonce(outsider.publicKey);
    const tx = { kind: 'transfer' as const, to: members[0].publicKey, amount, chain: ledger.chain, from: outsider.publicKey, nonce };
    ledger.submit(signTransaction(tx, outsider));
    await ledger.closeBlock();
  }
  return store;
}

/** What a participant that has seen one history says when it comes back to another. */
async function back(first: readonly bigint[], second: readonly bigint[], signer: SigningKey | null = coordinatorKey): Promise<unknown> {
  const serve = async (store: Store) => {
    const hub = createHub();
    const key = signer === null ? {} : { key: signer };
    const coordinator = await Coordinator.start({ transport: hub.join(createIdentity(seedOf(99))), store, onFailure: () => {}, ...key });
    return { coordinator, client: await clientOf(members[0], hub, coordinator) };
  };
  const before = await serve(await history(first));
  await before.client.recall(undefined);
  const seen = JSON.parse(JSON.stringify(before.client.heads.own));
  await before.coordinator.close();
  const after = await serve(await history(second));
  try {
    return await after.client.recall(seen).catch((error: unknown) => error);
  } finally {
    await after.coordinator.close();
  }
}

t.test('a participant that comes back to a longer ledger, or the same, takes it', async (t) => {
  t.equal(await back([1n, 2n], [1n, 2n, 3n]), undefined);
  t.equal(await back([1n, 2n], [1n, 2n]), undefined);
  t.equal(await back([], [1n]), undefined, 'nothing but the genesis was seen');
});

t.test('another block at a height that it has seen: refused, and both signatures prove it to anyone', async (t) => {
  for (const second of [
    [1n, 3n],
    [1n, 3n, 4n],
    [2n, 2n, 2n, 2n],
  ]) {
    const error = await back([1n, 2n], second);
    t.ok(error instanceof ForkError, String(error));
    if (!(error instanceof ForkError)) continue;
    t.match(error.message, /block 2 of the ledger is not the one/);
    t.match(verifyForkProof(error.proof!), { key: coordinatorKey.publicKey, height: 2 });
  }
});

t.test('an older copy of the ledger is refused; it proves nothing', async (t) => {
  const error = await back([1n, 2n], [1n]);
  t.ok(error instanceof ForkError);
  t.match(error, { message: /ends at block 1; this participant has seen block 2/, proof: undefined });
});

t.test('heads without a signature, or with that of another key, are not taken', async (t) => {
  for (const signer of [null, outsider]) await t.rejects(back([1n], [1n], signer), { message: /did not sign its head/ });
});

t.test('negative control: a participant that remembers nothing takes the other history', async (t) => {
  const hub = createHub();
  const transport = hub.join(createIdentity(seedOf(99)));
  const coordinator = await Coordinator.start({ transport, store: await history([1n, 3n]), onFailure: () => {}, key: coordinatorKey });
  const client = await clientOf(members[0], hub, coordinator);
  t.equal(await client.recall(undefined), undefined);
  await coordinator.close();
});
