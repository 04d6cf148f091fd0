/** The serving side of the libp2p transport: reads a request, hands it on, writes the answer, all of it within bounds. */
import type { Stream } from '@libp2p/interface';
import type { Clock } from '../clock.js';
import { decodeRequest, encodeAnswer, type Header } from '../frame.js';
import type { Identity } from '../identity.js';
import type { RefusalLog } from '../refusals.js';
import { type Answer, type PeerKey, type Receiver, type RefusalCode, refuse, TransportError, type WireType } from '../types.js';
import type { ConnectionLimits } from './connection-gate.js';
import { ReceiveBudget, readFrame, writeFrame } from './stream.js';

/** How long a stream whose request was refused early may linger, so that the refusal arrives before the stream goes. */
const LINGER_MS = 1_000;

/** The share of the receive budget that one member may hold; never less than one frame. */
const MEMBER_SHARE = 1 / 4;

interface ServerOptions {
  readonly identity: Identity;
  readonly frameBytes: number;
  readonly receiveBytes: number;
  readonly connections: ConnectionLimits;
  readonly clock: Clock;
  readonly refusals: RefusalLog;
  readonly receiver: () => Receiver | null;
}

/** One caller's requests that are not finished. */
interface Caller {
  streams: number;
  readonly member: boolean;
  readonly budget: ReceiveBudget;
}

type Answered = { readonly answer: Answer | null; readonly wire: WireType };

/** Serves streams. Callers without stake share a small budget, each member has a share of the large one. */
export class StreamServer {
  readonly #options: ServerOptions;
  readonly #budget: ReceiveBudget;
  readonly #strangerBudget: ReceiveBudget;
  /** Only callers with a stream open. */
  readonly #callers = new Map<PeerKey, Caller>();

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#budget = new ReceiveBudget(options.receiveBytes);
    this.#strangerBudget = new ReceiveBudget(options.connections.strangerBytes);
  }

  /** Reads one request and answers it. Never rejects. */
  async serve(stream: Stream, key: PeerKey): Promise<void> {
    const { clock, connections } = this.#options;
    const caller = this.#enter(key);
    if (caller === null) return stream.abort(new Error('too many streams'));
    const work = new AbortController();
    stream.addEventListener('close', () => work.abort(), { once: true });
    try {
      const { answer, wire } = await this.#answer(stream, key, caller, work.signal);
      if (answer === null) return stream.abort(new Error('no frame came'));
      const read = clock.after(connections.frame_ms, () => stream.abort(new Error('the answer was not read in time')));
      await writeFrame(stream, this.#encode(answer, key, wire), work.signal).finally(read);
      await stream.close({ signal: work.signal });
      setTimeout(() => stream.abort(new Error('lingering')), LINGER_MS).unref();
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error))); // the caller has gone: there is no receiver left
    } finally {
      this.#leave(key, caller);
    }
  }

  /** A place for one request. Those without stake have few. */
  #enter(key: PeerKey): Caller | null {
    const { connections, refusals } = this.#options;
    const caller = this.#callers.get(key) ?? this.#newCaller(key);
    if (!caller.member && caller.streams >= connections.streamsPerStranger) {
      refusals.count('strangerLimit', key, false);
      return null;
    }
    caller.streams++;
    this.#callers.set(key, caller);
    return caller;
  }

  #newCaller(key: PeerKey): Caller {
    const { frameBytes, receiveBytes, receiver } = this.#options;
    const member = receiver()?.isMember?.(key) ?? false;
    const share = Math.max(frameBytes, receiveBytes * MEMBER_SHARE);
    return { streams: 0, member, budget: member ? new ReceiveBudget(share, this.#budget) : this.#strangerBudget };
  }

  #leave(key: PeerKey, caller: Caller): void {
    caller.streams--;
    if (caller.streams === 0 && this.#callers.get(key) === caller) this.#callers.delete(key);
  }

  /** The answer to whatever arrives on a stream, or null when not even a header did. */
  async #answer(stream: Stream, key: PeerKey, { member, budget }: Caller, signal: AbortSignal): Promise<Answered> {
    const { clock, connections, frameBytes, identity, refusals } = this.#options;
    const receiver = this.#options.receiver();
    let seen: Header | null = null;
    let refusal: Answer | null = null;
    const screen = (header: Header) => {
      seen = header;
      if (header.from !== key) throw new TransportError('signature', 'the frame names another key than the connection');
      if (header.kind === 'answer' || header.kind === 'refusal') throw new TransportError('malformed', 'not a request');
      refusal = receiver?.screen(key, header.kind, header.nonce, header.bodyBytes) ?? null;
      if (refusal !== null) throw new TransportError('noStake', 'screened');
    };
    try {
      const deadline = (late: () => void) => clock.after(connections.frame_ms, late);
      const { header, frame } = await readFrame(stream, { limit: frameBytes, budget, screen, deadline });
      const request = decodeRequest(frame, header, identity.key);
      if (receiver === null) return { answer: refuse(header.nonce, 'unsupported', 'this peer does not serve'), wire: header.wire };
      return { answer: await receiver.handle(request, signal), wire: header.wire };
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      if (refusal !== null) return { answer: refusal, wire: 'f32' };
      if (error.code === 'timeout') refusals.count('frameDeadline', key, member);
      if (!isRefusal(error.code)) return { answer: null, wire: 'f32' };
      if (receiver === null) refusals.count(error.code, key, member);
      receiver?.refused(error.code, key);
      const nonce = (seen as Header | null)?.nonce ?? 0;
      return { answer: refuse(nonce, error.code, error.message), wire: 'f32' };
    }
  }

  #encode(answer: Answer, to: PeerKey, wire: WireType): Uint8Array {
    const { identity } = this.#options;
    try {
      return encodeAnswer(answer, to, wire, identity);
    } catch {
      // The only way to fail is a number that the wire type cannot hold (f16 beyond 65504): the caller learns that.
      return encodeAnswer(refuse(answer.nonce, 'handler', `the answer does not fit the wire type ${wire}`), to, 'f32', identity);
    }
  }
}

function isRefusal(code: string): code is RefusalCode {
  return code === 'oversize' || code === 'malformed' || code === 'signature' || code === 'busy';
}
