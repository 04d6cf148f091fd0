/**
 * The vocabulary of the network: keys, tensors, requests, answers, failures and the transport contract.
 * A transport moves one request and one answer; everything that is policy (deadlines, bans, admission,
 * counting) lives above it in {@link Network}, so that every transport behaves alike.
 */

import type { WIRE_TYPES } from '../core/closed-lists.js';
/** A peer's address: its Ed25519 public key as 64 lower-case hex digits. Never an index: slots are reused, keys are not. */
export type PeerKey = string;

/** A row-major array of 32-bit floats; the first dimension is the batch. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** How numbers travel. `f16` and `int8` lose precision within the bound that {@link errorBound} states. */
export type WireType = (typeof WIRE_TYPES)[number];

/** What a request asks for. */
export type RequestKind = 'query' | 'backward' | 'call';

/** One request, as a transport carries it. */
export interface Request {
  readonly kind: RequestKind;
  readonly from: PeerKey;
  readonly to: PeerKey;
  /** Microseconds since the epoch, strictly increasing per sender: unique, and old ones are recognised after a restart. */
  readonly nonce: number;
  /** Time the caller still waits; the serving peer drops the work when it has passed. */
  readonly deadline_ms: number;
  /** Inputs for a query; inputs and gradient for a backward; nothing for a call. */
  readonly tensors: readonly Tensor[];
  /** Name and argument of a call. */
  readonly method: string;
  readonly bytes: Uint8Array;
}

/** Why a serving peer did not answer. A closed list; the order of the checks is in service.ts. */
export type RefusalCode =
  | 'oversize' // more bytes or elements than the limit
  | 'malformed' // not a frame of this version
  | 'signature' // not signed by the key it names, or not meant for this peer
  | 'noStake' // the caller holds less stake than this peer asks for
  | 'replay' // this nonce was seen before or is too old
  | 'nonfinite' // NaN or infinity
  | 'shape' // not the shape this peer serves
  | 'unsupported' // this peer does not serve that kind of request
  | 'busy' // the queue is full of callers with at least as much stake
  | 'expired' // its deadline passed before its turn
  | 'handler'; // the peer's own code failed

/** Why something was turned away: a request (the codes of an answer), an announcement, or a connection. */
export type RefusalReason =
  | RefusalCode
  | 'own' // this peer's own announcement, sent again by another
  | 'height' // an announcement of a block too far behind or ahead
  | 'pendingLimit' // a connection that had not said who it is when others needed its place
  | 'pendingDeadline' // a connection that did not say who it is in time
  | 'strangerLimit' // a connection or stream of one without stake, beyond what all such may hold
  | 'frameDeadline' // a frame that did not arrive whole in time
  | 'unasked' // a gradient for something this peer did not answer
  | 'equivocation' // two different things signed where there can be one
  | 'norm' // a gradient or an answer beyond the bound of the run, or one that would have made the model non-finite
  | 'quota' // more kept for one sender than its share
  | 'phase'; // not in this phase of the run

/** One sender's refusals. */
export interface SenderRefusals {
  /** Public key, or `strangers` for all that are no longer told apart, or `unknown` before authentication. */
  readonly sender: PeerKey | 'strangers' | 'unknown';
  readonly total: number;
  readonly reasons: Readonly<Partial<Record<RefusalReason, number>>>;
}

/** A serving peer's answer. */
export type Answer =
  | { readonly ok: true; readonly nonce: number; readonly tensors: readonly Tensor[]; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly nonce: number; readonly code: RefusalCode; readonly reason: string; readonly retryAfter_ms: number };

/** Why a call gave no tensor. `by` tells who found out: this process, or the peer that was asked. */
export interface Failure {
  readonly code: RefusalCode | 'timeout' | 'cancelled' | 'unreachable' | 'banned' | 'closed';
  readonly by: 'caller' | 'peer';
  readonly reason: string;
  /** When another attempt makes sense; 0 if at once. */
  readonly retryAfter_ms: number;
}

/** The outcome of one call: a value or a typed failure, never an exception. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T; readonly elapsed_ms: number }
  | { readonly ok: false; readonly failure: Failure; readonly elapsed_ms: number };

/** Limits that both sides of a transport enforce. */
export interface Limits {
  /** Largest frame in bytes, header included. */
  readonly frameBytes: number;
  /** Largest announcement in bytes; gossip loses large messages without an error. */
  readonly announcementBytes: number;
}

/** 16 MiB per frame, 32 KiB per announcement. */
export const DEFAULT_LIMITS: Limits = { frameBytes: 16 * 1024 * 1024, announcementBytes: 32 * 1024 };

/** Where a transport brings the requests that reach this process. */
export interface Receiver {
  /** A look at the header alone, before the body costs memory: a refusal, or null to read on. */
  screen(from: PeerKey, kind: RequestKind, nonce: number, bytes: number): Answer | null;
  /** Answers a whole request; `signal` fires when the caller went away. Never rejects. */
  handle(request: Request, signal: AbortSignal): Promise<Answer>;
  /** The transport itself refused a request: its frame was broken, forged or too large. */
  refused(code: RefusalCode, from: PeerKey): void;
  /** Whether a key holds stake: its connections have places of their own. Left out: none does. */
  isMember?(key: PeerKey): boolean;
}

/** Hears an announcement as it came. True when it counts, and may be passed on to others. */
export type AnnouncementListener = (from: PeerKey, topic: string, bytes: Uint8Array) => boolean;

/** Bytes a transport has moved for one exchange. */
export interface Traffic {
  sent: number;
  received: number;
}

/**
 * Moves requests, answers and announcements. Adds no policy: no deadline, no retry, no ban.
 * `exchange` rejects with {@link TransportError}, and settles soon after `signal` fires.
 */
export interface Transport {
  readonly kind: string;
  readonly self: PeerKey;
  readonly limits: Limits;
  exchange(request: Request, signal: AbortSignal, traffic: Traffic): Promise<Answer>;
  serve(receiver: Receiver): void;
  announce(topic: string, bytes: Uint8Array): Promise<void>;
  listen(topic: string, listener: AnnouncementListener): void;
  /** Connections and frames that were refused before a request could be read; where a transport has any. */
  readonly refusals?: { bySender(): readonly SenderRefusals[] };
  close(): Promise<void>;
}

/** A transport could not carry an exchange through. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: Failure['code'];

  constructor(code: Failure['code'], reason: string) {
    super(reason);
    this.code = code;
  }
}

/** A refusal, spelt once. */
export function refuse(nonce: number, code: RefusalCode, reason: string, retryAfter_ms = 0): Answer {
  return { ok: false, nonce, code, reason, retryAfter_ms };
}

/** No bytes. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);
