/** Notices participants whose connection has ended: a process that was killed says no goodbye. */
import type { PeerKey } from '../network/index.js';

const LOOK_EVERY_MS = 1_000;

/** A connection may be replaced by another one; twice in a row without any is gone. */
const MISSES = 2;

/** Where to look. */
export interface PresenceOptions {
  /** Those who should be there. */
  readonly expected: () => readonly PeerKey[];
  /** Those who are. */
  readonly connected: () => readonly PeerKey[];
  readonly onGone: (key: PeerKey) => void;
}

/** Looks every second. Returns how to stop looking. */
export function watchPresence({ expected, connected, onGone }: PresenceOptions): () => void {
  let missed = new Map<PeerKey, number>();
  const look = (): void => {
    const here = new Set(connected());
    const absent = expected().filter((key) => !here.has(key));
    missed = new Map(absent.map((key) => [key, (missed.get(key) ?? 0) + 1]));
    for (const [key, times] of missed) if (times >= MISSES) onGone(key);
  };
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}
