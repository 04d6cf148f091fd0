/** How many peers an outward budget in bytes pays for. */
import { InputError } from '../../core/errors.js';
import { checkNonNegative } from '../../core/validate.js';

/** Sizes that decide what one batch costs a participant in outward bytes. */
export interface BroadcastCost {
  readonly batch: number;
  /** Numbers per sample that a peer is asked with. */
  readonly inputWidth: number;
  /** Numbers per response. */
  readonly width: number;
  /** Whether gradients go back, together with the inputs they belong to. */
  readonly backward: boolean;
  /** Bytes per number on the wire. Default 4. */
  readonly bytesPerNumber?: number;
}

/** Outward payload bytes of asking one peer about every sample of one batch. */
export function bytesPerPeer(cost: BroadcastCost): number {
  const { batch, inputWidth, width, backward, bytesPerNumber = 4 } = cost;
  return batch * (inputWidth + (backward ? inputWidth + width : 0)) * bytesPerNumber;
}

/** The largest k that keeps one batch within an outward budget in bytes. */
export function peersWithinBudget(budget: number, cost: BroadcastCost, peers: number): number {
  checkNonNegative('budget', budget);
  const k = Math.min(peers, Math.floor(budget / bytesPerPeer(cost)));
  if (k >= 1) return k;
  throw new InputError('BTM_DOMAIN', `does not pay for one peer: one batch to one peer takes ${bytesPerPeer(cost)} bytes`, {
    argument: 'budget',
    value: budget,
    remedy: 'Raise the budget or make the batch smaller.',
  });
}
