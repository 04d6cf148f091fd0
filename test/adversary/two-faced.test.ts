/** A coordinator that shows one member another chain, and members that say so falsely. */
import { encode } from 'cborg';
import t from 'tap';
import { decodeTransaction } from '../../src/ledger/encoding.js';
import { createKey, type Ledger, memoryStore, openLedger, type Store, signHead, verifyForkProof } from '../../src/ledger/index.js';
import type { Answer, PeerKey, Transport } from '../../src/network/index.js';
import { genesisOf } from '../../src/run/genesis.js';
import { HEAD_METHOD } from '../../src/run/head-exchange.js';
import { ForkError } from '../../src/run/head-watch.js';
import { CALL } from '../../src/run/protocol.js';
import { readValue } from '../../src/run/value.js';
import { type Deviation, deviating } from './support/deviations.js';
import { playWorld, type Stage } from './support/world.js';

const coordinatorKey = createKey(new Uint8Array(32).fill(99));
/** The second member. */
const accomplice = createKey(new Uint8Array(32).fill(2));

/** A second chain: that of the coordinator without what the first member wrote from this height on, and with one more transaction in that block. */
class OtherFace {
  #ready: Promise<{ readonly store: Store; readonly ledger: Ledger }> | undefined;
  #work: Promise<unknown> = Promise.resolve();

  constructor(private readonly from: number) {}

  /** Block or head as the second chain has it. */
  async answer({ coordinator, keys, settings }: Stage, method: string, bytes: Uint8Array): Promise<unknown> {
    this.#ready ??= this.#open(keys, settings);
    const { store, ledger } = await this.#ready;
    this.#work = this.#work.then(async () => {
      while (ledger.height < coordinator.ledger.height) {
        const block = await coordinator.ledger.block(ledger.height + 1);
        for (const bytes of block!.transactions) {
          const tx = decodeTransaction(bytes)!;
          if (block!.height < this.from || tx.from !== keys[0]) ledger.submit(tx);
        }
        if (block!.height === this.from) ledger.submitAction(accomplice, { kind: 'setEndpoint', endpoint: '/memory/elsewhere' });
        await ledger.closeBlock();
      }
    });
    await this.#work;
    if (method === CALL.block) return (await store.read(readValue(bytes) as number)) ?? null;
    return signHead(ledger.chain, await store.head(), coordinatorKey);
  }

  async #open(keys: readonly PeerKey[], settings: Stage['settings']) {
    const store = memoryStore();
    return { store, ledger: await openLedger({ store, genesis: genesisOf(keys, settings) }) };
  }
}

/** Shows the last member the second chain. */
function twoFaced(from: number): (transport: Transport, stage: () => Stage) => Transport {
  const face = new OtherFace(from);
  return deviating({
    answers: async (request, answer, stage): Promise<Answer> => {
      const { method, nonce, bytes } = request;
      const victim = request.from === stage?.keys.at(-1);
      if (!victim || (method !== CALL.block && method !== CALL.head)) return answer();
      return { ok: true, nonce, tensors: [], bytes: encode(await face.answer(stage, method, bytes)) };
    },
  });
}

const BLOCKS = 5; // one to join, two while training, one after the measurement, one that pays for it

t.test('heads are signed and compared: the result is that of the run without, to the bit', async (t) => {
  const [plain, signed] = [await playWorld(), await playWorld({ signed: true })];
  t.same(signed.violations, []);
  t.equal(signed.digest, plain.digest);
  t.same(
    signed.honest.map(({ ledger }) => ledger.heads.own?.height),
    Array(signed.honest.length).fill(BLOCKS),
  );
});

for (const from of [2, 3, BLOCKS]) {
  t.test(`one member is shown another chain from block ${from} on: all find it, and hold the proof`, async (t) => {
    const { ends } = await playWorld({ signed: true, coordinatorOver: twoFaced(from) });
    t.equal(ends.length, 4, `${ends}`);
    for (const end of ends) {
      if (!(end instanceof ForkError)) throw end;
      t.match(end.message, new RegExp(`block ${from} of the ledger is not the one that another participant was shown`));
      t.match(verifyForkProof(end.proof!), { key: coordinatorKey.publicKey, height: from });
    }
  });
}

t.test('negative control: where members do not compare, the run ends as if nothing were wrong, on two ledgers', async (t) => {
  const { ends, honest } = await playWorld({ signed: true, exchange: false, coordinatorOver: twoFaced(2) });
  t.same(ends, []);
  const held = honest.map(({ ledger }) => ledger.heads.own!);
  t.same(
    held.map(({ height, hash }) => height === BLOCKS && hash === held[0].hash),
    [true, true, true, false],
  );
});

t.test('a member that lies about its head in every way changes nothing, and is counted', async (t) => {
  const other = '5'.repeat(64);
  const head = { height: 1, hash: other };
  const lies: readonly ((stage: Stage) => Uint8Array)[] = [
    () => Uint8Array.of(1, 2, 3),
    () => new Uint8Array(1_000_000),
    () => new Uint8Array(0),
    ({ coordinator, hostile }) => encode(signHead(coordinator.ledger.chain, head, hostile!.key)),
    ({ coordinator }) => encode({ ...head, chain: coordinator.ledger.chain, height: 1e9 }),
    () => encode(signHead(other, head, coordinatorKey)), // of another ledger
  ];
  let told = 0;
  const lie = (stage: Stage) => lies[told++ % lies.length](stage);
  const lying: Deviation = {
    asks: (request, send, stage) => send(request.method === HEAD_METHOD ? { ...request, bytes: lie(stage) } : request),
    answers: async (request, answer, stage) => {
      const honest = await answer();
      return request.method === HEAD_METHOD && honest.ok ? { ...honest, bytes: lie(stage) } : honest;
    },
  };
  const { violations, digest, noticed } = await playWorld({ signed: true, deviant: deviating(lying) });
  t.same(violations, []);
  t.ok(told >= 2 * lies.length, `told ${told} times`);
  t.ok(noticed[0]['malformed'] > 0, JSON.stringify(noticed[0]));
  t.equal(digest, (await playWorld({ deviant: deviating({}) })).digest);
});
