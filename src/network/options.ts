/** What a peer of the network is made of, and what its calls take. */
import type { AnnouncementOptions } from './announcements.js';
import type { BanOptions } from './bans.js';
import type { Clock } from './clock.js';
import type { DeadlineOptions } from './deadline.js';
import type { RefusalReason, SenderRefusals } from './refusals.js';
import type { ReplayGuard } from './replay.js';
import type { ServiceOptions } from './service.js';
import type { TaskFailure } from './supervisor.js';
import type { PeerKey, Transport } from './types.js';

/** What a peer is made of. */
export interface NetworkOptions {
  readonly transport: Transport;
  /** What this peer serves. Left out: it only asks. */
  readonly service?: ServiceOptions;
  readonly deadline?: Partial<DeadlineOptions>;
  readonly bans?: Partial<BanOptions>;
  /** Calls under way to one peer; more fail at once with `busy`, so that a stalled peer cannot fill the memory. */
  readonly maxInFlight?: number;
  readonly clock?: Clock;
  /** Replaces the replay guard; for simulations. */
  readonly replay?: ReplayGuard;
  /** Who holds stake: the announcements of others are not heard. Default: as the service says; without one, none does. */
  readonly stakeOf?: (key: PeerKey) => bigint;
  /** Blocks of the ledger as this peer knows it; announcements carry it. Default: always 0. */
  readonly height?: () => number;
  /** When the announcements of others count. */
  readonly announcements?: Partial<AnnouncementOptions>;
  /** Told when a listener or another task that nothing awaits fails. */
  readonly onTaskFailure?: (failure: TaskFailure) => void;
}

/** Hears what a holder of stake announced, and at which height of the ledger it says it did. */
export type AnnouncementHandler = (from: PeerKey, topic: string, payload: Uint8Array, height: number) => unknown;

/** What this peer turned away, and what failed in it. */
export interface RefusalReport {
  readonly byReason: Readonly<Partial<Record<RefusalReason, number>>>;
  readonly bySender: readonly SenderRefusals[];
  /** Failures of tasks that nothing awaits, by kind. */
  readonly taskFailures: Readonly<Record<string, number>>;
}

/** Options of one call. */
export interface CallOptions {
  /** Wait this long. Left out: adaptive (median plus deviation of this peer's answers, bounded). */
  readonly deadline_ms?: number;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
  /** Asks even a banned peer. */
  readonly ignoreBan?: boolean;
}

/** Options of a query. */
export interface QueryOptions extends CallOptions {
  /** Numbers per response row; another shape is refused. Left out: any [batch, d]. */
  readonly width?: number;
}
