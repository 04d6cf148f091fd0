/** What outsiders read: states, rows and settlements by public key. Everything returned is a fresh copy. */
import { InputError } from '../core/errors.js';
import { checkKey } from './check.js';
import type { Parameters } from './parameters.js';
import { wideAt } from './processor.js';
import { stateRoot } from './root.js';
import { denseRow } from './rows.js';
import { diagonalRatio, type Settlement } from './settle.js';
import {
  accountOf,
  balanceOf,
  heldSlots,
  holderOf,
  keyOf,
  nonceOf,
  participantPageOf,
  rowOf,
  type State,
  slotOf,
  stakeOf,
} from './state.js';
import type { PublicKey } from './transaction.js';
import { NONE, PAGE, ROW_PARTS } from './units.js';

export interface ParticipantView {
  readonly key: PublicKey;
  readonly endpoint: string;
  /** Bonded stake, base units. */
  readonly stake: bigint;
  readonly slot: number;
  /** Block of the registration. */
  readonly registeredAt: number;
  /** Block of the last change of the row, 0 before the first. */
  readonly lastSet: number;
}

/** A row by key, in parts per billion. */
export interface RowView {
  readonly targets: PublicKey[];
  readonly weights: Uint32Array;
}

/** The matrix W over the participants in the order of their slots, in parts per billion. */
export interface WeightsView {
  readonly keys: PublicKey[];
  /** @shape [n, n]; row = rater, column = ranked */
  readonly parts: Uint32Array;
}

/** A state as outsiders read it. */
export class LedgerView {
  constructor(private readonly from: State) {}

  get chain(): string {
    return this.from.chain;
  }
  get height(): number {
    return this.from.height;
  }
  get parameters(): Parameters {
    return { ...this.from.parameters };
  }
  /** Liquid balances plus stake: start + everything minted, exactly. */
  get supply(): bigint {
    return this.from.supply;
  }
  /** Everything minted since the genesis. */
  get minted(): bigint {
    return this.from.minted;
  }
  /** Inflation per block in force. */
  get tau(): bigint {
    return this.from.tau;
  }
  /** Count of changes of the list of participants; dense rows name it. */
  get members(): number {
    return this.from.members;
  }
  /** Slots of the table, held or free: the length of a dense row. */
  get slots(): number {
    return this.from.slots;
  }

  /** Merkle root of the state. */
  root(): string {
    return stateRoot(this.from);
  }

  /** Participants in the order of their slots. */
  participants(): ParticipantView[] {
    return heldSlots(this.from).map((slot) => this.participantAt(slot));
  }

  /** One participant, or undefined. */
  participant(key: PublicKey): ParticipantView | undefined {
    const slot = this.slot(key);
    return slot === NONE ? undefined : this.participantAt(slot);
  }

  /** Bonded stake of a key, 0 for strangers. */
  stake(key: PublicKey): bigint {
    const slot = this.slot(key);
    return slot === NONE ? 0n : stakeOf(this.from, slot);
  }

  /** Liquid balance of a key, 0 for strangers. */
  balance(key: PublicKey): bigint {
    const account = accountOf(this.from, checkKey('key', key));
    return account === undefined ? 0n : balanceOf(this.from, account);
  }

  /** The nonce that the next transaction of this key must carry. */
  nonce(key: PublicKey): number {
    const account = accountOf(this.from, checkKey('key', key));
    return account === undefined ? 0 : nonceOf(this.from, account);
  }

  /** The row of a participant. @throws InputError BTM_TYPE, and BTM_DOMAIN when the key is not a participant */
  row(key: PublicKey): RowView {
    const row = rowOf(this.from, this.heldSlot(key));
    return { targets: Array.from(row.targets, (target) => this.keyAt(target)), weights: row.weights.slice() };
  }

  /** W as one dense matrix; only for numbers of participants whose square fits in memory. */
  weights(): WeightsView {
    const slots = heldSlots(this.from);
    const position = new Map(slots.map((slot, at) => [slot, at]));
    const n = slots.length;
    const parts = new Uint32Array(n * n);
    slots.forEach((slot, rater) => {
      const row = rowOf(this.from, slot);
      row.targets.forEach((target, k) => {
        parts[rater * n + (position.get(target) as number)] = row.weights[k];
      });
    });
    return { keys: slots.map((slot) => this.keyAt(slot)), parts };
  }

  /**
   * A row by slot, as `setWeights` with `members` takes it.
   *
   * @shape `[slots]`
   * @throws InputError BTM_TYPE, and BTM_DOMAIN when the key is not a participant
   */
  denseRow(key: PublicKey): Uint32Array {
    return denseRow(rowOf(this.from, this.heldSlot(key)), this.from.slots);
  }

  private heldSlot(key: PublicKey): number {
    const slot = this.slot(key);
    if (slot === NONE) throw new InputError('BTM_DOMAIN', 'is not a participant', { argument: 'key', value: key });
    return slot;
  }

  private slot(key: PublicKey): number {
    checkKey('key', key);
    const account = accountOf(this.from, key);
    return account === undefined ? NONE : slotOf(this.from, account);
  }

  private keyAt(slot: number): PublicKey {
    return keyOf(this.from, holderOf(this.from, slot));
  }

  private participantAt(slot: number): ParticipantView {
    const page = participantPageOf(this.from, slot);
    const at = slot % PAGE;
    return {
      key: this.keyAt(slot),
      endpoint: page.endpoints[at],
      stake: stakeOf(this.from, slot),
      slot,
      registeredAt: page.registeredAt[at],
      lastSet: page.lastSet[at],
    };
  }
}

/** One block's ranking and payment, participant by participant, in the order of their slots. */
export interface RankingView {
  readonly height: number;
  readonly keys: PublicKey[];
  /** Sum of s_i w_ij, in base units times parts per billion: exact. R_j of (5) is this / (n * 10^9). */
  readonly exact: bigint[];
  /** R_j of (5) in tokens, rounded to a double for people and plots. */
  readonly ranking: Float64Array;
  /** Stake before the payment, and what was paid, in base units. */
  readonly stake: bigint[];
  readonly paid: bigint[];
  readonly minted: bigint;
  readonly supply: bigint;
  readonly tau: bigint;
  /** trace(W) / (total - trace) in parts per billion (R-20, in words); null when every row is wholly on its own diagonal. */
  readonly diagonalRatio: bigint | null;
}

/** Joins a settlement with the state it was computed from. */
export function rankingView(before: State, settlement: Settlement): RankingView {
  const slots = heldSlots(before);
  const exact = slots.map((slot) => wideAt(settlement.ranking, slot));
  const unit = settlement.participants * ROW_PARTS * 1e9;
  return {
    height: settlement.height,
    keys: slots.map((slot) => keyOf(before, holderOf(before, slot))),
    exact,
    ranking: Float64Array.from(exact, (value) => Number(value) / unit),
    stake: slots.map((slot) => stakeOf(before, slot)),
    paid: slots.map((slot) => settlement.paid[slot]),
    minted: settlement.minted,
    supply: settlement.supply,
    tau: settlement.tau,
    diagonalRatio: diagonalRatio(before),
  };
}
