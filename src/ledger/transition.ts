/** The pure transition: (state, transaction, height) -> (state, code). Integers only; no clock, no randomness, no I/O. */
import { InternalError } from '../core/errors.js';
import type { Code } from './codes.js';
import { type Context, contextOf, firstRefusal, resolvedRow, weakest } from './guards.js';
import { EMPTY_ROW, rowAt, rowPage } from './pages.js';
import { type Row, vertexRow } from './rows.js';
import {
  accountOf,
  balanceOf,
  holderOf,
  type State,
  stakeOf,
  withAccount,
  withNewAccount,
  withoutRanking,
  withParticipant,
  withRowOf,
  withSlot,
  withStake,
} from './state.js';
import { malformed, type Transaction } from './transaction.js';
import { NONE, PAGE } from './units.js';

export interface Outcome {
  readonly state: State;
  readonly code: Code;
}

/**
 * Applies one transaction. A refused one returns the very state it met, and the code of the first guard that failed.
 *
 * @param state any state
 * @param tx anything; what is not a transaction is `malformed`
 * @param height the block in which it is applied
 * @returns the next state and a code of the closed list
 * @numerics integers only
 * @paper section 1.3, 1.4
 */
export function transition(state: State, tx: unknown, height: number): Outcome {
  if (malformed(tx) !== undefined) return { state, code: 'malformed' };
  const transaction = tx as Transaction;
  const context = contextOf(state, transaction, height);
  const code = firstRefusal(context);
  if (code !== 'ok') return { state, code };
  const counted = withAccount(state, context.account, { nonce: transaction.nonce + 1 });
  return { state: apply(counted, context), code };
}

/** The effect of an admitted transaction on the state in which its nonce is counted. */
function apply(state: State, context: Context): State {
  const { tx, account, slot, height } = context;
  switch (tx.kind) {
    case 'register':
      return register(state, account, tx.endpoint, tx.stake, height);
    case 'unregister':
      return release(state, slot);
    case 'setEndpoint':
      return withParticipant(state, slot, { endpoint: tx.endpoint });
    case 'setWeights':
      return withParticipant(withRowOf(state, slot, resolvedRow(context as Context<typeof tx>)), slot, { lastSet: height });
    case 'commitWeights':
      return withParticipant(state, slot, { commitment: { hash: tx.hash, height } });
    case 'revealWeights':
      return withParticipant(withRowOf(state, slot, resolvedRow(context as Context<typeof tx>)), slot, {
        lastSet: height,
        commitment: null,
      });
    case 'transfer':
      return transfer(state, account, tx.to, tx.amount);
    case 'bond':
      return withStake(
        withAccount(state, account, { balance: balanceOf(state, account) - tx.amount }),
        slot,
        stakeOf(state, slot) + tx.amount,
      );
    case 'unbond':
      return withStake(
        withAccount(state, account, { balance: balanceOf(state, account) + tx.amount }),
        slot,
        stakeOf(state, slot) - tx.amount,
      );
    case 'rotateKey':
      return rotate(state, account, slot, tx.newKey);
    case 'setParameters': {
      const parameters = { ...state.parameters, ...tx.parameters };
      return { ...state, parameters, tau: tx.parameters.tau ?? state.tau };
    }
    default:
      throw new InternalError(`no effect for ${(tx as { kind: string }).kind}`);
  }
}

function register(state: State, account: number, endpoint: string, stake: bigint, height: number): State {
  const roomy = state.participants < state.parameters.maximumParticipants ? state : release(state, weakest(state, height));
  return enter(withAccount(roomy, account, { balance: balanceOf(roomy, account) - stake }), account, endpoint, stake, height);
}

/** Gives an account a slot with its stake. The newcomer's row stands wholly on itself, so that every row always sums to one. */
export function enter(state: State, account: number, endpoint: string, stake: bigint, height: number): State {
  const { state: placed, slot } = withSlot(state);
  let next = withAccount(placed, account, { slot });
  next = withParticipant(next, slot, { account, nextFree: NONE, registeredAt: height, lastSet: 0, endpoint, commitment: null });
  next = withStake(withRowOf(next, slot, vertexRow(slot)), slot, stake);
  return { ...next, participants: next.participants + 1, members: next.members + 1 };
}

/** Ends a participation: the stake becomes liquid, the slot stays empty until the block closes. */
function release(state: State, slot: number): State {
  const account = holderOf(state, slot);
  let next = withAccount(state, account, { balance: balanceOf(state, account) + stakeOf(state, slot), slot: NONE });
  next = withParticipant(next, slot, { account: NONE, registeredAt: 0, lastSet: 0, endpoint: '', commitment: null });
  next = withoutRanking(withStake(withRowOf(next, slot, EMPTY_ROW), slot, 0n), slot);
  return { ...next, participants: next.participants - 1, members: next.members + 1, departed: [...next.departed, slot] };
}

function transfer(state: State, from: number, to: string, amount: bigint): State {
  const paid = withAccount(state, from, { balance: balanceOf(state, from) - amount });
  const receiver = accountOf(paid, to);
  if (receiver === undefined) return withNewAccount(paid, to, amount);
  return withAccount(paid, receiver, { balance: balanceOf(paid, receiver) + amount });
}

/** Moves balance and participation to a new account. The old one stays, empty, so that its nonces are never valid again. */
function rotate(state: State, account: number, slot: number, newKey: string): State {
  const successor = state.accounts;
  let next = withNewAccount(state, newKey, balanceOf(state, account));
  next = withAccount(next, account, { balance: 0n, slot: NONE });
  const authority = next.parameters.authority;
  if (authority !== null && accountOf(state, authority) === account)
    next = { ...next, parameters: { ...next.parameters, authority: newKey } };
  if (slot === NONE) return next;
  return { ...withParticipant(withAccount(next, successor, { slot }), slot, { account: successor }), members: next.members + 1 };
}

/**
 * Closes a block: weights that still point to a slot left in this block return to their raters' own entries, and the slots become
 * free. Whoever takes one later inherits nothing.
 */
export function closeBlock(state: State): State {
  if (state.departed.length === 0) return state;
  const gone = new Set(state.departed);
  const rowPages = state.rowPages.map((page, number) => {
    let touched = false;
    const rows: Row[] = [];
    for (let at = 0; at < PAGE; at++) {
      const row = rowAt(page, at);
      const swept = row.targets.some((target) => gone.has(target)) ? sweep(row, number * PAGE + at, gone) : row;
      touched ||= swept !== row;
      rows.push(swept);
    }
    return touched ? rowPage(rows) : page;
  });
  let next: State = { ...state, rowPages, departed: [] };
  for (const slot of state.departed) next = { ...withParticipant(next, slot, { nextFree: next.freeSlot }), freeSlot: slot };
  return next;
}

function sweep(row: Row, own: number, gone: ReadonlySet<number>): Row {
  const parts = new Map<number, number>();
  let returned = 0;
  for (let k = 0; k < row.targets.length; k++) {
    if (gone.has(row.targets[k])) returned += row.weights[k];
    else parts.set(row.targets[k], row.weights[k]);
  }
  parts.set(own, (parts.get(own) ?? 0) + returned);
  const sorted = [...parts].sort((a, b) => a[0] - b[0]);
  return { targets: Uint32Array.from(sorted, (pair) => pair[0]), weights: Uint32Array.from(sorted, (pair) => pair[1]) };
}
