/** Product-key gates: choosing among rows * columns peers at the price of rows + columns. */

import { backendOf } from './backend/index.js';
import type { Backend } from './backend/types.js';
import { InputError } from './core/errors.js';
import { typedArrayKind } from './core/typed-arrays.js';
import { checkInteger, checkNonNegativeVector, checkVector, type NumericArray } from './core/validate.js';
import { type Answered, checkAnswered } from './gating.js';

/** The two codebooks of a product-key gate: peer i * columns + j has the key [first_i, second_j]. */
export interface ProductKeys {
  /** Codes [rows, width] for the left half of a query. */
  readonly first: NumericArray;
  /** Codes [columns, width] for the right half. */
  readonly second: NumericArray;
  readonly rows: number;
  readonly columns: number;
  /** Numbers per code; a query has twice as many. */
  readonly width: number;
}

/** What {@link productKeyGate} takes. */
export interface ProductKeyGateOptions extends ProductKeys {
  /** Queries [batch, 2 width]. */
  readonly query: NumericArray;
  /** How many peers are chosen per sample, 1 to peers. */
  readonly k: number;
  /** Peers with an index below this exist. Default: rows * columns. */
  readonly peers?: number;
  /** Who answered: [peers] or [batch, peers]. Default: all peers. */
  readonly answered?: Answered;
  /** Default 1. */
  readonly batch?: number;
  readonly backend?: Backend;
}

/** The best k peers of each sample, best first. */
export interface ProductKeyChoice {
  /** [batch, k] peer indices; -1 where fewer than k answered. */
  readonly selected: Int32Array;
  /** [batch, k] softmax over the chosen; 0 where `selected` is -1. */
  readonly weights: Float64Array;
  /** [batch, k] key scores; 0 where `selected` is -1. */
  readonly scores: Float64Array;
}

/** Peer indices travel as 32-bit integers. */
const MOST_PEERS = 2 ** 31 - 1;

/**
 * The best k of rows * columns peers by the score first_i . left + second_j . right, weighted by a softmax over the chosen.
 *
 * The result is that of scoring and sorting every key. Equal scores go to the better row code, then the better column code;
 * equal code scores go to the lower index.
 *
 * @shape query [batch, 2 width], first [rows, width], second [columns, width], answered [peers] or [batch, peers]
 * @param options - See {@link ProductKeyGateOptions}.
 * @returns {@link ProductKeyChoice}, new arrays.
 * @throws InputError BTM_SHAPE, BTM_TYPE, BTM_NONFINITE, BTM_DOMAIN; BTM_ALL_MASKED with the sample that no peer answered.
 * @numerics Binary64, the same bits on every backend; code scores are chains of fused multiply-adds.
 * @cost O((rows + columns) * width + (k + masked keys visited) * rows) per sample, against rows * columns * 2 width for all keys.
 * @paper R-18; Lample et al., Large memory layers with product keys.
 * @example
 * ```ts
 * import { productKeyGate } from 'intermodel';
 * const codes = [1, -1];
 * const { selected } = productKeyGate({ query: [1, 1], first: codes, second: codes, rows: 2, columns: 2, width: 1, k: 1 });
 * console.log(selected[0]); // 0
 * ```
 */
export function productKeyGate(options: ProductKeyGateOptions): ProductKeyChoice {
  const keys = checkKeys(options);
  const { rows, columns, width } = keys;
  const batch = checkInteger('batch', options.batch ?? 1, 0);
  const peers = checkInteger('peers', options.peers ?? rows * columns, 1, rows * columns);
  const k = checkInteger('k', options.k, 1, peers);
  const query = checkVector('query', options.query, batch * 2 * width);
  const answered = checkAnswered(options.answered, batch, peers);
  const selected = new Int32Array(batch * k);
  const weights = new Float64Array(batch * k);
  const scores = new Float64Array(batch * k);
  const { kernels } = backendOf(options.backend);
  kernels.productKeyGate(selected, weights, scores, query, keys.first, keys.second, answered, k, batch, rows, columns, width, peers);
  return { selected, weights, scores };
}

/** What {@link productKeyGateGradient} takes. */
export interface ProductKeyGateGradientOptions extends ProductKeys {
  readonly query: NumericArray;
  /** As {@link productKeyGate} returned it. */
  readonly selected: Int32Array;
  /** As {@link productKeyGate} returned it. */
  readonly weights: NumericArray;
  /** dL/dweights [batch, k]. */
  readonly gradient: NumericArray;
  readonly k: number;
  readonly batch?: number;
  readonly backend?: Backend;
}

/** Loss gradients of a product-key gate. */
export interface ProductKeyGateGradient {
  /** [batch, 2 width] */
  readonly query: Float64Array;
  /** [rows, width] */
  readonly first: Float64Array;
  /** [columns, width] */
  readonly second: Float64Array;
}

/**
 * Gradients with respect to queries and both codebooks from dL/dweights of a {@link productKeyGate}.
 *
 * @shape selected, weights, gradient [batch, k]; the rest as for {@link productKeyGate}
 * @param options - See {@link ProductKeyGateGradientOptions}.
 * @returns {@link ProductKeyGateGradient}, new arrays, summed over the batch for the codebooks.
 * @throws InputError BTM_SHAPE, BTM_TYPE, BTM_NONFINITE, BTM_NEGATIVE, BTM_DOMAIN (a selected index out of range).
 * @numerics Binary64, the same bits on every backend: each codebook entry is one chain over samples and slots in order.
 * @cost O(batch * k * width) multiplications.
 * @paper R-18.
 * @example
 * ```ts
 * import { productKeyGate, productKeyGateGradient } from 'intermodel';
 * const keys = { query: [1, 1], first: [1, -1], second: [1, -1], rows: 2, columns: 2, width: 1, k: 2 };
 * const choice = productKeyGate(keys);
 * console.log(productKeyGateGradient({ ...keys, ...choice, gradient: [1, 0] }).query.length); // 2
 * ```
 */
export function productKeyGateGradient(options: ProductKeyGateGradientOptions): ProductKeyGateGradient {
  const keys = checkKeys(options);
  const { rows, columns, width } = keys;
  const batch = checkInteger('batch', options.batch ?? 1, 0);
  const k = checkInteger('k', options.k, 1, rows * columns);
  const query = checkVector('query', options.query, batch * 2 * width);
  const selected = checkSelected(options.selected, batch, k, rows * columns);
  const weights = checkNonNegativeVector('weights', options.weights, batch * k);
  const upstream = checkVector('gradient', options.gradient, batch * k);
  const result = {
    query: new Float64Array(batch * 2 * width),
    first: new Float64Array(rows * width),
    second: new Float64Array(columns * width),
  };
  const { kernels } = backendOf(options.backend);
  kernels.productKeyGateGradient(
    result.query,
    result.first,
    result.second,
    query,
    keys.first,
    keys.second,
    selected,
    weights,
    upstream,
    k,
    batch,
    rows,
    columns,
    width,
  );
  return result;
}

interface CheckedKeys {
  readonly first: Float64Array;
  readonly second: Float64Array;
  readonly rows: number;
  readonly columns: number;
  readonly width: number;
}

function checkKeys(options: ProductKeys): CheckedKeys {
  const rows = checkInteger('rows', options?.rows, 1, MOST_PEERS);
  const columns = checkInteger('columns', options.columns, 1, Math.floor(MOST_PEERS / rows));
  const width = checkInteger('width', options.width, 1, MOST_PEERS);
  return {
    first: checkVector('first', options.first, rows * width),
    second: checkVector('second', options.second, columns * width),
    rows,
    columns,
    width,
  };
}

function checkSelected(value: unknown, batch: number, k: number, keys: number): Int32Array {
  if (typedArrayKind(value) !== 'Int32Array') {
    throw new InputError('BTM_TYPE', 'must be the Int32Array that productKeyGate returned', { argument: 'selected', value });
  }
  const given = value as Int32Array;
  if (given.length !== batch * k) {
    throw new InputError('BTM_SHAPE', `must have length ${batch * k}, got ${given.length}`, { argument: 'selected', value: given.length });
  }
  const selected = new Int32Array(given); // a copy: what is checked is what runs, also when the memory is shared
  for (let index = 0; index < selected.length; index++) {
    const follows = index % k > 0 && selected[index - 1] < 0;
    if (selected[index] >= -1 && selected[index] < keys && !(follows && selected[index] >= 0)) continue;
    throw new InputError('BTM_DOMAIN', `must be a peer below ${keys}, or -1 after the last chosen one, got ${selected[index]}`, {
      argument: 'selected',
      index,
      value: selected[index],
    });
  }
  return selected;
}
