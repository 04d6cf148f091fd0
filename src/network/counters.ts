/** What happened, counted: every call ends as exactly one of success, timeout or error. */
import { median } from './deadline.js';
import type { Failure, PeerKey, RefusalCode, Traffic } from './types.js';

/** One peer as a caller sees it. `success + timeout + error = calls` once no call is under way. */
export interface PeerTraffic {
  readonly calls: number;
  readonly success: number;
  readonly timeout: number;
  readonly error: number;
  /** Errors by `code/by`, for example `nonfinite/caller`. They sum to `error`. */
  readonly errors: Readonly<Record<string, number>>;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Over the last 256 successes; 0 when there are none. */
  readonly latencyMedian_ms: number;
  readonly latencyP95_ms: number;
}

/** One peer as it serves others. `served + sum(refused) = received` once nothing is under way. */
export interface ServiceCounters {
  readonly received: number;
  readonly served: number;
  readonly refused: Readonly<Partial<Record<RefusalCode, number>>>;
}

const LATENCY_WINDOW = 256;

class PeerCounter {
  calls = 0;
  success = 0;
  timeout = 0;
  error = 0;
  readonly errors = new Map<string, number>();
  readonly traffic: Traffic = { sent: 0, received: 0 };
  readonly #latencies: number[] = [];

  latency(elapsed_ms: number): void {
    if (this.#latencies.length < LATENCY_WINDOW) this.#latencies.push(elapsed_ms);
    else this.#latencies[(this.success - 1) % LATENCY_WINDOW] = elapsed_ms;
  }

  snapshot(): PeerTraffic {
    const sorted = [...this.#latencies].sort((a, b) => a - b);
    return {
      calls: this.calls,
      success: this.success,
      timeout: this.timeout,
      error: this.error,
      errors: Object.fromEntries(this.errors),
      bytesSent: this.traffic.sent,
      bytesReceived: this.traffic.received,
      latencyMedian_ms: sorted.length === 0 ? 0 : median(sorted),
      latencyP95_ms: sorted.length === 0 ? 0 : sorted[Math.ceil(0.95 * sorted.length) - 1],
    };
  }
}

/** Counts calls per peer. */
export class CallCounters {
  readonly #peers = new Map<PeerKey, PeerCounter>();

  /** A call starts; the returned object is where the transport adds its bytes. */
  started(peer: PeerKey): Traffic {
    const counter = this.#of(peer);
    counter.calls++;
    return counter.traffic;
  }

  succeeded(peer: PeerKey, elapsed_ms: number): void {
    const counter = this.#of(peer);
    counter.success++;
    counter.latency(elapsed_ms);
  }

  failed(peer: PeerKey, failure: Failure): void {
    const counter = this.#of(peer);
    if (failure.code === 'timeout') {
      counter.timeout++;
      return;
    }
    counter.error++;
    const name = `${failure.code}/${failure.by}`;
    counter.errors.set(name, (counter.errors.get(name) ?? 0) + 1);
  }

  /** Counters by peer key. */
  snapshot(): ReadonlyMap<PeerKey, PeerTraffic> {
    return new Map([...this.#peers].map(([peer, counter]) => [peer, counter.snapshot()]));
  }

  #of(peer: PeerKey): PeerCounter {
    const known = this.#peers.get(peer);
    if (known !== undefined) return known;
    const fresh = new PeerCounter();
    this.#peers.set(peer, fresh);
    return fresh;
  }
}
