/**
 * A process of several writers, told by its parent what to do. Each writer has a handle of its own on the store, or a node and a key of its own on
 * the network of a coordinator; all of them act when the parent says go, together with those of the other processes.
 */
import { encodeTransaction } from '../../../src/ledger/encoding.js';
import { etcdStore, openLedger, type SigningKey, type Store, signTransaction, sqliteStore } from '../../../src/ledger/index.js';
import { createIdentity, Libp2pTransport, Network } from '../../../src/network/index.js';
import { parseCoordinatorConfig } from '../../../src/process/coordinator-config.js';
import { type ServeEvent, serveLedger } from '../../../src/process/ledger-service.js';
import { ask, type BarrierAnswer, CALL } from '../../../src/run/protocol.js';
import { openReplica } from '../../../src/run/replica.js';
import { testKey } from '../../ledger/workload.js';
import { type Answer, durable, PAYER, SINK } from '../../ledger/writers.js';

/** A store that other processes reach as well. */
export type Place = { readonly path: string } | { readonly endpoints: readonly string[]; readonly prefix: string };

/** What the parent says. */
export type Order =
  | { readonly do: 'open'; readonly place: Place; readonly writers: number }
  | { readonly do: 'serve'; readonly path: string }
  | { readonly do: 'join'; readonly coordinator: Served; readonly members: readonly number[] }
  | { readonly do: 'go'; readonly round: number }
  | { readonly do: 'close' };

/** Where a coordinator is. */
export interface Served {
  readonly key: string;
  readonly addresses: readonly string[];
}

/** What it answers to each order: what its writers were told, and the processor time since the last answer. */
export interface Report {
  readonly answers: readonly Answer[];
  readonly served?: Served;
  readonly processor_s: number;
}

export function openPlace(place: Place): Store | Promise<Store> {
  if ('path' in place) return sqliteStore(place.path, { busy_ms: 60_000 });
  return etcdStore({ ...place, total_ms_max: 120_000 });
}

/** Keys of members, apart from those of the race on a store. */
export const memberKey = (number: number): SigningKey => testKey(100 + number);

/** As patient as a participant. */
const WAITING = { patience_ms: 120_000 };

/** One that submits, and what ends it. */
interface Racer {
  readonly act: (round: number) => Promise<Answer>;
  readonly close: () => Promise<unknown>;
}

async function onStore(place: Place): Promise<Racer> {
  const ledger = await openLedger({ store: await openPlace(place) });
  return { act: () => durable(ledger, PAYER), close: () => ledger.close() };
}

/** A member submits, comes to the block, and believes what it has replayed. */
async function onNetwork({ key, addresses }: Served, number: number): Promise<Racer> {
  const own = memberKey(number);
  const transport = await Libp2pTransport.start({
    identity: createIdentity(Buffer.from(own.seed, 'hex')),
    listen: ['/ip4/127.0.0.1/tcp/0'],
  });
  await transport.introduce(key, addresses);
  const network = new Network({ transport });
  const agreed = { height: Number.POSITIVE_INFINITY };
  const replica = await openReplica(network, key, { agreed, waiting: WAITING });
  agreed.height = replica.height;
  const act = async (round: number): Promise<Answer> => {
    const nonce = replica.state().nonce(own.publicKey);
    const action = { kind: 'transfer', to: SINK, amount: 1n } as const;
    const tx = signTransaction({ ...action, chain: replica.chain, from: own.publicKey, nonce }, own);
    const code = await ask<string>(network, key, CALL.submit, encodeTransaction(tx), WAITING);
    const height = agreed.height + 1;
    for (let done = false; !done; ) {
      const barrier = { kind: 'block', round, height } as const;
      ({ done, height: agreed.height } = await ask<BarrierAnswer>(network, key, CALL.barrier, barrier, WAITING));
    }
    await replica.refresh();
    const held = replica.state().nonce(own.publicKey) - nonce;
    return {
      code: code === 'ok' && held === 1 ? 'ok' : `${code}, ${held} in blocks`,
      hash: '',
      height: replica.height,
      blockHash: replica.head,
    };
  };
  return { act, close: () => network.close() };
}

/** Keeps a ledger that is in a file, as `intermodel ledger serve` does. */
async function serve(path: string): Promise<{ readonly served: Served; readonly stop: () => void }> {
  const abort = new AbortController();
  const fields = { formatVersion: 1, identity: '09'.repeat(32), listen: ['/ip4/127.0.0.1/tcp/0'], store: path };
  const config = await parseCoordinatorConfig(fields, '/');
  const served = await new Promise<Served>((resolve, reject) => {
    const onEvent = (event: ServeEvent) => event.type === 'listening' && resolve({ key: event.key, addresses: event.addresses });
    serveLedger(config, { signal: abort.signal, onEvent }).catch((error: unknown) => (abort.signal.aborted ? undefined : reject(error)));
  });
  return { served, stop: () => abort.abort() };
}

let racers: readonly Racer[] = [];
let stop = (): void => undefined;

async function obey(order: Order): Promise<Omit<Report, 'processor_s'>> {
  switch (order.do) {
    case 'open':
      racers = await Promise.all(Array.from({ length: order.writers }, () => onStore(order.place)));
      return { answers: [] };
    case 'join':
      racers = [];
      for (const number of order.members) racers = [...racers, await onNetwork(order.coordinator, number)]; // handshakes of a hundred at once take longer than one may
      return { answers: [] };
    case 'serve': {
      const kept = await serve(order.path);
      stop = kept.stop;
      return { answers: [], served: kept.served };
    }
    case 'go':
      return { answers: await Promise.all(racers.map(({ act }) => act(order.round))) };
    case 'close':
      await Promise.all(racers.map(({ close }) => close()));
      racers = [];
      stop();
      return { answers: [] };
  }
}

/** In a process that was started as one. */
function main(): void {
  let before = process.cpuUsage();
  process.on('message', (order: Order) => {
    obey(order).then(
      (report) => {
        const { user, system } = process.cpuUsage(before);
        before = process.cpuUsage();
        process.send?.({ ...report, processor_s: (user + system) / 1e6 } satisfies Report);
      },
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}

if (process.argv[2] === 'writers') main();
