/** Seeded random histories: rules, keys and actions, some of which must be refused. The same seed gives the same history everywhere. */
import { RandomStream } from '../../src/core/random.js';
import {
  type Action,
  boundedStep,
  commitmentHash,
  createKey,
  type Emission,
  type Genesis,
  type LedgerView,
  type Parameters,
  ROW_PARTS,
  rotationBytes,
  rowToParts,
  type SigningKey,
  signBytes,
  TOKEN,
  type Weights,
} from '../../src/ledger/index.js';

const KEYS: SigningKey[] = [];

/** The n-th test key. */
export function testKey(n: number): SigningKey {
  for (let at = KEYS.length; at <= n; at++) {
    const seed = new Uint8Array(32);
    new DataView(seed.buffer).setUint32(0, at + 1);
    KEYS.push(createKey(seed));
  }
  return KEYS[n];
}

export class Workload {
  readonly genesis: Genesis;
  private readonly random: RandomStream;
  private readonly keys: SigningKey[];
  private readonly salts = new Map<string, { row: Weights; salt: string }>();
  private nextKey: number;

  constructor(
    readonly seed: number,
    readonly participants = 4,
    overrides: Partial<Parameters> = {},
  ) {
    this.random = new RandomStream(seed, 1);
    const people = participants + 3;
    this.keys = Array.from({ length: people }, (_, n) => testKey(n));
    this.nextKey = people;
    const amount = (): bigint => BigInt(this.random.integer(50)) * TOKEN + BigInt(this.random.integer(1_000_000_000));
    this.genesis = {
      note: `workload ${seed}`,
      parameters: { ...this.rules(), ...overrides },
      participants: this.keys.slice(0, participants).map((key) => ({ key: key.publicKey, stake: amount(), balance: amount() })),
      accounts: this.keys.slice(participants).map((key) => ({ key: key.publicKey, balance: amount() })),
    };
  }

  private pick<T>(items: readonly T[]): T {
    return items[this.random.integer(items.length)];
  }

  private rules(): Partial<Parameters> {
    const emission = this.pick<Emission>(['l1', 'l2', 'none']);
    return {
      emission,
      tau: emission === 'none' ? BigInt(this.random.integer(1_000_000_000)) : BigInt(this.random.integer(3_000_000_000)),
      tauGain: this.pick([0n, 0n, 1_000_000n, 400_000_000n]),
      tauMaximum: 5n * TOKEN,
      epsilon: this.pick([50_000_000, 250_000_000, 1_000_000_000]),
      minimumStake: this.pick([0n, TOKEN]),
      rateLimit: this.pick([1, 1, 3]),
      maximumParticipants: this.participants + this.random.integer(2),
      immunity: this.random.integer(4),
      rows: this.pick(['open', 'open', 'commit']),
      revealDelay: 1,
      revealWindow: 2,
      authority: this.keys[0].publicKey,
    };
  }

  private amount(most: bigint): bigint {
    const share = BigInt(this.random.integer(1_100_000));
    return (most * share) / 1_000_000n + 1n;
  }

  /** A row that the ledger may accept, or one that is wrong on purpose. */
  private row(view: LedgerView, key: SigningKey): Weights {
    const people = view.participants();
    const dense = this.random.integer(3) === 0;
    const scores = new Float64Array(view.slots);
    for (const person of people) if (this.random.integer(3) > 0) scores[person.slot] = this.random.uniform();
    scores[people[0].slot] += 1e-3;
    const self = view.participant(key.publicKey);
    const wish = rowToParts(scores);
    const legal = self !== undefined && this.random.integer(8) > 0;
    const parts = legal ? boundedStep(view.denseRow(key.publicKey), wish, view.parameters.epsilon) : wish;
    if (this.random.integer(12) === 0) parts[people[0].slot] = (parts[people[0].slot] + 1) % ROW_PARTS;
    if (dense) return { members: view.members, weights: parts };
    return { targets: people.map((person) => person.key), weights: people.map((person) => parts[person.slot]) };
  }

  /** The next request and who signs it, given the state inside the open block. */
  next(view: LedgerView): { readonly key: SigningKey; readonly action: Action } {
    const key = this.pick(this.keys);
    const balance = view.balance(key.publicKey);
    const stake = view.stake(key.publicKey);
    const roll = this.random.integer(100);
    if (roll < 45) return this.rowRequest(view, key);
    if (roll < 55) return { key, action: { kind: 'bond', amount: this.amount(balance) } };
    if (roll < 65) return { key, action: { kind: 'unbond', amount: this.amount(stake) } };
    if (roll < 75) return { key, action: { kind: 'transfer', to: this.pick(this.keys).publicKey, amount: this.amount(balance) } };
    if (roll < 85) return { key, action: { kind: 'register', endpoint: `tcp://h:${roll}`, stake: this.amount(balance) } };
    if (roll < 90) return { key, action: { kind: 'unregister' } };
    if (roll < 93) return { key, action: { kind: 'setEndpoint', endpoint: `tcp://h:${this.random.integer(99)}` } };
    if (roll < 96) return this.rotation(view, key);
    const parameters: Partial<Parameters> =
      this.random.integer(4) === 0 ? { epsilon: 0 } : { tau: BigInt(this.random.integer(2_000_000_000)) };
    return { key, action: { kind: 'setParameters', parameters } };
  }

  private rowRequest(view: LedgerView, key: SigningKey): { key: SigningKey; action: Action } {
    if (view.participants().length === 0) return { key, action: { kind: 'unregister' } };
    const open = this.salts.get(key.publicKey);
    if (open !== undefined && this.random.integer(2) === 0) {
      this.salts.delete(key.publicKey);
      return { key, action: { kind: 'revealWeights', ...open } };
    }
    const row = this.row(view, key);
    if (view.parameters.rows === 'open' || this.random.integer(10) === 0) return { key, action: { kind: 'setWeights', row } };
    const salt = this.random.nextUint32().toString(16).padStart(64, '0');
    this.salts.set(key.publicKey, { row, salt });
    return { key, action: { kind: 'commitWeights', hash: commitmentHash(key.publicKey, row, salt) } };
  }

  private rotation(view: LedgerView, key: SigningKey): { key: SigningKey; action: Action } {
    const successor = testKey(this.nextKey++);
    const bytes = rotationBytes(view.chain, key.publicKey, view.nonce(key.publicKey), successor.publicKey);
    this.keys.push(successor);
    return { key, action: { kind: 'rotateKey', newKey: successor.publicKey, newSignature: signBytes(bytes, successor) } };
  }

  /** How many requests the next block gets. */
  blockSize(): number {
    return this.random.integer(6);
  }
}
