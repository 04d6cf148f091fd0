/**
 * Deterministic simulation of several writers on one store across a bad network: a virtual clock, and from the seed every drop, duplicate,
 * reordering, delay, partition and crash. No real time passes and nothing outside the seed decides.
 */
import { RandomStream } from '../../src/core/random.js';
import { type Ledger, type LedgerView, memoryStore, openLedger, type Store } from '../../src/ledger/index.js';
import { verifyStore } from '../../src/ledger/replay.js';
import { sparseRow, squaredDistance } from '../../src/ledger/rows.js';
import { Workload } from './workload.js';

/** Virtual time: callbacks in order of their moment, then of their registration. */
class Clock {
  now = 0;
  private order = 0;
  private readonly queue: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];

  after(delay: number, run: () => void): void {
    this.queue.push({ at: this.now + delay, order: this.order++, run });
  }

  sleep(delay: number): Promise<void> {
    return new Promise((resolve) => this.after(delay, resolve));
  }

  /** Runs until nothing is left to happen. Between two moments all promises settle. */
  async drain(): Promise<void> {
    for (;;) {
      await settlePromises();
      let next = -1;
      this.queue.forEach((item, at) => {
        const best = this.queue[next];
        if (next === -1 || item.at < best.at || (item.at === best.at && item.order < best.order)) next = at;
      });
      if (next === -1) return;
      const [item] = this.queue.splice(next, 1);
      this.now = item.at;
      item.run();
    }
  }
}

/** Lets every chain of promises run to where it waits for the clock. */
const settlePromises = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const TIMEOUT = 50;

/** The store as one writer sees it through the network: requests and answers may be lost, late, doubled; it asks again until one comes. */
class RemoteStore implements Store {
  readonly name = 'remote';
  partitionedUntil = 0;
  crashed = false;

  constructor(
    private readonly real: Store,
    private readonly clock: Clock,
    private readonly random: RandomStream,
  ) {}

  /** Delays and losses come from the seed; a copy of a request may arrive long after the first. */
  private call<T>(request: () => Promise<T>): Promise<T> {
    return new Promise((resolve) => {
      let answered = false;
      const attempt = (): void => {
        if (answered || this.crashed) return;
        this.clock.after(TIMEOUT, attempt);
        for (let copies = this.random.integer(10) === 0 ? 2 : 1; copies > 0; copies--) {
          if (this.lost()) continue;
          this.clock.after(this.random.integer(40), () => {
            void request().then((answer) => {
              if (this.lost()) return;
              this.clock.after(this.random.integer(40), () => {
                answered = true;
                resolve(answer);
              });
            });
          });
        }
      };
      attempt();
    });
  }

  private lost(): boolean {
    return this.clock.now < this.partitionedUntil || this.random.integer(6) === 0;
  }

  genesis = () => this.call(() => this.real.genesis());
  begin: Store['begin'] = (genesis, hash) => this.call(() => this.real.begin(genesis, hash));
  head = () => this.call(() => this.real.head());
  append: Store['append'] = (expected, block) => this.call(() => this.real.append(expected, block));
  read: Store['read'] = (height) => this.call(() => this.real.read(height));
  snapshot = () => this.call(() => this.real.snapshot());
  putSnapshot: Store['putSnapshot'] = (snapshot, prune) => this.call(() => this.real.putSnapshot(snapshot, prune));
  close = async (): Promise<void> => undefined;
}

export interface SimulationResult {
  readonly seed: number;
  readonly height: number;
  readonly acknowledged: number;
  readonly crashes: number;
  readonly stateRoot: string;
  readonly head: string;
  /** What law was broken, or undefined. */
  readonly problem: string | undefined;
}

export interface SimulationOptions {
  readonly writers?: number;
  readonly blocksEach?: number;
  /** The negative control: the store appends without comparing. */
  readonly blind?: boolean;
}

/** A store that takes whatever block comes for a height: what a compare-and-swap prevents. */
function blindStore(real: Store): Store {
  const blocks = new Map<number, Parameters<Store['append']>[1]>();
  return Object.assign(Object.create(real) as Store, {
    append: async (_: number, block: Parameters<Store['append']>[1]) => {
      blocks.set(block.height, block);
      return 'appended' as const;
    },
    read: async (height: number) => blocks.get(height),
    head: async () => {
      const height = Math.max(0, ...blocks.keys());
      return { height, hash: blocks.get(height)?.hash ?? (await real.head()).hash };
    },
  });
}

/** One whole run; two runs of one seed are the same to the bit. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  const { writers = 3, blocksEach = 5, blind = false } = options;
  const clock = new Clock();
  const work = new Workload(seed);
  const memory = memoryStore();
  const real = blind ? blindStore(memory) : memory;
  await openLedger({ store: real, genesis: work.genesis });
  const acknowledged = new Map<number, string>();
  let crashes = 0;
  let problem: string | undefined;

  const writer = async (number: number): Promise<void> => {
    const own = new RandomStream(seed, 10, number);
    for (let done = 0; done < blocksEach; ) {
      const store = new RemoteStore(real, clock, own);
      const ledger = await openLedger({ store });
      for (; done < blocksEach; done++) {
        if (own.integer(8) === 0) store.partitionedUntil = clock.now + own.integer(400);
        for (let count = own.integer(4); count > 0; count--) {
          const { key, action } = work.next(ledger.pending());
          ledger.submitAction(key, action);
        }
        const closing = ledger.closeBlock();
        if (own.integer(6) === 0) {
          // A crash at some moment of the append: its requests may still be on their way, its answers are lost.
          await clock.sleep(own.integer(120));
          store.crashed = true;
          closing.catch(() => undefined);
          crashes++;
          done++;
          break;
        }
        const block = await closing;
        const before = acknowledged.get(block.height);
        if (before !== undefined && before !== block.hash) problem ??= `two blocks acknowledged at height ${block.height}`;
        acknowledged.set(block.height, block.hash);
        await clock.sleep(own.integer(60));
      }
    }
  };
  let running = writers;
  const finish = (error?: Error): void => {
    running--;
    if (error !== undefined) problem ??= error.message;
  };
  for (let number = 0; number < writers; number++) void writer(number).then(() => finish(), finish);
  await clock.drain();
  if (running > 0) problem ??= `${running} writers wait for ever`;
  problem ??= await audit(real, acknowledged);
  const check = await verifyStore(real);
  const summary = { seed, acknowledged: acknowledged.size, crashes, problem };
  return check.ok
    ? { ...summary, height: check.height, stateRoot: check.stateRoot, head: check.head }
    : { ...summary, height: check.height, stateRoot: '', head: '', problem: problem ?? check.problem };
}

/** The laws: nothing acknowledged is missing, rows sum exactly, steps keep the bound, supply is start + minted, a replay agrees. */
async function audit(store: Store, acknowledged: ReadonlyMap<number, string>): Promise<string | undefined> {
  for (const [height, hash] of acknowledged) {
    if ((await store.read(height))?.hash !== hash) return `the acknowledged block ${height} is lost`;
  }
  const replica: Ledger = await openLedger({ store: memoryStore(), genesisBytes: (await store.genesis()) as Uint8Array });
  const start = replica.state().supply;
  const { height } = await store.head();
  for (let at = 1; at <= height; at++) {
    const block = await store.read(at);
    if (block === undefined) return `block ${at} is missing`;
    const before = replica.state();
    try {
      await replica.adopt(block);
    } catch (error) {
      return (error as Error).message;
    }
    const problem = lawsOf(before, replica.state(), start);
    if (problem !== undefined) return `block ${at}: ${problem}`;
  }
  return undefined;
}

function lawsOf(before: LedgerView, after: LedgerView, start: bigint): string | undefined {
  if (after.supply !== start + after.minted) return 'supply is not start + minted';
  const same = before.members === after.members;
  for (const person of after.participants()) {
    const row = after.row(person.key);
    if (row.weights.reduce((a, b) => a + b, 0) !== 1_000_000_000) return `row of ${person.key} does not sum`;
    // Where the list of participants changed, weights may also have come back from those who left.
    if (!same) continue;
    const step = squaredDistance(sparseRow(before.denseRow(person.key)), sparseRow(after.denseRow(person.key)));
    if (step > BigInt(Math.max(before.parameters.epsilon, after.parameters.epsilon)) ** 2n) return `row of ${person.key} moved too far`;
  }
  return undefined;
}
