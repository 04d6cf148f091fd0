/** Searches as bytes: the state, the trace so far, and a digest of the game and rules they belong to. */
import { createHash } from 'node:crypto';
import { InputError } from '../core/errors.js';
import { type RunSettings, stateLength } from '../reference/equilibrium.js';
import { gameTerms } from './game.js';
import type { Game, RecordRule, TraceEntry } from './types.js';

const DIGEST_BYTES = 32;
const NUMBERS = 4; // step, residual, diagonal share, diagonal ratio

/** Little-endian doubles behind a SHA-256 of everything that must agree for a resumed run to be the same run. */
export function encodeCheckpoint(
  values: Float64Array,
  trace: readonly TraceEntry[],
  game: Game,
  settings: RunSettings,
  record: RecordRule,
): Uint8Array {
  const rows = trace.flatMap((entry) => [
    entry.step,
    entry.residual,
    entry.diagonalShare,
    entry.diagonalRatio ?? Number.POSITIVE_INFINITY,
    ...(entry.ranking ?? []),
    ...(entry.weights ?? []),
  ]);
  const numbers = Float64Array.of(...values, ...rows);
  const out = new Uint8Array(DIGEST_BYTES + 8 * numbers.length);
  out.set(digestOf(game, settings, record));
  const view = new DataView(out.buffer, DIGEST_BYTES);
  for (let k = 0; k < numbers.length; k++) view.setFloat64(8 * k, numbers[k], true);
  return out;
}

/** The state and trace of a checkpoint of this very run. */
export function decodeCheckpoint(
  bytes: Uint8Array,
  game: Game,
  settings: RunSettings,
  record: RecordRule,
): { values: Float64Array; trace: TraceEntry[] } {
  const length = stateLength(game.n);
  const { n } = game;
  const width = NUMBERS + (keepsRanking(record) ? n : 0) + (keepsWeights(record) ? n * n : 0);
  const count = (bytes.length - DIGEST_BYTES) / 8;
  const digest = digestOf(game, settings, record);
  const isOurs = count >= length && (count - length) % width === 0 && digest.every((byte, k) => bytes[k] === byte);
  if (!isOurs) {
    throw new InputError('BTM_DOMAIN', 'is not a state of this game, method, stopping rule and record rule', {
      argument: 'resume',
      value: bytes.length,
      remedy: 'Pass the options of the run that wrote it.',
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + DIGEST_BYTES);
  const numbers = Float64Array.from({ length: count }, (_, k) => view.getFloat64(8 * k, true));
  const trace: TraceEntry[] = [];
  for (let at = length; at < count; at += width) trace.push(entryOf(numbers.subarray(at, at + width), n, record));
  return { values: numbers.slice(0, length), trace };
}

function entryOf(row: Float64Array, n: number, record: RecordRule): TraceEntry {
  const [step, residual, diagonalShare, ratio] = row;
  const ranking = keepsRanking(record) ? { ranking: row.slice(NUMBERS, NUMBERS + n) } : {};
  const weights = keepsWeights(record) ? { weights: row.slice(row.length - n * n) } : {};
  return { step, residual, diagonalShare, diagonalRatio: Number.isFinite(ratio) ? ratio : null, ...ranking, ...weights };
}

/** Whether R is kept of each record. */
export function keepsRanking(record: RecordRule): boolean {
  return record.ranking ?? true;
}

/** Whether W is kept of each record. */
export function keepsWeights(record: RecordRule): boolean {
  return record.weights ?? false;
}

function digestOf(game: Game, settings: RunSettings, record: RecordRule): Uint8Array {
  const hash = createHash('sha256').update('intermodel search 1');
  const { storage, rank, own, data } = game.hessians;
  const numbers = { ...gameTerms(game), ...settings, n: game.n, storage, rank, own, every: record.every ?? 0 };
  hash.update(JSON.stringify({ ...numbers, ranking: keepsRanking(record), weights: keepsWeights(record) }));
  for (const array of [data, game.initialWeights, game.stake, game.referenceMask]) {
    hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  }
  return hash.digest();
}
