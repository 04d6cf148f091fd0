/** The process that keeps the ledger: takes transactions, closes a block when everybody is ready, and serves the chain to replicas. */
import { decode, encode } from 'cborg';
import { InternalError } from '../../core/errors.js';
import { decodeTransaction } from '../../ledger/encoding.js';
import { type Genesis, type Ledger, openLedger, type Store } from '../../ledger/index.js';
import { type HandlerContext, type Identity, Libp2pTransport, Network, type PeerKey } from '../../network/index.js';
import { type BarrierAnswer, type BarrierRequest, CALL, type PeerProgress, type PeerResult } from './messages.js';

/** How a sequencer starts. */
export interface SequencerOptions {
  readonly identity: Identity;
  readonly store: Store;
  readonly genesis: Genesis;
  /** Keys of the participants that are expected at barriers. */
  readonly members: readonly PeerKey[];
  readonly listen?: readonly string[];
  /** A barrier opens without those that have not come after this long. */
  readonly patience_ms?: number;
  readonly onBlock?: (round: number, refused: readonly Refusal[]) => void;
  readonly onProgress?: (peer: PeerKey, progress: PeerProgress) => void;
  readonly onResult?: (peer: PeerKey, result: PeerResult) => void;
}

/** A transaction that the ledger refused. */
export interface Refusal {
  readonly key: PeerKey;
  readonly code: string;
}

interface Barrier {
  readonly arrived: Set<PeerKey>;
  readonly opened: Promise<void>;
  readonly open: () => void;
  readonly request: BarrierRequest;
  done: boolean;
}

/** One long poll lasts at most this long; the caller then asks again. */
const POLL_MS = 10_000;

export class Sequencer {
  readonly ledger: Ledger;
  readonly transport: Libp2pTransport;
  readonly network: Network;
  readonly #options: SequencerOptions;
  readonly #live: Set<PeerKey>;
  readonly #barriers = new Map<string, Barrier>();
  #refused: Refusal[] = [];

  private constructor(options: SequencerOptions, ledger: Ledger, transport: Libp2pTransport) {
    this.#options = options;
    this.#live = new Set(options.members);
    this.ledger = ledger;
    this.transport = transport;
    this.network = new Network({
      transport,
      service: {
        stakeOf: (key) => this.ledger.state().stake(key),
        openCalls: [CALL.genesis, CALL.head, CALL.block],
        admission: { concurrency: 1024, queue: 1024 }, // waiting at a barrier takes a turn but no work
        handlers: { calls: this.#calls() },
      },
    });
  }

  /** Opens the ledger and listens. */
  static async start(options: SequencerOptions): Promise<Sequencer> {
    const ledger = await openLedger({ store: options.store, genesis: options.genesis });
    const { identity, listen } = options;
    const transport = await Libp2pTransport.start({ identity, ...(listen === undefined ? {} : { listen }) });
    return new Sequencer(options, ledger, transport);
  }

  /** A participant is gone for good: nobody waits for it any more. */
  leave(key: PeerKey): void {
    this.#live.delete(key);
    for (const barrier of this.#barriers.values()) this.#check(barrier);
  }

  async close(): Promise<void> {
    await this.network.close();
    await this.ledger.close();
  }

  #calls(): Record<string, (bytes: Uint8Array, context: HandlerContext) => Promise<Uint8Array>> {
    const { store, onProgress, onResult } = this.#options;
    return {
      [CALL.genesis]: async () => encode(await store.genesis()),
      [CALL.head]: async () => encode(await store.head()),
      [CALL.block]: async (bytes) => encode((await store.read(decode(bytes) as number)) ?? null),
      [CALL.submit]: async (bytes, { from }) => encode(this.#submit(decode(bytes) as Uint8Array, from)),
      [CALL.barrier]: async (bytes, context) => encode(await this.#wait(decode(bytes) as BarrierRequest, context)),
      [CALL.progress]: async (bytes, { from }) => {
        onProgress?.(from, decode(bytes) as PeerProgress);
        return encode(null);
      },
      [CALL.result]: async (bytes, { from }) => {
        onResult?.(from, decode(bytes) as PeerResult);
        return encode(null);
      },
    };
  }

  #submit(bytes: Uint8Array, from: PeerKey): string {
    const tx = decodeTransaction(bytes);
    const code = tx === undefined ? 'malformed' : this.ledger.submit(tx).code;
    if (code !== 'ok') this.#refused.push({ key: from, code });
    return code;
  }

  async #wait(request: BarrierRequest, { from, signal }: HandlerContext): Promise<BarrierAnswer> {
    const barrier = this.#barriers.get(request.name) ?? this.#erect(request);
    barrier.arrived.add(from);
    this.#check(barrier);
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, POLL_MS);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([barrier.opened, patience]);
    clearTimeout(timer);
    return { done: barrier.done, height: this.ledger.height };
  }

  #erect(request: BarrierRequest): Barrier {
    let open!: () => void;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const barrier: Barrier = { arrived: new Set(), opened, open, request, done: false };
    this.#barriers.set(request.name, barrier);
    setTimeout(() => this.#pass(barrier), this.#options.patience_ms ?? 120_000).unref();
    return barrier;
  }

  #check(barrier: Barrier): void {
    for (const key of this.#live) if (!barrier.arrived.has(key)) return;
    this.#pass(barrier);
  }

  #pass(barrier: Barrier): void {
    if (barrier.done) return;
    barrier.done = true;
    if (!barrier.request.close) {
      barrier.open();
      return;
    }
    this.ledger.closeBlock().then(
      () => {
        this.#options.onBlock?.(barrier.request.round, this.#refused);
        this.#refused = [];
        barrier.open();
      },
      (error) => {
        throw new InternalError(`closing a block failed: ${String(error)}`);
      },
    );
  }
}
