/**
 * Audits a published row. The paper calls the weights non-auditable; with scores that are the same bits everywhere, whoever has a participant's
 * published responses, head and data recomputes its scores, and from them the one row that it should have set.
 */
import { InputError } from '../core/errors.js';
import { checkList, checkObject } from './check.js';
import { boundedStep, rowToParts, sparseRow, squaredDistance } from './rows.js';
import type { PublicKey } from './transaction.js';

/** What an audit needs to know of the ledger: rows are dense, over `keys`, in parts per billion. */
export interface PublishedRow {
  readonly keys: readonly PublicKey[];
  readonly row: ArrayLike<number>;
  /** The row that the last change replaced, where it is known. */
  readonly before?: ArrayLike<number> | undefined;
  readonly epsilon: number;
}

/**
 * `equal`: the row is the recomputed one. `underway`: it is exactly the bounded step from the row before towards the recomputed one.
 * `different`: neither.
 */
export interface Audit {
  readonly verdict: 'equal' | 'underway' | 'different';
  readonly expected: Uint32Array;
  /** Squared l2 distance of the published row from the recomputed one, in squared parts per billion. */
  readonly squaredDistance: bigint;
}

/**
 * Compares a published row with the scores that someone recomputed.
 *
 * @param published the row on the ledger
 * @param scores recomputed scores by key: the row is their share of the sum (3), by largest remainder; keys that are missing count as 0
 * @throws InputError BTM_DOMAIN for a score of a key that is not a participant, and what {@link rowToParts} throws
 * @paper section 1.3
 */
export function auditRow(published: PublishedRow, scores: ReadonlyMap<PublicKey, number>): Audit {
  checkObject('published', published);
  if (!Array.isArray(published.keys))
    throw new InputError('BTM_TYPE', 'must be an array', { argument: 'published.keys', value: published.keys });
  checkList('published.row', published.row);
  if (Object.prototype.toString.call(scores) !== '[object Map]')
    throw new InputError('BTM_TYPE', 'must be a Map', { argument: 'scores', value: scores });
  for (const key of scores.keys()) {
    if (!published.keys.includes(key))
      throw new InputError('BTM_DOMAIN', `has a score for ${String(key)}, which is not a participant`, { argument: 'scores' });
  }
  const expected = rowToParts(published.keys.map((key) => scores.get(key) ?? 0));
  const distance = squaredDistance(sparseRow(published.row), sparseRow(expected));
  if (distance === 0n) return { verdict: 'equal', expected, squaredDistance: distance };
  const { before } = published;
  const step = before === undefined ? undefined : boundedStep(before, expected, published.epsilon);
  const underway = step?.every((part, at) => part === published.row[at]) ?? false;
  return { verdict: underway ? 'underway' : 'different', expected, squaredDistance: distance };
}
