/** The state of a ledger: an immutable value. Readers look up; the writers of transition.ts and settle.ts make the next one. */
import { addKey, findKey, type KeyNode } from './key-index.js';
import {
  type AccountPage,
  emptyAccountPage,
  emptyParticipantPage,
  emptyRowPage,
  emptyStandingPage,
  type ParticipantPage,
  type RowPage,
  rowAt,
  type StandingPage,
  withPage,
  withRow,
} from './pages.js';
import type { Parameters } from './parameters.js';
import type { Row } from './rows.js';
import { NONE, PAGE } from './units.js';

export interface State {
  /** SHA-256 of the genesis: every transaction names it. */
  readonly chain: string;
  readonly height: number;
  readonly parameters: Parameters;
  /** Inflation in force; differs from parameters.tau only under adaptive control. */
  readonly tau: bigint;
  /** Liquid balances plus stake, exactly. */
  readonly supply: bigint;
  /** Everything minted since the genesis. */
  readonly minted: bigint;
  /** Number of registered participants: n of (4) and (5). */
  readonly participants: number;
  /** Counts changes of the list of participants; a dense row names it. */
  readonly members: number;
  /** Number of accounts and of slots in the tables. */
  readonly accounts: number;
  readonly slots: number;
  /** First free slot, or NONE; the others follow through nextFree. */
  readonly freeSlot: number;
  /** Slots left in this block; their incoming weights return to the raters when it closes. */
  readonly departed: readonly number[];
  readonly index: KeyNode;
  readonly accountPages: readonly AccountPage[];
  readonly participantPages: readonly ParticipantPage[];
  readonly standingPages: readonly StandingPage[];
  readonly rowPages: readonly RowPage[];
}

const page = (slot: number): number => Math.floor(slot / PAGE);

export function keyOf(state: State, account: number): string {
  return state.accountPages[page(account)].keys[account % PAGE];
}

/** Account number of a public key, or undefined. */
export function accountOf(state: State, key: string): number | undefined {
  return findKey(state.index, key, (account) => keyOf(state, account));
}

export function balanceOf(state: State, account: number): bigint {
  return state.accountPages[page(account)].balances[account % PAGE];
}

export function nonceOf(state: State, account: number): number {
  return state.accountPages[page(account)].nonces[account % PAGE];
}

/** Slot of an account's participant, or NONE. */
export function slotOf(state: State, account: number): number {
  return state.accountPages[page(account)].slots[account % PAGE];
}

/** Slot of the participant with this key, or NONE. */
export function slotOfKey(state: State, key: string): number {
  const account = accountOf(state, key);
  return account === undefined ? NONE : slotOf(state, account);
}

/** Account that holds a slot, or NONE. */
export function holderOf(state: State, slot: number): number {
  return state.participantPages[page(slot)].accounts[slot % PAGE];
}

export function participantPageOf(state: State, slot: number): ParticipantPage {
  return state.participantPages[page(slot)];
}

export function stakeOf(state: State, slot: number): bigint {
  return state.standingPages[page(slot)].words[slot % PAGE];
}

/** Last ranking of a slot: the sum of s_i w_ij of (5) in base units times parts per billion, before the 1/n. */
export function rankingOf(state: State, slot: number): bigint {
  const { words } = state.standingPages[page(slot)];
  return words[PAGE + (slot % PAGE)] + (words[2 * PAGE + (slot % PAGE)] << 64n);
}

/** The row of a slot; shares the state's memory. */
export function rowOf(state: State, slot: number): Row {
  return rowAt(state.rowPages[page(slot)], slot % PAGE);
}

/** What can change on an account. */
export interface AccountChange {
  readonly balance?: bigint;
  readonly nonce?: number;
  readonly slot?: number;
}

export function withAccount(state: State, account: number, change: AccountChange): State {
  const old = state.accountPages[page(account)];
  const at = account % PAGE;
  const next: AccountPage = { keys: old.keys, balances: old.balances.slice(), nonces: old.nonces.slice(), slots: old.slots.slice() };
  if (change.balance !== undefined) next.balances[at] = change.balance;
  if (change.nonce !== undefined) next.nonces[at] = change.nonce;
  if (change.slot !== undefined) next.slots[at] = change.slot;
  return { ...state, accountPages: withPage(state.accountPages, page(account), next) };
}

/** Adds an account for a key that has none; its number is the count of accounts before. */
export function withNewAccount(state: State, key: string, balance: bigint): State {
  const account = state.accounts;
  const at = account % PAGE;
  const old = state.accountPages[page(account)] ?? emptyAccountPage();
  const keys = old.keys.slice();
  keys[at] = key;
  const balances = old.balances.slice();
  balances[at] = balance;
  const accountPages = withPage(state.accountPages, page(account), { keys, balances, nonces: old.nonces, slots: old.slots });
  const lookup = (number: number): string => accountPages[page(number)].keys[number % PAGE];
  return { ...state, accounts: account + 1, accountPages, index: addKey(state.index, key, account, lookup) };
}

/** What can change on a participant. */
export interface ParticipantChange {
  readonly account?: number;
  readonly nextFree?: number;
  readonly registeredAt?: number;
  readonly lastSet?: number;
  readonly endpoint?: string;
  readonly commitment?: ParticipantPage['commitments'][number];
}

export function withParticipant(state: State, slot: number, change: ParticipantChange): State {
  const old = participantPageOf(state, slot);
  const at = slot % PAGE;
  const column = (values: Uint32Array, value: number | undefined): Uint32Array => {
    if (value === undefined) return values;
    const copy = values.slice();
    copy[at] = value;
    return copy;
  };
  const list = <T>(values: readonly T[], value: T | undefined): readonly T[] =>
    value === undefined ? values : withPage(values, at, value);
  const next: ParticipantPage = {
    accounts: column(old.accounts, change.account),
    nextFree: column(old.nextFree, change.nextFree),
    registeredAt: column(old.registeredAt, change.registeredAt),
    lastSet: column(old.lastSet, change.lastSet),
    endpoints: list(old.endpoints, change.endpoint),
    commitments: list(old.commitments, change.commitment),
  };
  return { ...state, participantPages: withPage(state.participantPages, page(slot), next) };
}

export function withStake(state: State, slot: number, stake: bigint): State {
  const words = state.standingPages[page(slot)].words.slice();
  words[slot % PAGE] = stake;
  return { ...state, standingPages: withPage(state.standingPages, page(slot), { words }) };
}

/** Forgets the last ranking of a slot, so that its next holder inherits nothing. */
export function withoutRanking(state: State, slot: number): State {
  const words = state.standingPages[page(slot)].words.slice();
  words[PAGE + (slot % PAGE)] = 0n;
  words[2 * PAGE + (slot % PAGE)] = 0n;
  return { ...state, standingPages: withPage(state.standingPages, page(slot), { words }) };
}

export function withRowOf(state: State, slot: number, row: Row): State {
  const next = withRow(state.rowPages[page(slot)], slot % PAGE, row);
  return { ...state, rowPages: withPage(state.rowPages, page(slot), next) };
}

/** Takes a free slot, or a new one at the end of the tables. */
export function withSlot(state: State): { readonly state: State; readonly slot: number } {
  if (state.freeSlot !== NONE) {
    const slot = state.freeSlot;
    return { slot, state: { ...state, freeSlot: participantPageOf(state, slot).nextFree[slot % PAGE] } };
  }
  const slot = state.slots;
  if (slot % PAGE !== 0) return { slot, state: { ...state, slots: slot + 1 } };
  return {
    slot,
    state: {
      ...state,
      slots: slot + 1,
      participantPages: [...state.participantPages, emptyParticipantPage()],
      standingPages: [...state.standingPages, emptyStandingPage()],
      rowPages: [...state.rowPages, emptyRowPage()],
    },
  };
}

/** All slots that are held, ascending. */
export function heldSlots(state: State): number[] {
  const slots: number[] = [];
  for (let slot = 0; slot < state.slots; slot++) if (holderOf(state, slot) !== NONE) slots.push(slot);
  return slots;
}
