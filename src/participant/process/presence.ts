/** Notices participants whose connection has ended: a process that was killed says no goodbye. */
import type { PeerKey } from '../../network/index.js';

const LOOK_EVERY_MS = 1_000;

/** A connection may be replaced by another one; twice in a row without any is gone. */
const MISSES = 2;

/** Calls `onGone` once for everybody who was connected and no longer is. Returns how to stop looking. */
export function watchPresence(connected: () => readonly PeerKey[], onGone: (key: PeerKey) => void): () => void {
  const missed = new Map<PeerKey, number>();
  const look = (): void => {
    for (const [key, times] of missed) missed.set(key, times + 1);
    for (const key of connected()) missed.set(key, 0);
    for (const [key, times] of missed) {
      if (times < MISSES) continue;
      missed.delete(key);
      onGone(key);
    }
  };
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}
