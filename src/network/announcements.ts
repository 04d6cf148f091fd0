/** Announcements that expire: each carries the block it was made at and a time, so that one sent again later counts for nothing. */
import type { Clock } from './clock.js';
import type { RefusalReason } from './refusals.js';
import { NonceWindow } from './replay.js';
import type { PeerKey } from './types.js';

/** When an announcement counts. */
export interface AnnouncementOptions {
  /** How old it may be, by this peer's clock. */
  readonly lifetime_ms: number;
  /** Blocks that its sender may be behind this peer, or ahead. */
  readonly heights: number;
}

/** Two minutes, and four blocks either way. */
export const DEFAULT_ANNOUNCEMENTS: AnnouncementOptions = { lifetime_ms: 120_000, heights: 4 };

/** Version, time in microseconds, height. */
export const ENVELOPE_BYTES = 17;

const VERSION = 1;

/** Version (1 byte), nonce and height (8 bytes each, little endian), then the payload. Who sent it is the transport's to prove. */
export function encodeAnnouncement(nonce: number, height: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(ENVELOPE_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = VERSION;
  view.setBigUint64(1, BigInt(nonce), true);
  view.setBigUint64(9, BigInt(height), true);
  bytes.set(payload, ENVELOPE_BYTES);
  return bytes;
}

/** Reads an envelope; null when it is not one. */
export function decodeAnnouncement(
  bytes: Uint8Array,
): { readonly nonce: number; readonly height: number; readonly payload: Uint8Array } | null {
  if (bytes.length < ENVELOPE_BYTES || bytes[0] !== VERSION) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [nonce, height] = [Number(view.getBigUint64(1, true)), Number(view.getBigUint64(9, true))];
  if (!Number.isSafeInteger(nonce) || !Number.isSafeInteger(height)) return null;
  return { nonce, height, payload: bytes.slice(ENVELOPE_BYTES) };
}

/** What the filter knows of this peer and of senders. */
export interface AnnouncementContext {
  readonly self: PeerKey;
  readonly clock: Clock;
  readonly isMember: (key: PeerKey) => boolean;
  /** Blocks of the ledger as this peer knows it. */
  readonly height: () => number;
}

/** Decides which announcements count. It remembers something of members only. */
export class AnnouncementFilter {
  readonly #context: AnnouncementContext;
  readonly #options: AnnouncementOptions;
  readonly #replay: NonceWindow;

  constructor(context: AnnouncementContext, options: AnnouncementOptions = DEFAULT_ANNOUNCEMENTS) {
    this.#context = context;
    this.#options = options;
    this.#replay = new NonceWindow(context.clock, options.lifetime_ms);
  }

  /** The payload, or why it does not count. The order is the contract: nothing of one without stake is read. */
  check(from: PeerKey, bytes: Uint8Array): { readonly payload: Uint8Array; readonly height: number } | { readonly refused: RefusalReason } {
    const { self, clock, isMember, height } = this.#context;
    if (from === self) return { refused: 'own' };
    if (!isMember(from)) return { refused: 'noStake' };
    const announcement = decodeAnnouncement(bytes);
    if (announcement === null) return { refused: 'malformed' };
    if (Math.abs(clock.now() * 1000 - announcement.nonce) > this.#options.lifetime_ms * 1000) return { refused: 'expired' };
    if (Math.abs(height() - announcement.height) > this.#options.heights) return { refused: 'height' };
    if (!this.#replay.accept(from, announcement.nonce)) return { refused: 'replay' };
    return { payload: announcement.payload, height: announcement.height };
  }
}
