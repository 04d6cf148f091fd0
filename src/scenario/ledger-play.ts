/** The same strategies on the integer ledger: signed transactions through its real guards, stake by its own settlement. */
import { checkInteger, checkNonNegative } from '../core/validate.js';
import {
  boundedStep,
  createKey,
  type Ledger,
  memoryStore,
  openLedger,
  type Parameters,
  ROW_PARTS,
  rowToParts,
  type SigningKey,
  signTransaction,
  sparseRow,
  TOKEN,
} from '../ledger/index.js';
import { type Cast, castOf, checkCoalition, HISTORY_BLOCKS, type Moment, type Players, writtenRow } from './members.js';
import type { Member } from './world.js';

export interface LedgerPlayOptions extends Omit<Players, 'entryCost' | 'loudest' | 'quotient'> {
  readonly blocks: number;
  /** Tokens of inflation in a block; a player holds one at the start on average. */
  readonly tau: number;
  /** Rules of the ledger beside tau. Default: emission l1, no least stake, no bound on the step of a row. */
  readonly parameters?: Partial<Omit<Parameters, 'tau'>>;
}

/** What came of a scenario on the ledger. */
export interface LedgerPlay {
  readonly members: readonly Member[];
  /** [blocks + 1, players]: tokens held at the end of each block, identities of a player together. */
  readonly stake: Float64Array;
  /** Codes of the transactions that the guards refused, with how often. */
  readonly refused: Readonly<Record<string, number>>;
  /** Merkle root of the last state: the same on every machine. */
  readonly root: string;
}

/** sqrt(2) in parts per billion, rounded down: the longest way between two rows. */
const UNBOUNDED = Math.floor(Math.SQRT2 * ROW_PARTS);

/**
 * Plays a scenario on a ledger in memory.
 *
 * What strategies write for block 0 stands in the genesis. In block h they see the stake at the end of block h - 1; what they write
 * counts from block h + 1 on, as on any ledger. A row farther away than the ledger allows is approached in steps.
 * @returns stake over time, and what the guards refused
 * @throws InputError BTM_DOMAIN, BTM_TYPE naming the option
 * @numerics exact integers once a row is written; a row is rounded to parts per billion
 * @paper sections 1.3 and 1.4; (5), (6), R-09
 * @example
 * ```ts
 * import { hoarder, playOnLedger, worldOfRows } from 'intermodel/scenario';
 *
 * // Two players; the first gives everything to itself, the second half to each.
 * const { stake } = await playOnLedger({ world: worldOfRows([1, 3, 2, 2], 2), coalition: [0], strategy: hoarder, blocks: 1, tau: 1 });
 * console.log(stake); // Float64Array [1, 1, 1.75, 1.25]
 * ```
 */
export async function playOnLedger(options: LedgerPlayOptions): Promise<LedgerPlay> {
  const { world } = options;
  checkCoalition(options.coalition, world.players);
  const blocks = checkInteger('blocks', options.blocks, 1, 1_000_000);
  const { cast, stake: first } = castOf(options);
  const { members } = cast;
  const keys = members.map((_, i) => createKey(seedOf(i)));
  const history = [cast.measured];
  let rows = wantedRows(cast, { block: 0, history, stake: first });
  const ledger = await openLedger({ store: memoryStore(), genesis: genesisOf(options, keys, first, rows) });
  const out = new Float64Array((blocks + 1) * world.players);
  const refused: Record<string, number> = {};
  addStake(out, 0, members, stakesOf(ledger, keys));
  for (let block = 1; block <= blocks; block++) {
    history.unshift(asNumbers(rows));
    if (history.length > HISTORY_BLOCKS) history.pop();
    const wanted = wantedRows(cast, { block, history, stake: stakesOf(ledger, keys) });
    rows = rows.map((row, i) => submitRow(ledger, keys[i]!, row, wanted[i]!, refused));
    await ledger.closeBlock();
    addStake(out, block * world.players, members, stakesOf(ledger, keys));
  }
  return { members, stake: out, refused, root: ledger.state().root() };
}

function wantedRows(cast: Cast, moment: Moment): Uint32Array[] {
  return cast.members.map((_, i) => rowToParts(writtenRow(cast, moment, i)));
}

/** Submits a row, or the nearest one that the bound allows; returns the row that stands afterwards. */
function submitRow(
  ledger: Ledger,
  key: SigningKey,
  current: Uint32Array,
  wanted: Uint32Array,
  refused: Record<string, number>,
): Uint32Array {
  if (wanted.every((weight, j) => weight === current[j])) return current;
  const state = ledger.state();
  const next = boundedStep(current, wanted, state.parameters.epsilon);
  const row = { members: state.members, weights: next };
  const envelope = { chain: ledger.chain, from: key.publicKey, nonce: state.nonce(key.publicKey) };
  const { code } = ledger.submit(signTransaction({ kind: 'setWeights', row, ...envelope }, key));
  if (code === 'ok') return next;
  refused[code] = (refused[code] ?? 0) + 1;
  return current;
}

function genesisOf(options: LedgerPlayOptions, keys: readonly SigningKey[], stake: Float64Array, rows: readonly Uint32Array[]) {
  const tau = BigInt(Math.round(checkNonNegative('tau', options.tau) * Number(TOKEN)));
  return {
    parameters: { emission: 'l1' as const, minimumStake: 0n, epsilon: UNBOUNDED, ...options.parameters, tau },
    participants: keys.map((key, i) => ({
      key: key.publicKey,
      stake: BigInt(Math.round(stake[i]! * Number(TOKEN))),
      row: sparseRow(rows[i]!),
    })),
  };
}

/** Keys by position, so that a scenario has the same ledger to the byte wherever it is played. */
function seedOf(i: number): Uint8Array {
  const seed = new Uint8Array(32);
  new DataView(seed.buffer).setUint32(0, i + 1);
  return seed;
}

function stakesOf(ledger: Ledger, keys: readonly SigningKey[]): Float64Array {
  const state = ledger.state();
  return Float64Array.from(keys, ({ publicKey }) => Number(state.stake(publicKey)) / Number(TOKEN));
}

function asNumbers(rows: readonly Uint32Array[]): Float64Array {
  const n = rows.length;
  return Float64Array.from({ length: n * n }, (_, at) => rows[Math.floor(at / n)]![at % n]! / ROW_PARTS);
}

function addStake(out: Float64Array, at: number, members: readonly Member[], stake: Float64Array): void {
  for (const [i, { player }] of members.entries()) out[at + player]! += stake[i]!;
}
