/** Searches as bytes: what they belong to, the state, the trace so far, and a checksum over all of it. */

import { createHash } from 'node:crypto';
import { InputError } from '../core/errors.js';
import type { PeerHessians } from '../core/peers.js';
import { isUint8Array } from '../core/typed-arrays.js';
import { stateLength } from '../reference/search-values.js';
import { gameTerms } from './game.js';
import type { RecordedRun } from './record.js';
import { checkedMethod } from './settings.js';
import type { Game, Method, TraceEntry } from './types.js';

const MAGIC = 'IMSEARCH';
const FORMAT = 2;
const HEADER_AT = MAGIC.length + 4;
const CHECKSUM_BYTES = 32;
const NUMBERS = 4; // step, residual, diagonal share, diagonal ratio

/** What fixes the path of a search, by the names that a caller knows; limits and records are not among them. */
type Identity = Readonly<Record<string, string | number>>;

interface Header {
  readonly format: number;
  readonly n: number;
  readonly identity: Identity;
  /** Steps between the records of the trace. */
  readonly every: number;
  /** For each entry of the trace, whether it holds R and W. */
  readonly entries: readonly (readonly [boolean, boolean])[];
}

/** Magic, length of the header, header, numbers (little endian), SHA-256 of everything before it. */
export function encodeCheckpoint(values: Float64Array, run: RecordedRun, game: Game, method: Method): Uint8Array {
  const header: Header = {
    format: FORMAT,
    n: game.n,
    identity: identityOf(game, method),
    every: run.every,
    entries: run.trace.map((entry) => [entry.ranking !== undefined, entry.weights !== undefined]),
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const parts = [values, ...run.trace.flatMap(numbersOf)];
  const count = parts.reduce((sum, part) => sum + part.length, 0);
  const out = new Uint8Array(HEADER_AT + text.length + 8 * count + CHECKSUM_BYTES);
  const view = new DataView(out.buffer);
  out.set(new TextEncoder().encode(MAGIC));
  view.setUint32(MAGIC.length, text.length, true);
  out.set(text, HEADER_AT);
  let at = HEADER_AT + text.length;
  for (const part of parts) {
    for (const number of part) {
      view.setFloat64(at, number, true);
      at += 8;
    }
  }
  out.set(checksum(out.subarray(0, at)), at);
  return out;
}

function numbersOf(entry: TraceEntry): Float64Array[] {
  const { step, residual, diagonalShare, diagonalRatio, ranking, weights } = entry;
  const numbers = Float64Array.of(step, residual, diagonalShare, diagonalRatio ?? Number.POSITIVE_INFINITY);
  return [numbers, ...(ranking === undefined ? [] : [ranking]), ...(weights === undefined ? [] : [weights])];
}

/** The state and trace of a checkpoint of this very game and method; refused by name where they differ. */
export function decodeCheckpoint(bytes: Uint8Array, game: Game, method: Method): { values: Float64Array; trace: TraceEntry[] } {
  if (!isUint8Array(bytes)) throw damaged('must be a Uint8Array');
  const { header, numbers } = unpack(bytes);
  const wanted = identityOf(game, method);
  for (const name of Object.keys({ ...wanted, ...header.identity })) {
    if (wanted[name] === header.identity[name]) continue;
    throw new InputError('BTM_DOMAIN', `belongs to a run with another ${name}`, {
      argument: 'resume',
      value: header.identity[name],
      remedy: `Pass the ${name} of the run that wrote it, or start anew without resume.`,
    });
  }
  const { n } = game;
  const length = stateLength(n);
  const trace: TraceEntry[] = [];
  let at = length;
  for (const [hasRanking, hasWeights] of header.entries) {
    const width = NUMBERS + (hasRanking ? n : 0) + (hasWeights ? n * n : 0);
    trace.push(entryOf(numbers.subarray(at, at + width), n, hasRanking, hasWeights));
    at += width;
  }
  if (at !== numbers.length) throw damaged('holds another number of records than it says');
  const last = trace.at(-1);
  // the end of a run is recorded as well; where the run continues, it is a record like any other or none
  if (last !== undefined && (header.every === 0 || last.step % header.every !== 0)) trace.pop();
  return { values: numbers.slice(0, length), trace };
}

function unpack(bytes: Uint8Array): { header: Header; numbers: Float64Array } {
  const end = bytes.length - CHECKSUM_BYTES;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = new TextDecoder().decode(bytes.subarray(0, MAGIC.length));
  if (magic !== MAGIC || end < HEADER_AT) throw damaged('is not a state that solveEquilibrium wrote, or of an older version');
  const sum = checksum(bytes.subarray(0, end));
  if (!sum.every((byte, k) => bytes[end + k] === byte)) throw damaged('is damaged: its checksum does not fit');
  const textEnd = HEADER_AT + view.getUint32(MAGIC.length, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(HEADER_AT, textEnd))) as Header;
  if (header.format !== FORMAT) throw damaged(`has format ${header.format}, this version reads ${FORMAT}`);
  const numbers = new Float64Array((end - textEnd) / 8);
  for (let k = 0; k < numbers.length; k++) numbers[k] = view.getFloat64(textEnd + 8 * k, true);
  return { header, numbers };
}

function damaged(message: string): InputError {
  return new InputError('BTM_DOMAIN', message, { argument: 'resume', remedy: 'Start anew, or resume from another checkpoint.' });
}

function entryOf(row: Float64Array, n: number, hasRanking: boolean, hasWeights: boolean): TraceEntry {
  const [step, residual, diagonalShare, ratio] = row;
  const ranking = hasRanking ? { ranking: row.slice(NUMBERS, NUMBERS + n) } : {};
  const weights = hasWeights ? { weights: row.slice(row.length - n * n) } : {};
  return { step, residual, diagonalShare, diagonalRatio: Number.isFinite(ratio) ? ratio : null, ...ranking, ...weights };
}

function identityOf(game: Game, method: Method): Identity {
  const { temperature, lossFactor, rankFactor, shiftGradient, openDiagonal, clip } = gameTerms(game);
  const prices = { 'game.alpha and tau': `${lossFactor} ${rankFactor}` };
  const { hessians, initialWeights, stake, referenceMask } = game;
  return {
    'game.n': game.n,
    'game.temperature': temperature,
    ...prices,
    'game.shiftGradient': shiftGradient,
    'game.openDiagonal': openDiagonal,
    'game.projection': clip,
    'game.hessian': hessianDigest(hessians),
    'game.initialWeights': digest(initialWeights),
    'game.stake': digest(stake),
    'game.reference': digest(referenceMask),
    ...Object.fromEntries(Object.entries(checkedMethod(method)).map(([name, value]) => [`method.${name}`, value])),
  };
}

const hessianDigests = new WeakMap<PeerHessians, string>();

/** Reads all of H, so it is taken once for each. */
function hessianDigest(hessians: PeerHessians): string {
  const { data, storage, rank, own } = hessians;
  const found = hessianDigests.get(hessians) ?? `${storage} ${rank} ${own} ${digest(data)}`;
  hessianDigests.set(hessians, found);
  return found;
}

/** In pieces, because a hash takes at most 2 GiB at once. */
function digest(array: Float64Array): string {
  const hash = createHash('sha256');
  const piece = 2 ** 27;
  for (let at = 0; at < array.length; at += piece) {
    const part = array.subarray(at, at + piece);
    hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  }
  return hash.digest('hex');
}

function checksum(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
