/** A simulated network: datagrams that are dropped, duplicated, reordered, delayed, corrupted, cut off. Everything follows from the seed. */
import { log } from '../../../src/core/arithmetic/log.js';
import type { RandomStream } from '../../../src/core/random.js';
import { decodeAnswer, decodeHeader, decodeRequest, encodeAnswer, encodeRequest } from '../../../src/network/frame.js';
import {
  type Answer,
  DEFAULT_LIMITS,
  type Identity,
  type PeerKey,
  type Receiver,
  type Request,
  type Traffic,
  type Transport,
  TransportError,
} from '../../../src/network/index.js';
import type { VirtualClock } from './virtual-clock.js';

/** How bad the weather is: probabilities per datagram. */
export interface Weather {
  readonly drop: number;
  readonly duplicate: number;
  readonly corrupt: number;
  readonly delayMean_ms: number;
  /** Probability of a delay twenty times as long. */
  readonly straggle: number;
}

type Datagram =
  | { readonly type: 'request'; readonly request: Request; readonly frame: Uint8Array | null }
  | { readonly type: 'answer'; readonly answer: Answer; readonly frame: Uint8Array | null }
  | { readonly type: 'reset'; readonly nonce: number };

/** Carries datagrams between transports. */
export class Air {
  readonly #clock: VirtualClock;
  readonly #random: RandomStream;
  readonly #members = new Map<PeerKey, AirTransport>();
  readonly sides = new Map<PeerKey, number>();
  /** What happened to datagrams. */
  readonly fates = { carried: 0, dropped: 0, duplicated: 0, corrupted: 0, cut: 0, lost: 0 };
  weather: Weather;
  /** Whether datagrams are real signed frames; slower, and the only way to test corruption. */
  readonly framed: boolean;

  constructor(clock: VirtualClock, random: RandomStream, weather: Weather, framed: boolean) {
    this.#clock = clock;
    this.#random = random;
    this.weather = weather;
    this.framed = framed;
  }

  /** A new process with this identity; it replaces the one before. */
  join(identity: Identity): AirTransport {
    const transport = new AirTransport(identity, this);
    this.#members.set(identity.key, transport);
    return transport;
  }

  /** The process dies: what was on its way to it is lost. */
  crash(key: PeerKey): void {
    const member = this.#members.get(key);
    if (member !== undefined) member.alive = false;
    this.#members.delete(key);
  }

  send(from: AirTransport, to: PeerKey, datagram: Datagram): void {
    if (!from.alive) return;
    const { weather } = this;
    const copies = this.#random.uniform() < weather.duplicate ? 2 : 1;
    if (copies === 2) this.fates.duplicated++;
    for (let copy = 0; copy < copies; copy++) {
      const slow = this.#random.uniform() < weather.straggle ? 20 : 1;
      const delay_ms = -log(1 - this.#random.uniform()) * weather.delayMean_ms * slow;
      const dropped = this.#random.uniform() < weather.drop;
      const sent = this.#random.uniform() < weather.corrupt ? this.#corrupted(datagram) : datagram;
      if (dropped) this.fates.dropped++;
      else this.#clock.after(delay_ms, () => this.#arrive(from, to, sent));
    }
  }

  #arrive(from: AirTransport, to: PeerKey, datagram: Datagram): void {
    if ((this.sides.get(from.self) ?? 0) !== (this.sides.get(to) ?? 0)) {
      this.fates.cut++;
      return;
    }
    const target = this.#members.get(to);
    if (target !== undefined) {
      this.fates.carried++;
      target.receive(from.self, datagram);
      return;
    }
    this.fates.lost++;
    // Half of the time the machine is still there and says that nothing listens.
    if (datagram.type === 'request' && this.#random.uniform() < 0.5) from.receive(to, { type: 'reset', nonce: datagram.request.nonce });
  }

  #corrupted(datagram: Datagram): Datagram {
    if (datagram.type === 'reset' || datagram.frame === null) return datagram;
    this.fates.corrupted++;
    const frame = datagram.frame.slice();
    frame[this.#random.integer(frame.length)] ^= 1 << this.#random.integer(8);
    return { ...datagram, frame };
  }
}

interface Pending {
  readonly peer: PeerKey;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** One process's end of the {@link Air}. */
export class AirTransport implements Transport {
  readonly kind = 'simulated';
  readonly limits = DEFAULT_LIMITS;
  readonly self: PeerKey;
  alive = true;
  readonly #identity: Identity;
  readonly #air: Air;
  readonly #pending = new Map<number, Pending>();
  #receiver: Receiver | null = null;

  constructor(identity: Identity, air: Air) {
    this.#identity = identity;
    this.self = identity.key;
    this.#air = air;
  }

  exchange(request: Request, signal: AbortSignal, traffic: Traffic): Promise<Answer> {
    const frame = this.#air.framed ? encodeRequest(request, 'f32', this.#identity) : null;
    traffic.sent += frame?.length ?? 1;
    return new Promise((resolve, reject) => {
      this.#pending.set(request.nonce, { peer: request.to, resolve, reject });
      signal.addEventListener('abort', () => {
        this.#pending.delete(request.nonce);
        reject(new TransportError('cancelled', 'given up'));
      });
      this.#air.send(this, request.to, { type: 'request', request, frame });
    });
  }

  serve(receiver: Receiver): void {
    this.#receiver = receiver;
  }

  async announce(): Promise<void> {}

  listen(): void {}

  async close(): Promise<void> {
    this.#air.crash(this.self);
  }

  receive(from: PeerKey, datagram: Datagram): void {
    if (datagram.type === 'request') void this.#serve(from, datagram);
    else if (datagram.type === 'reset') this.#settle(from, datagram.nonce, new TransportError('unreachable', 'nothing listens'));
    else this.#accept(from, datagram);
  }

  async #serve(from: PeerKey, datagram: Datagram & { type: 'request' }): Promise<void> {
    const receiver = this.#receiver;
    if (receiver === null) return;
    const request = this.#opened(datagram, receiver, from);
    if (request === null) return;
    const refusal = receiver.screen(from, request.kind, request.nonce, 0);
    const answer = refusal ?? (await receiver.handle(request, new AbortController().signal));
    const frame = this.#air.framed ? encodeAnswer(answer, from, 'f32', this.#identity) : null;
    this.#air.send(this, from, { type: 'answer', answer, frame });
  }

  #opened(datagram: Datagram & { type: 'request' }, receiver: Receiver, from: PeerKey): Request | null {
    if (datagram.frame === null) return datagram.request;
    try {
      return decodeRequest(datagram.frame, decodeHeader(datagram.frame), this.self);
    } catch (error) {
      receiver.refused((error as TransportError).code as 'signature', from); // corrupted: a datagram network stays silent
      return null;
    }
  }

  #accept(from: PeerKey, datagram: Datagram & { type: 'answer' }): void {
    if (datagram.frame === null) {
      this.#settle(from, datagram.answer.nonce, datagram.answer);
      return;
    }
    try {
      const header = decodeHeader(datagram.frame);
      this.#settle(from, header.nonce, decodeAnswer(datagram.frame, header, this.self, from));
    } catch (error) {
      this.#settle(from, datagram.answer.nonce, error as TransportError);
    }
  }

  #settle(from: PeerKey, nonce: number, result: Answer | TransportError): void {
    const pending = this.#pending.get(nonce);
    if (pending === undefined || pending.peer !== from) return; // late, or a duplicate
    this.#pending.delete(nonce);
    if (result instanceof TransportError) pending.reject(result);
    else pending.resolve(result);
  }
}
