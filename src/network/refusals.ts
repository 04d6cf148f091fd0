/** What was turned away, counted by reason and sender in bounded memory. */
import type { PeerKey, RefusalReason, SenderRefusals } from './types.js';

export type { RefusalReason, SenderRefusals };

/** Members told apart. */
const MEMBERS = 4096;

/** Strangers told apart; the quietest is merged with the rest when another comes. */
const STRANGERS = 64;

type Counts = Map<RefusalReason, number>;

/** Counts refusals. The sum over senders equals the sum over reasons, however many senders there were. */
export class RefusalLog {
  readonly #reasons: Counts = new Map();
  readonly #members = new Map<PeerKey, Counts>();
  readonly #strangers = new Map<PeerKey, Counts>();
  readonly #rest: Counts = new Map();
  readonly #unknown: Counts = new Map();

  /**
   * Counts one refusal.
   *
   * @param from the sender's key; null before it has shown one.
   * @param member whether it holds stake.
   */
  count(reason: RefusalReason, from: PeerKey | null, member: boolean): void {
    add(this.#reasons, reason, 1);
    add(this.#of(from, member), reason, 1);
  }

  /** By reason. */
  byReason(): Readonly<Partial<Record<RefusalReason, number>>> {
    return Object.fromEntries(this.#reasons);
  }

  /** By sender, most first; senders told apart no longer come together as `strangers`. */
  bySender(): readonly SenderRefusals[] {
    const listed = [...this.#members, ...this.#strangers].map(([sender, counts]) => entry(sender, counts));
    for (const [sender, counts] of [['strangers', this.#rest] as const, ['unknown', this.#unknown] as const]) {
      if (counts.size > 0) listed.push(entry(sender, counts));
    }
    return listed.sort((a, b) => b.total - a.total);
  }

  #of(from: PeerKey | null, member: boolean): Counts {
    if (from === null) return this.#unknown;
    const own = member ? this.#members : this.#strangers;
    const known = own.get(from);
    if (known !== undefined) return known;
    if (member && own.size >= MEMBERS) return this.#rest;
    if (!member && own.size >= STRANGERS) this.#mergeQuietest();
    const fresh: Counts = new Map();
    own.set(from, fresh);
    return fresh;
  }

  #mergeQuietest(): void {
    let [quietest, least] = ['', Number.POSITIVE_INFINITY];
    for (const [key, counts] of this.#strangers) {
      const sum = total(counts);
      if (sum < least) [quietest, least] = [key, sum];
    }
    for (const [reason, count] of this.#strangers.get(quietest) ?? []) add(this.#rest, reason, count);
    this.#strangers.delete(quietest);
  }
}

/** Two counts of the same kind as one. */
export function mergeSenders(lists: readonly (readonly SenderRefusals[])[]): readonly SenderRefusals[] {
  const merged = new Map<SenderRefusals['sender'], Counts>();
  for (const { sender, reasons } of lists.flat()) {
    const counts = merged.get(sender) ?? new Map();
    for (const [reason, count] of Object.entries(reasons)) add(counts, reason as RefusalReason, count);
    merged.set(sender, counts);
  }
  return [...merged].map(([sender, counts]) => entry(sender, counts)).sort((a, b) => b.total - a.total);
}

/** The same by reason alone. */
export function countReasons(senders: readonly SenderRefusals[]): Partial<Record<RefusalReason, number>> {
  const counts: Counts = new Map();
  for (const { reasons } of senders) for (const [reason, count] of Object.entries(reasons)) add(counts, reason as RefusalReason, count);
  return Object.fromEntries(counts);
}

function add(counts: Counts, reason: RefusalReason, count: number): void {
  counts.set(reason, (counts.get(reason) ?? 0) + count);
}

function total(counts: Counts): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}

function entry(sender: SenderRefusals['sender'], counts: Counts): SenderRefusals {
  return { sender, total: total(counts), reasons: Object.fromEntries(counts) };
}
