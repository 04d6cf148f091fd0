/** A batch of responses over a head: sizes, baselines, and who answered, checked once for all that reads them. */

import type { Backend } from './backend/index.js';
import { InputError } from './core/errors.js';
import { typedArrayKind } from './core/typed-arrays.js';
import { checkFinite, checkInteger, checkStored, checkVector, type NumericArray } from './core/validate.js';
import { type Head, type PreparedHead, prepareHead } from './head-prepared.js';

/** A head over a batch of responses. */
export interface HeadOptions {
  readonly head: Head;
  /** [batch, sum of widths]: [batch, peers, width] where all peers have one width. */
  readonly responses: NumericArray;
  readonly batch: number;
  readonly peers: number;
  /** Responses of every peer; or pass `widths`. */
  readonly width?: number;
  /** [peers], responses of each peer. */
  readonly widths?: ArrayLike<number>;
  /**
   * [sum of widths], what stands in for a peer that is removed or that did not answer; for instance the mean of its responses. Default:
   * zeros, with which a constant moved from a response into the head's bias changes the scores.
   */
  readonly baseline?: NumericArray;
  /** [batch, peers] or [peers], false or 0 where a peer gave no answer: its responses are not read. Default: all answered. */
  readonly answered?: ArrayLike<boolean | number>;
  readonly backend?: Backend;
}

/** A validated batch; arrays that were not given are empty. */
export interface CheckedBatch {
  readonly head: PreparedHead;
  readonly responses: Float64Array | Float32Array;
  readonly inputs: number;
  readonly outputs: number;
  readonly widths: Int32Array;
  readonly baseline: Float64Array;
  readonly answered: Int32Array;
  readonly batch: number;
  readonly peers: number;
}

const MAX_SIZE = 2 ** 31 - 1;

/**
 * Checks sizes, head and the shape of the responses. Whether each of the many responses is finite is settled by the kernel that reads
 * them, at no cost (src/reference/curvature-kernels.ts): pass what it returns to {@link checkResponses}.
 */
export function checkBatch(options: HeadOptions): CheckedBatch {
  const batch = checkInteger('batch', options.batch, 0, MAX_SIZE);
  const peers = checkInteger('peers', options.peers, 1, MAX_SIZE);
  const widths = checkWidths(options, peers);
  const inputs = checkInteger('peers * width', sumOf(widths), 1, MAX_SIZE);
  const responses = checkStored('responses', options.responses, batch * inputs);
  const baseline = options.baseline === undefined ? NO_NUMBERS : checkVector('baseline', options.baseline, inputs);
  const answered = options.answered === undefined ? NO_INTEGERS : checkFlags('answered', options.answered, batch, peers);
  const head = prepareHead(options.head, inputs);
  return { head, responses, inputs, outputs: head.outputs, widths, baseline, answered, batch, peers };
}

export const NO_NUMBERS = new Float64Array(0);
export const NO_INTEGERS = new Int32Array(0);

function checkWidths(options: HeadOptions, peers: number): Int32Array {
  if (options.widths === undefined) {
    const width = checkInteger('width', options.width, 1, MAX_SIZE);
    checkInteger('peers * width', peers * width, 1, MAX_SIZE);
    return equalWidths(peers, width);
  }
  const { widths } = options;
  if (options.width !== undefined) {
    throw new InputError('BTM_DOMAIN', 'excludes width', { argument: 'widths', remedy: 'Pass one or the other.' });
  }
  if (typedArrayKind(widths) === undefined && !Array.isArray(widths)) {
    throw new InputError('BTM_TYPE', 'must be an array of integers', { argument: 'widths', value: widths });
  }
  if (widths.length !== peers) {
    throw new InputError('BTM_SHAPE', `must have one entry per peer, ${peers}, got ${widths.length}`, {
      argument: 'widths',
      value: widths.length,
    });
  }
  return Int32Array.from({ length: peers }, (_, i) => checkInteger(`widths[${i}]`, widths[i], 1, MAX_SIZE));
}

let lastWidths = new Int32Array(0);

/** [peers] of one width; kept, because calls of one kind follow one another and nothing writes to it. */
function equalWidths(peers: number, width: number): Int32Array {
  if (lastWidths.length !== peers || lastWidths[0] !== width) lastWidths = new Int32Array(peers).fill(width);
  return lastWidths;
}

function sumOf(values: Int32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** Flags of 0 and 1, [batch, peers]; one row [peers] stands for all samples. */
function checkFlags(argument: string, value: unknown, batch: number, peers: number): Int32Array {
  if (typedArrayKind(value) === undefined && !Array.isArray(value)) {
    throw new InputError('BTM_TYPE', 'must be an array of flags', { argument, value });
  }
  const given = value as ArrayLike<unknown>;
  if (given.length !== peers && given.length !== batch * peers) {
    throw new InputError('BTM_SHAPE', `must have length ${peers} or ${batch * peers}, got ${given.length}`, {
      argument,
      value: given.length,
    });
  }
  for (let index = 0; index < given.length; index++) {
    const flag = given[index];
    if (flag !== true && flag !== false && flag !== 0 && flag !== 1) {
      throw new InputError('BTM_TYPE', 'must be true, false, 0 or 1', { argument, index, value: flag });
    }
  }
  const flags = new Int32Array(batch * peers);
  for (let index = 0; index < flags.length; index++) flags[index] = Number(given[index % given.length]);
  return flags;
}

/** What {@link checkResponses} needs of a batch. */
export type Answers = Pick<CheckedBatch, 'responses' | 'answered' | 'widths' | 'peers'>;

/** Refuses responses that are not finite; looks at them only when the kernel did not find its first layer finite. */
export function checkResponses(finite: boolean, data: Answers): void {
  if (!finite) checkFinite('responses', fillUnanswered(data, NO_NUMBERS));
}

/** The responses with what stands in for the peers that did not answer: their baselines, or zeros. */
export function fillUnanswered({ responses, answered, widths, peers }: Answers, baseline: Float64Array): Float64Array | Float32Array {
  if (answered.length === 0) return responses;
  const filled = new Float64Array(responses);
  let at = 0;
  let column = 0;
  for (let cell = 0; cell < answered.length; cell++) {
    const peer = cell % peers;
    if (peer === 0) column = 0;
    if (answered[cell] === 0) {
      for (let k = 0; k < widths[peer]; k++) filled[at + k] = baseline.length === 0 ? 0 : baseline[column + k];
    }
    at += widths[peer];
    column += widths[peer];
  }
  return filled;
}
