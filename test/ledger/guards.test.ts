/**
 * The order of the guards is the contract. For every kind of transaction each guard is broken alone, and then together with every later one: the
 * answer must be the earlier. Every code of the closed list is reached.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';
import { genesisState } from '../../src/ledger/genesis.js';
import {
  CODES,
  type Code,
  commitmentHash,
  createKey,
  type Parameters,
  rotationBytes,
  type SigningKey,
  signBytes,
  signTransaction,
  TOKEN,
  type Transaction,
  type UnsignedTransaction,
  type Weights,
} from '../../src/ledger/index.js';
import { accountOf, type State, slotOfKey, withAccount, withParticipant } from '../../src/ledger/state.js';
import type { Action, Kind } from '../../src/ledger/transaction.js';
import { closeBlock, transition } from '../../src/ledger/transition.js';

const named = (n: number): SigningKey => createKey(new Uint8Array(32).fill(n));
const [sender, peer, gone, stranger, fresh] = [1, 2, 3, 4, 5].map(named);
const CHAIN = 'ab'.repeat(32);
const HEIGHT = 100;

/** A transaction that would be accepted, in the world it meets; breakers spoil one thing each. */
interface Case {
  known: boolean;
  registered: boolean;
  stake: bigint;
  balance: bigint;
  lastSet: number;
  commitmentHeight: number | null;
  parameters: Partial<Parameters>;
  action: Action;
  form: 'sparse' | 'dense';
  row: { self: number; peer: number; stray: number; twice: boolean; staleMembers: boolean };
  nonce: number;
  chain: string;
  spoil: ('extra-field' | 'signature' | 'new-signature' | 'commitment')[];
}

const NONCE = 5;

function goodCase(kind: Kind): Case {
  const row: Weights = { targets: [], weights: [] };
  const actions: { [K in Kind]: Extract<Action, { kind: K }> } = {
    register: { kind: 'register', endpoint: 'tcp://host:1', stake: 2n * TOKEN },
    unregister: { kind: 'unregister' },
    setEndpoint: { kind: 'setEndpoint', endpoint: 'tcp://host:2' },
    setWeights: { kind: 'setWeights', row },
    commitWeights: { kind: 'commitWeights', hash: 'cd'.repeat(32) },
    revealWeights: { kind: 'revealWeights', row, salt: '77'.repeat(32) },
    transfer: { kind: 'transfer', to: peer.publicKey, amount: TOKEN },
    bond: { kind: 'bond', amount: TOKEN },
    unbond: { kind: 'unbond', amount: TOKEN },
    rotateKey: { kind: 'rotateKey', newKey: fresh.publicKey, newSignature: '' },
    setParameters: { kind: 'setParameters', parameters: { epsilon: 300_000_000 } },
  };
  const committing = kind === 'commitWeights' || kind === 'revealWeights';
  return {
    known: true,
    registered: kind !== 'register',
    stake: 10n * TOKEN,
    balance: 10n * TOKEN,
    lastSet: 0,
    commitmentHeight: kind === 'revealWeights' ? HEIGHT - 2 : null,
    parameters: { rows: committing ? 'commit' : 'open', authority: sender.publicKey },
    action: actions[kind],
    form: 'sparse',
    row: { self: 900_000_000, peer: 100_000_000, stray: 0, twice: false, staleMembers: false },
    nonce: NONCE,
    chain: CHAIN,
    spoil: [],
  };
}

/** How to make each guard fail and, as far as possible, no other. */
const BREAKERS: { readonly [code in Code]?: (c: Case) => void } = {
  malformed: (c) => c.spoil.push('extra-field'),
  wrong_chain: (c) => {
    c.chain = 'ef'.repeat(32);
  },
  bad_signature: (c) => c.spoil.push('signature'),
  unknown_sender: (c) => {
    c.known = false;
  },
  replayed: (c) => {
    c.nonce = NONCE - 1;
  },
  nonce_gap: (c) => {
    c.nonce = NONCE + 1;
  },
  not_authority: (c) => {
    c.parameters = { ...c.parameters, authority: peer.publicKey };
  },
  not_registered: (c) => {
    c.registered = false;
  },
  already_registered: (c) => {
    c.registered = true;
  },
  commit_required: (c) => {
    c.parameters = { ...c.parameters, rows: 'commit' };
  },
  commit_disabled: (c) => {
    c.parameters = { ...c.parameters, rows: 'open' };
  },
  below_minimum_stake: (c) => {
    if (c.action.kind === 'register') c.action = { ...c.action, stake: 1n };
    else c.stake = 1n;
  },
  rate_limited: (c) => {
    c.lastSet = HEIGHT;
  },
  commit_pending: (c) => {
    c.commitmentHeight = HEIGHT - 1;
  },
  no_commitment: (c) => {
    c.commitmentHeight = null;
  },
  reveal_early: (c) => {
    c.commitmentHeight = HEIGHT;
  },
  reveal_late: (c) => {
    c.commitmentHeight = HEIGHT - 50;
  },
  reveal_mismatch: (c) => c.spoil.push('commitment'),
  stale_members: (c) => {
    c.form = 'dense';
    c.row.staleMembers = true;
  },
  too_many_targets: (c) => {
    c.parameters = { ...c.parameters, maximumTargets: 1 };
  },
  duplicate_target: (c) => {
    c.row.twice = true;
  },
  unknown_target: (c) => {
    c.row.stray = 1_000;
    c.row.peer -= 1_000;
  },
  row_sum: (c) => {
    c.row.self -= 1;
  },
  weight_above_maximum: (c) => {
    c.parameters = { ...c.parameters, maximumWeight: 500_000_000 };
  },
  step_too_large: (c) => {
    c.parameters = { ...c.parameters, epsilon: 1_000 };
  },
  self_transfer: (c) => {
    if (c.action.kind === 'transfer') c.action = { ...c.action, to: sender.publicKey };
  },
  insufficient_balance: (c) => {
    c.balance = 0n;
  },
  insufficient_stake: (c) => {
    if (c.action.kind === 'unbond') c.action = { ...c.action, amount: 11n * TOKEN };
  },
  full: (c) => {
    c.parameters = { ...c.parameters, maximumParticipants: 1, immunity: 1_000 };
  },
  key_in_use: (c) => {
    if (c.action.kind === 'rotateKey') c.action = { ...c.action, newKey: peer.publicKey };
  },
  bad_new_signature: (c) => c.spoil.push('new-signature'),
  parameter_out_of_range: (c) => {
    c.action = { kind: 'setParameters', parameters: { epsilon: 0 } };
  },
};

/** The contract, as docs/concepts/ledger.md tells it: written out here, so that no change of the code moves it. */
const FIRST: readonly Code[] = ['malformed', 'wrong_chain', 'bad_signature', 'unknown_sender', 'replayed', 'nonce_gap'];
const ROW: readonly Code[] = [
  'rate_limited',
  'stale_members',
  'too_many_targets',
  'duplicate_target',
  'unknown_target',
  'row_sum',
  'weight_above_maximum',
  'step_too_large',
];
const ORDER: { readonly [kind in Kind]: readonly Code[] } = {
  register: ['already_registered', 'below_minimum_stake', 'insufficient_balance', 'full'],
  unregister: ['not_registered'],
  setEndpoint: ['not_registered'],
  setWeights: ['not_registered', 'commit_required', 'below_minimum_stake', ...ROW],
  commitWeights: ['not_registered', 'commit_disabled', 'below_minimum_stake', 'commit_pending'],
  revealWeights: [
    'not_registered',
    'commit_disabled',
    'below_minimum_stake',
    'no_commitment',
    'reveal_early',
    'reveal_late',
    'reveal_mismatch',
    ...ROW,
  ],
  transfer: ['self_transfer', 'insufficient_balance'],
  bond: ['not_registered', 'insufficient_balance'],
  unbond: ['not_registered', 'insufficient_stake'],
  rotateKey: ['key_in_use', 'bad_new_signature'],
  setParameters: ['not_authority', 'parameter_out_of_range'],
};

/** Pairs that cannot both be wrong about one transaction, and why. */
const EXCLUSIVE: readonly (readonly [Code, Code, string])[] = [
  ['replayed', 'nonce_gap', 'a nonce is not both below and above the next one'],
  ['no_commitment', 'reveal_early', 'without a commitment there is no delay'],
  ['no_commitment', 'reveal_late', 'without a commitment there is no window'],
  ['reveal_early', 'reveal_late', 'the window opens after the delay'],
  ['stale_members', 'duplicate_target', 'a dense row names every slot once'],
];

function world(c: Case): State {
  const participants = [peer, gone].map((key) => ({ key: key.publicKey, stake: 10n * TOKEN }));
  const mine = { key: sender.publicKey, balance: c.balance };
  let state = genesisState(
    {
      participants: c.known && c.registered ? [{ ...mine, stake: c.stake }, ...participants] : participants,
      accounts: [{ key: stranger.publicKey, balance: TOKEN }, ...(c.known && !c.registered ? [mine] : [])],
    },
    CHAIN,
  );
  // One participant leaves, so that the table has a free slot.
  const leave = signTransaction({ kind: 'unregister', chain: CHAIN, from: gone.publicKey, nonce: 0 }, gone);
  state = closeBlock(transition(state, leave, 1).state);
  state = { ...state, height: HEIGHT, parameters: { ...state.parameters, ...c.parameters } };
  const account = accountOf(state, sender.publicKey);
  if (account !== undefined) state = withAccount(state, account, { nonce: NONCE });
  return state;
}

function rowOfCase(c: Case, state: State): Weights {
  const { self, peer: other, stray, twice, staleMembers } = c.row;
  if (c.form === 'dense') {
    const weights = new Uint32Array(state.slots);
    const mine = slotOfKey(state, sender.publicKey);
    if (mine < state.slots) weights[mine] = self;
    weights[slotOfKey(state, peer.publicKey)] = other;
    if (stray > 0) weights[state.freeSlot] = stray;
    return { members: staleMembers ? state.members - 1 : state.members, weights };
  }
  const targets = [sender.publicKey, peer.publicKey];
  const weights = [self, other];
  if (stray > 0) {
    targets.push(gone.publicKey);
    weights.push(stray);
  }
  if (twice) {
    targets.push(peer.publicKey);
    weights.push(0);
  }
  return { targets, weights };
}

function meet(c: Case): Code {
  let state = world(c);
  let action = c.action;
  if (action.kind === 'setWeights' || action.kind === 'revealWeights') action = { ...action, row: rowOfCase(c, state) };
  if (action.kind === 'rotateKey') {
    const newKey = action.newKey === peer.publicKey ? peer : fresh;
    const proof = signBytes(rotationBytes(c.chain, sender.publicKey, c.nonce, action.newKey), newKey);
    action = { ...action, newSignature: c.spoil.includes('new-signature') ? 'ee'.repeat(64) : proof };
  }
  const slot = slotOfKey(state, sender.publicKey);
  if (slot < state.slots) {
    state = withParticipant(state, slot, { lastSet: c.lastSet });
    if (c.commitmentHeight !== null) {
      const honest = action.kind === 'revealWeights' ? commitmentHash(sender.publicKey, action.row, action.salt) : 'cd'.repeat(32);
      const hash = c.spoil.includes('commitment') ? '00'.repeat(32) : honest;
      state = withParticipant(state, slot, { commitment: { hash, height: c.commitmentHeight } });
    }
  }
  let tx = signTransaction({ ...action, chain: c.chain, from: sender.publicKey, nonce: c.nonce } as UnsignedTransaction, sender);
  if (c.spoil.includes('signature')) tx = { ...tx, signature: 'aa'.repeat(64) };
  if (c.spoil.includes('extra-field')) tx = { ...tx, note: 'x' } as unknown as Transaction;
  const outcome = transition(state, tx, HEIGHT);
  if (outcome.code !== 'ok' && outcome.state !== state) throw new Error('a refused transaction changed the state');
  return outcome.code;
}

const isExclusive = (a: Code, b: Code): boolean => EXCLUSIVE.some(([x, y]) => x === a && y === b);

const reached = new Set<Code>();
let pairs = 0;
for (const kind of Object.keys(ORDER) as Kind[]) {
  t.test(`guards of ${kind}`, async (t) => {
    const good = meet(goodCase(kind));
    t.equal(good, 'ok', 'nothing broken: accepted');
    reached.add(good);
    const order: readonly Code[] = [...FIRST, ...ORDER[kind]];
    t.equal(new Set(order).size, order.length, 'no guard twice');
    const broken = (...codes: Code[]): Code => {
      const c = goodCase(kind);
      for (const code of codes) BREAKERS[code]?.(c);
      return meet(c);
    };
    order.forEach((first, at) => {
      const alone = broken(first);
      t.equal(alone, first, `${first} alone`);
      reached.add(alone);
      for (const second of order.slice(at + 1)) {
        if (isExclusive(first, second)) continue;
        pairs++;
        const both = broken(first, second);
        if (both !== first || order[at + 1] === second) t.equal(both, first, `${first} comes before ${second}`);
      }
    });
  });
}

t.test('every code of the closed list is reached', async (t) => {
  t.same([...reached].sort(), Object.keys(CODES).sort());
  t.comment(`${pairs} ordered pairs checked, ${EXCLUSIVE.length} kinds of pairs exclude one another`);
});

/** Codes as the documentation lists them, in back quotes. */
const quoted = (text: string): string[] => [...text.matchAll(/`([a-z_]+)`/g)].map((match) => match[1] as string);

t.test('the documentation tells the same order', async (t) => {
  const page = readFileSync(join(packageRoot, 'docs/concepts/ledger.md'), 'utf8');
  t.same(quoted(/^First, for every kind: (.*)$/m.exec(page)?.[1] ?? '').slice(0, FIRST.length), [...FIRST]);
  t.same(quoted(/^The guards of a row: (.*)$/m.exec(page)?.[1] ?? ''), [...ROW]);
  for (const kind of Object.keys(ORDER) as Kind[]) {
    const row = new RegExp(`^\\| \`${kind}\` \\|[^|]*\\|([^|]*)\\|$`, 'm').exec(page)?.[1] ?? '';
    const told = [...quoted(row), ...(row.includes('the guards of a row') ? ROW : [])];
    t.same(told, [...ORDER[kind]], kind);
  }
});
