/**
 * The ledger's columns, cut into immutable pages of 64 slots. A change copies one page and shares the rest, so that a state is a
 * value: a refused transaction or a lost race simply drops the new one. Pages carry their Merkle hash once it is known.
 */
import type { Row } from './rows.js';
import { NONE, PAGE } from './units.js';

/** Keys, liquid balances and nonces of 64 accounts. Accounts are never removed: a nonce must never start again. */
export interface AccountPage {
  readonly keys: readonly string[];
  readonly balances: BigUint64Array;
  readonly nonces: Uint32Array;
  /** Slot of the participant this account is, or NONE. */
  readonly slots: Uint32Array;
  hash?: Uint8Array;
}

/** What a commitment to a row remembers until it is revealed. */
export interface Commitment {
  readonly hash: string;
  readonly height: number;
}

/** Who holds 64 participant slots, and since when. */
export interface ParticipantPage {
  /** Account of the participant; NONE where the slot is free. */
  readonly accounts: Uint32Array;
  /** Next free slot, where the slot is free. */
  readonly nextFree: Uint32Array;
  readonly registeredAt: Uint32Array;
  /** Block of the last change of the row; 0 before the first. */
  readonly lastSet: Uint32Array;
  readonly endpoints: readonly string[];
  readonly commitments: readonly (Commitment | null)[];
  hash?: Uint8Array;
}

/** Bonded stake and last ranking of 64 slots: [stake x 64, ranking low words x 64, ranking high words x 64]. */
export interface StandingPage {
  readonly words: BigUint64Array;
  hash?: Uint8Array;
}

/** Hashes of the 64 rows, one behind the other, as far as they are known; those in `stale` are not. */
export interface RowHashes {
  readonly bytes: Uint8Array;
  readonly stale: readonly number[];
}

/** Rows of 64 slots as sparse lists one behind the other; free slots have an empty list. */
export interface SparseRowPage {
  readonly kind: 'sparse';
  readonly start: Uint32Array;
  readonly targets: Uint32Array;
  readonly weights: Uint32Array;
  hashes?: RowHashes;
  hash?: Uint8Array;
}

/** Rows of 64 slots as a dense block of `width` weights each: half the bytes once most entries are positive. */
export interface DenseRowPage {
  readonly kind: 'dense';
  readonly width: number;
  readonly weights: Uint32Array;
  hashes?: RowHashes;
  hash?: Uint8Array;
}

export type RowPage = SparseRowPage | DenseRowPage;

export const EMPTY_ROW: Row = { targets: new Uint32Array(0), weights: new Uint32Array(0) };

export function emptyAccountPage(): AccountPage {
  return {
    keys: new Array<string>(PAGE).fill(''),
    balances: new BigUint64Array(PAGE),
    nonces: new Uint32Array(PAGE),
    slots: new Uint32Array(PAGE).fill(NONE),
  };
}

export function emptyParticipantPage(): ParticipantPage {
  return {
    accounts: new Uint32Array(PAGE).fill(NONE),
    nextFree: new Uint32Array(PAGE).fill(NONE),
    registeredAt: new Uint32Array(PAGE),
    lastSet: new Uint32Array(PAGE),
    endpoints: new Array<string>(PAGE).fill(''),
    commitments: new Array<Commitment | null>(PAGE).fill(null),
  };
}

export function emptyStandingPage(): StandingPage {
  return { words: new BigUint64Array(3 * PAGE) };
}

export function emptyRowPage(): RowPage {
  return { kind: 'sparse', start: new Uint32Array(PAGE + 1), targets: new Uint32Array(0), weights: new Uint32Array(0) };
}

/** The row at `index` of a page. Sparse rows share the page's memory: callers never write to them. */
export function rowAt(page: RowPage, index: number): Row {
  if (page.kind === 'sparse') {
    const from = page.start[index];
    const to = page.start[index + 1];
    return { targets: page.targets.subarray(from, to), weights: page.weights.subarray(from, to) };
  }
  const parts = page.weights.subarray(index * page.width, (index + 1) * page.width);
  let count = 0;
  for (let j = 0; j < parts.length; j++) if (parts[j] !== 0) count++;
  const targets = new Uint32Array(count);
  const weights = new Uint32Array(count);
  for (let j = 0, at = 0; j < parts.length; j++) {
    if (parts[j] !== 0) {
      targets[at] = j;
      weights[at++] = parts[j];
    }
  }
  return { targets, weights };
}

/** A page from 64 rows, in the form that takes fewer bytes. Which form is chosen never shows in the state root. */
export function rowPage(rows: readonly Row[]): RowPage {
  let entries = 0;
  let width = 0;
  for (const row of rows) {
    entries += row.targets.length;
    if (row.targets.length > 0) width = Math.max(width, row.targets[row.targets.length - 1] + 1);
  }
  if (2 * entries > PAGE * width) return denseRowPage(rows, width);
  const start = new Uint32Array(PAGE + 1);
  const targets = new Uint32Array(entries);
  const weights = new Uint32Array(entries);
  let at = 0;
  for (let index = 0; index < PAGE; index++) {
    const row = rows[index] ?? EMPTY_ROW;
    targets.set(row.targets, at);
    weights.set(row.weights, at);
    at += row.targets.length;
    start[index + 1] = at;
  }
  return { kind: 'sparse', start, targets, weights };
}

function denseRowPage(rows: readonly Row[], width: number): DenseRowPage {
  const weights = new Uint32Array(PAGE * width);
  rows.forEach((row, index) => {
    for (let k = 0; k < row.targets.length; k++) weights[index * width + row.targets[k]] = row.weights[k];
  });
  return { kind: 'dense', width, weights };
}

/** A page with one row replaced. */
export function withRow(page: RowPage, index: number, row: Row): RowPage {
  const next = replaced(page, index, row) ?? rowPage(Array.from({ length: PAGE }, (_, at) => (at === index ? row : rowAt(page, at))));
  if (page.hashes !== undefined) next.hashes = { bytes: page.hashes.bytes, stale: [...page.hashes.stale, index] };
  return next;
}

/** The page with one row replaced where it keeps its form, or undefined. */
function replaced(page: RowPage, index: number, row: Row): RowPage | undefined {
  if (page.kind === 'sparse') return spliced(page, index, row);
  const last = row.targets.length === 0 ? 0 : row.targets[row.targets.length - 1];
  if (last >= page.width || 4 * row.targets.length <= page.width) return undefined;
  const weights = page.weights.slice();
  weights.fill(0, index * page.width, (index + 1) * page.width);
  for (let k = 0; k < row.targets.length; k++) weights[index * page.width + row.targets[k]] = row.weights[k];
  return { kind: 'dense', width: page.width, weights };
}

/** Puts a row between its neighbours, which move as they are. */
function spliced(page: SparseRowPage, index: number, row: Row): SparseRowPage | undefined {
  const from = page.start[index];
  const to = page.start[index + 1];
  const grown = row.targets.length - (to - from);
  const start = page.start.slice();
  for (let at = index + 1; at <= PAGE; at++) start[at] += grown;
  const join = (column: Uint32Array, own: Uint32Array): Uint32Array => {
    const joined = new Uint32Array(column.length + grown);
    joined.set(column.subarray(0, from));
    joined.set(own, from);
    joined.set(column.subarray(to), from + own.length);
    return joined;
  };
  const targets = join(page.targets, row.targets);
  if (isDense(start, targets)) return undefined;
  return { kind: 'sparse', start, targets, weights: join(page.weights, row.weights) };
}

/** Whether a dense block takes fewer bytes than these lists. */
function isDense(start: Uint32Array, targets: Uint32Array): boolean {
  let width = 0;
  for (let at = 0; at < PAGE; at++) if (start[at + 1] > start[at]) width = Math.max(width, targets[start[at + 1] - 1] + 1);
  return 2 * targets.length > PAGE * width;
}

/** The pages with one of them replaced; a new list, the old one is untouched. */
export function withPage<P>(pages: readonly P[], index: number, page: P): readonly P[] {
  const copy = pages.slice();
  copy[index] = page;
  return copy;
}
