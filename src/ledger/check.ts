/** Checks of what callers pass to the ledger's functions: each names the argument, the index and the remedy, and returns the value. */

import { InputError } from '../core/errors.js';
import { isUint8Array } from '../core/typed-arrays.js';
import { malformedWeights, type PublicKey, type Weights } from './transaction.js';

/** Hexadecimal digits, lower case. */
export function checkHex(argument: string, value: unknown, digits: number, what = 'hexadecimal digits, lower case'): string {
  if (typeof value === 'string' && value.length === digits && /^[0-9a-f]*$/.test(value)) return value;
  throw new InputError('BTM_TYPE', `must be ${digits} ${what}`, { argument, value });
}

export function checkKey(argument: string, value: unknown): PublicKey {
  return checkHex(argument, value, 64, 'hexadecimal digits, lower case: a public key');
}

export function checkBytes(argument: string, value: unknown): Uint8Array {
  if (isUint8Array(value)) return value;
  throw new InputError('BTM_TYPE', 'must be a Uint8Array', { argument, value });
}

/** An array or typed array; its entries are checked by whoever reads them. */
export function checkList(argument: string, value: unknown): ArrayLike<unknown> {
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value)) return value as ArrayLike<unknown>;
  throw new InputError('BTM_TYPE', 'must be an array or a typed array', { argument, value });
}

export function checkWeightsOf(argument: string, value: unknown): Weights {
  const wrong = malformedWeights(value);
  if (wrong === undefined) return value as Weights;
  throw new InputError('BTM_TYPE', `is not a row: ${wrong}`, { argument, value });
}

export function checkObject(argument: string, value: unknown): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new InputError('BTM_TYPE', 'must be an object', { argument, value });
}

/** Something with the methods of a store. */
export function checkStore(value: unknown): void {
  const store = checkObject('store', value) as Record<string, unknown>;
  for (const method of ['genesis', 'head', 'append', 'read']) {
    if (typeof store[method] !== 'function')
      throw new InputError('BTM_TYPE', `must be a store: it has no function ${method}`, {
        argument: 'store',
        value,
        remedy: 'Pass memoryStore(), or another of the stores.',
      });
  }
}
