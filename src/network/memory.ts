/** The in-process transport: the default for experiments. Same checks as on a wire, without bytes or signatures. */
import { InputError } from '../core/errors.js';
import type { Identity } from './identity.js';
import { Supervisor } from './supervisor.js';
import { settle } from './tensor.js';
import {
  type AnnouncementListener,
  type Answer,
  DEFAULT_LIMITS,
  type Limits,
  type PeerKey,
  type Receiver,
  type Request,
  refuse,
  type Tensor,
  type Traffic,
  type Transport,
  TransportError,
} from './types.js';

/** Peers of one process, by key. */
export interface Hub {
  /** A transport for this identity. No other part of the process can speak for it, so nothing needs a signature. */
  join(identity: Pick<Identity, 'key'>, limits?: Partial<Limits>): Transport;
}

/** How a hub hands on what its peers send. */
export interface HubOptions {
  /** Hand on the very arrays, searched for NaN once: neither side may change them afterwards. Default: every receiver gets copies. */
  readonly shared?: boolean;
}

/**
 * A place where the peers of one process meet.
 *
 * @param options `shared` for peers that trust each other with their memory
 * @returns an empty hub.
 * @cost a query of 64 x 64 numbers takes under 50 microseconds beside the model's own time (bench/network.ts)
 * @example
 * ```ts
 * import { createHub, createIdentity } from 'intermodel/network';
 *
 * console.log(createHub().join(createIdentity()).kind); // memory
 * ```
 */
export function createHub({ shared = false }: HubOptions = {}): Hub {
  const members = new Map<PeerKey, MemoryTransport>();
  return {
    join(identity, limits) {
      if (members.has(identity.key)) {
        throw new InputError('BTM_DOMAIN', 'has already joined this hub', { argument: 'identity', value: identity.key });
      }
      const transport = new MemoryTransport(identity.key, members, { ...DEFAULT_LIMITS, ...limits }, shared);
      members.set(identity.key, transport);
      return transport;
    },
  };
}

class MemoryTransport implements Transport {
  readonly kind = 'memory';
  readonly self: PeerKey;
  readonly limits: Limits;
  readonly #members: Map<PeerKey, MemoryTransport>;
  readonly #topics = new Map<string, AnnouncementListener[]>();
  readonly #underWay = new Set<(error: TransportError) => void>();
  readonly #tasks = new Supervisor();
  #receiver: Receiver | null = null;

  readonly #shared: boolean;

  constructor(self: PeerKey, members: Map<PeerKey, MemoryTransport>, limits: Limits, shared: boolean) {
    this.#shared = shared;
    this.self = self;
    this.#members = members;
    this.limits = limits;
  }

  async exchange(request: Request, signal: AbortSignal, traffic: Traffic): Promise<Answer> {
    if (!this.#members.has(this.self)) throw new TransportError('closed', 'this transport is closed');
    if (request.from !== this.self) throw new TransportError('signature', 'a transport speaks for its own key alone');
    const peer = this.#members.get(request.to);
    if (peer === undefined) throw new TransportError('unreachable', 'no such peer in this process');
    const size = sizeOf(request.tensors, request.bytes);
    if (size > this.limits.frameBytes) throw new TransportError('oversize', `${size} bytes, above the limit of ${this.limits.frameBytes}`);
    traffic.sent += size;
    const answer = await peer.#deliver(request, size, signal);
    const answerSize = answer.ok ? sizeOf(answer.tensors, answer.bytes) : 0;
    traffic.received += answerSize;
    if (answerSize > this.limits.frameBytes) {
      throw new TransportError('oversize', `an answer of ${answerSize} bytes, above the limit of ${this.limits.frameBytes}`);
    }
    return answer.ok ? { ...answer, tensors: this.#handed(answer.tensors), bytes: answer.bytes.slice() } : answer;
  }

  serve(receiver: Receiver): void {
    this.#receiver = receiver;
  }

  async announce(topic: string, bytes: Uint8Array): Promise<void> {
    for (const member of this.#members.values()) {
      if (member === this) continue;
      for (const listener of member.#topics.get(topic) ?? []) {
        member.#tasks.run('announcement', async () => {
          await null; // not within the call of the one that announces
          listener(this.self, topic, bytes.slice());
        });
      }
    }
  }

  listen(topic: string, listener: AnnouncementListener): void {
    this.#topics.set(topic, [...(this.#topics.get(topic) ?? []), listener]);
  }

  async close(): Promise<void> {
    this.#members.delete(this.self);
    this.#receiver = null;
    for (const lose of this.#underWay) lose(new TransportError('unreachable', 'the peer went away'));
    this.#underWay.clear();
  }

  #handed(tensors: readonly Tensor[]): readonly Tensor[] {
    if (!this.#shared) return tensors.map(copy);
    settle(tensors);
    return tensors;
  }

  #deliver(request: Request, size: number, signal: AbortSignal): Promise<Answer> {
    const receiver = this.#receiver;
    if (receiver === null) throw new TransportError('unreachable', 'the peer does not serve');
    if (size > this.limits.frameBytes) {
      receiver.refused('oversize', request.from);
      return Promise.resolve(refuse(request.nonce, 'oversize', `this peer takes ${this.limits.frameBytes} bytes`));
    }
    const refusal = receiver.screen(request.from, request.kind, request.nonce, size);
    if (refusal !== null) return Promise.resolve(refusal);
    return new Promise((resolve, reject) => {
      const lose = (error: TransportError) => {
        this.#underWay.delete(lose);
        signal.removeEventListener('abort', giveUp);
        reject(error);
      };
      // A peer that never answers must not hold the request for ever.
      const giveUp = () => lose(new TransportError('cancelled', 'the caller gave up'));
      this.#underWay.add(lose);
      signal.addEventListener('abort', giveUp, { once: true });
      receiver.handle({ ...request, tensors: this.#handed(request.tensors), bytes: request.bytes.slice() }, signal).then((answer) => {
        this.#underWay.delete(lose);
        signal.removeEventListener('abort', giveUp);
        resolve(answer);
      }, reject);
    });
  }
}

/** Payload bytes; a frame's header is not counted, as none is sent. */
function sizeOf(tensors: readonly Tensor[], bytes: Uint8Array): number {
  let size = bytes.length;
  for (const tensor of tensors) size += tensor.data.byteLength;
  return size;
}

function copy(tensor: Tensor): Tensor {
  return { shape: tensor.shape.slice(), data: tensor.data.slice() };
}
