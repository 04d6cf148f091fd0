/**
 * The guards: one per line, each with the code it answers. Their order is the contract, for a refused transaction names the first that
 * failed; test/ledger/guards.test.ts walks every adjacent pair.
 */
import type { Code } from './codes.js';
import { commitmentHash } from './encoding.js';
import { isAuthentic, isRotationAuthentic } from './keys.js';
import { parametersOutOfRange } from './parameters.js';
import { type Row, squaredDistance } from './rows.js';
import {
  accountOf,
  balanceOf,
  holderOf,
  nonceOf,
  participantPageOf,
  rankingOf,
  rowOf,
  type State,
  slotOf,
  slotOfKey,
  stakeOf,
} from './state.js';
import type { Action, Kind, Transaction, Weights } from './transaction.js';
import { NONE, PAGE, ROW_PARTS } from './units.js';

/** A transaction in its place: the state it meets and what was looked up about its sender. */
export interface Context<T = Transaction> {
  readonly state: State;
  readonly height: number;
  readonly tx: T;
  /** Sender's account, or NONE. */
  readonly account: number;
  /** Sender's participant slot, or NONE. */
  readonly slot: number;
  /** Slots of a sparse row's targets, and the row by slot, once a guard has needed them: see {@link resolvedRow}. */
  slots?: readonly number[];
  row?: Row;
}

type OfKind<K extends Kind> = Extract<Action, { kind: K }> & Transaction;

/** True refuses. */
type Guard<T = Transaction> = readonly [code: Code, refuses: (context: Context<T>) => boolean];

/** Guards that every well-formed transaction passes first. */
export const COMMON: readonly Guard[] = [
  ['wrong_chain', ({ state, tx }) => tx.chain !== state.chain],
  ['bad_signature', ({ tx }) => !isAuthentic(tx)],
  ['unknown_sender', ({ account }) => account === NONE],
  ['replayed', ({ state, tx, account }) => tx.nonce < nonceOf(state, account)],
  ['nonce_gap', ({ state, tx, account }) => tx.nonce > nonceOf(state, account)],
];

const REGISTERED: Guard<{ kind: Kind }> = ['not_registered', ({ slot }) => slot === NONE];
const STAKED: Guard<{ kind: Kind }> = ['below_minimum_stake', ({ state, slot }) => stakeOf(state, slot) < state.parameters.minimumStake];

/** The checks of a row itself, wherever it comes from. */
const ROW: readonly Guard<OfKind<'setWeights'> | OfKind<'revealWeights'>>[] = [
  ['rate_limited', ({ state, height, slot }) => height < nextChange(state, slot)],
  ['stale_members', ({ state, tx }) => 'members' in tx.row && (tx.row.members !== state.members || tx.row.weights.length !== state.slots)],
  ['too_many_targets', ({ state, tx }) => entries(tx.row) > state.parameters.maximumTargets],
  ['duplicate_target', ({ tx }) => 'targets' in tx.row && new Set(tx.row.targets).size !== tx.row.targets.length],
  ['unknown_target', namesStranger],
  ['row_sum', ({ tx }) => total(tx.row) !== ROW_PARTS],
  ['weight_above_maximum', ({ state, tx }) => largest(tx.row) > state.parameters.maximumWeight],
  [
    'step_too_large',
    (context) => squaredDistance(rowOf(context.state, context.slot), resolvedRow(context)) > BigInt(context.state.parameters.epsilon) ** 2n,
  ],
];

/** Guards by kind, after the common ones. */
export const GUARDS: { readonly [K in Kind]: readonly Guard<OfKind<K>>[] } = {
  register: [
    ['already_registered', ({ slot }) => slot !== NONE],
    ['below_minimum_stake', ({ state, tx }) => tx.stake < state.parameters.minimumStake],
    ['insufficient_balance', ({ state, tx, account }) => tx.stake > balanceOf(state, account)],
    ['full', ({ state, height }) => state.participants >= state.parameters.maximumParticipants && weakest(state, height) === NONE],
  ],
  unregister: [REGISTERED],
  setEndpoint: [REGISTERED],
  setWeights: [REGISTERED, ['commit_required', ({ state }) => state.parameters.rows === 'commit'], STAKED, ...ROW],
  commitWeights: [
    REGISTERED,
    ['commit_disabled', ({ state }) => state.parameters.rows === 'open'],
    STAKED,
    ['commit_pending', ({ state, height, slot }) => height <= revealUntil(state, slot)],
  ],
  revealWeights: [
    REGISTERED,
    ['commit_disabled', ({ state }) => state.parameters.rows === 'open'],
    STAKED,
    ['no_commitment', ({ state, slot }) => commitment(state, slot) === null],
    ['reveal_early', ({ state, height, slot }) => height < revealFrom(state, slot)],
    ['reveal_late', ({ state, height, slot }) => height > revealUntil(state, slot)],
    ['reveal_mismatch', ({ state, tx, slot }) => commitmentHash(tx.from, tx.row, tx.salt) !== commitment(state, slot)?.hash],
    ...ROW,
  ],
  transfer: [
    ['self_transfer', ({ tx }) => tx.to === tx.from],
    ['insufficient_balance', ({ state, tx, account }) => tx.amount > balanceOf(state, account)],
  ],
  bond: [REGISTERED, ['insufficient_balance', ({ state, tx, account }) => tx.amount > balanceOf(state, account)]],
  unbond: [REGISTERED, ['insufficient_stake', ({ state, tx, slot }) => tx.amount > stakeOf(state, slot)]],
  rotateKey: [
    ['key_in_use', ({ state, tx }) => accountOf(state, tx.newKey) !== undefined],
    ['bad_new_signature', ({ tx }) => !isRotationAuthentic(tx)],
  ],
  setParameters: [
    ['not_authority', ({ state, tx }) => tx.from !== state.parameters.authority],
    ['parameter_out_of_range', ({ state, tx }) => parametersOutOfRange({ ...state.parameters, ...tx.parameters }) !== undefined],
  ],
};

/** A well-formed transaction in its place. */
export function contextOf(state: State, tx: Transaction, height: number): Context {
  const account = accountOf(state, tx.from) ?? NONE;
  return { state, height, tx, account, slot: account === NONE ? NONE : slotOf(state, account) };
}

/** The first code that refuses a well-formed transaction, or `ok`. */
export function firstRefusal(context: Context): Code {
  const { tx } = context;
  for (const [code, refuses] of COMMON) if (refuses(context)) return code;
  for (const [code, refuses] of GUARDS[tx.kind] as readonly Guard[]) if (refuses(context)) return code;
  return 'ok';
}

/** Block in which a row may change next. A row that never changed may change at once. */
function nextChange(state: State, slot: number): number {
  const last = participantPageOf(state, slot).lastSet[slot % PAGE];
  return last === 0 ? 0 : last + state.parameters.rateLimit;
}

function commitment(state: State, slot: number) {
  return participantPageOf(state, slot).commitments[slot % PAGE];
}

function revealFrom(state: State, slot: number): number {
  return (commitment(state, slot)?.height ?? 0) + state.parameters.revealDelay;
}

/** Last block in which the open commitment can be revealed; -1 without one. */
function revealUntil(state: State, slot: number): number {
  return commitment(state, slot) === null ? -1 : revealFrom(state, slot) + state.parameters.revealWindow;
}

function entries(row: Weights): number {
  let count = 0;
  for (let index = 0; index < row.weights.length; index++) if (row.weights[index] > 0) count++;
  return count;
}

function total(row: Weights): number {
  let sum = 0;
  for (let index = 0; index < row.weights.length; index++) sum += row.weights[index];
  return sum;
}

function largest(row: Weights): number {
  let most = 0;
  for (let index = 0; index < row.weights.length; index++) most = Math.max(most, row.weights[index]);
  return most;
}

function namesStranger(context: Context<{ readonly row: Weights }>): boolean {
  const { state } = context;
  const { row } = context.tx;
  if ('targets' in row) {
    context.slots = row.targets.map((key) => slotOfKey(state, key));
    return context.slots.includes(NONE);
  }
  for (let slot = 0; slot < row.weights.length; slot++) if (row.weights[slot] > 0 && holderOf(state, slot) === NONE) return true;
  return false;
}

/** A row that passed the guards before `step_too_large`, by slot and in order. Looked up once: the transition takes the same one. */
export function resolvedRow(context: Context<{ readonly row: Weights }>): Row {
  context.row ??= bySlot(context.tx.row, context.slots);
  return context.row;
}

function bySlot(row: Weights, slots: readonly number[] | undefined): Row {
  const count = entries(row);
  const targets = new Uint32Array(count);
  const weights = new Uint32Array(count);
  let ascending = true;
  for (let index = 0, at = 0; index < row.weights.length; index++) {
    if (row.weights[index] === 0) continue;
    targets[at] = slots === undefined ? index : slots[index];
    weights[at] = row.weights[index];
    if (at > 0 && targets[at] < targets[at - 1]) ascending = false;
    at++;
  }
  return ascending ? { targets, weights } : sorted(targets, weights);
}

function sorted(targets: Uint32Array, weights: Uint32Array): Row {
  const order = targets.map((_, at) => at).sort((a, b) => targets[a] - targets[b]);
  return { targets: order.map((at) => targets[at]), weights: order.map((at) => weights[at]) };
}

/**
 * Who is pruned when a newcomer needs a place: of those past their immunity, the lowest by the last ranking, then by stake, then the
 * latest slot. NONE when all are still immune.
 */
export function weakest(state: State, height: number): number {
  let found = NONE;
  for (let slot = state.slots - 1; slot >= 0; slot--) {
    if (holderOf(state, slot) === NONE) continue;
    if (participantPageOf(state, slot).registeredAt[slot % PAGE] + state.parameters.immunity >= height) continue;
    if (found === NONE || below(state, slot, found)) found = slot;
  }
  return found;
}

function below(state: State, slot: number, other: number): boolean {
  const difference = rankingOf(state, slot) - rankingOf(state, other);
  if (difference !== 0n) return difference < 0n;
  return stakeOf(state, slot) < stakeOf(state, other);
}
