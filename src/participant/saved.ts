/** What a participant has learnt, as a tree of numbers and arrays that a file can hold. */

import { encode, rfc8949EncodeOptions } from 'cborg';
import { decodeCbor } from '../core/cbor.js';
import { InputError } from '../core/errors.js';
import { isFloat32Array, isFloat64Array, isUint8Array, viewHere } from '../core/typed-arrays.js';

/** A number, an array of numbers, or named parts. */
export type Saved = number | Uint8Array | Float32Array | Float64Array | readonly Saved[] | { readonly [name: string]: Saved };

/** Named parts. */
export type SavedParts = { readonly [name: string]: Saved };

/** Something whose state can be kept and taken up again. */
export interface Stateful {
  save(): Saved;
  /** @throws InputError BTM_SHAPE when the state was saved by something of other sizes */
  restore(saved: Saved): void;
}

/** Deterministic CBOR; arrays as little-endian bytes under the name of their type. */
export function encodeSaved(saved: Saved): Uint8Array {
  return encode(pack(saved), rfc8949EncodeOptions);
}

/** @throws InputError BTM_TYPE when the bytes are not such a tree */
export function decodeSaved(bytes: Uint8Array): Saved {
  try {
    return unpack(decodeCbor(bytes, { strict: true }));
  } catch (error) {
    throw new InputError('BTM_TYPE', `is not a saved state: ${(error as Error).message}`, { argument: 'bytes' });
  }
}

/** The named parts of a tree. @throws InputError BTM_TYPE */
export function partsOf(saved: Saved): SavedParts {
  if (typeof saved === 'object' && !Array.isArray(saved) && !ArrayBuffer.isView(saved)) return saved as SavedParts;
  throw new InputError('BTM_TYPE', 'must have named parts', { argument: 'saved' });
}

/** A number of a tree. @throws InputError BTM_TYPE */
export function numberIn(parts: SavedParts, name: string): number {
  const value = parts[name];
  if (typeof value === 'number') return value;
  throw new InputError('BTM_TYPE', 'must be a number', { argument: `saved.${name}` });
}

/** Copies saved arrays into arrays of the same sizes. @throws InputError BTM_SHAPE */
export function restoreArrays(targets: readonly Float64Array[], saved: Saved | undefined, argument: string): void {
  const list = Array.isArray(saved) ? (saved as readonly Saved[]) : [];
  const fits = list.length === targets.length && targets.every((target, at) => isArrayOf(list[at], target.length));
  if (!fits) throw new InputError('BTM_SHAPE', 'was saved by something of other sizes', { argument: `saved.${argument}` });
  for (const [at, target] of targets.entries()) target.set(list[at] as Float64Array);
}

function isArrayOf(value: Saved | undefined, length: number): boolean {
  return ArrayBuffer.isView(value) && (value as Float64Array).length === length;
}

function pack(saved: Saved): unknown {
  if (typeof saved === 'number') return saved;
  if (isUint8Array(saved)) return { u1: viewHere(saved) };
  if (isFloat32Array(saved) || isFloat64Array(saved)) {
    return { [isFloat32Array(saved) ? '<f4' : '<f8']: new Uint8Array(saved.buffer, saved.byteOffset, saved.byteLength) };
  }
  if (Array.isArray(saved)) return (saved as readonly Saved[]).map(pack);
  return Object.fromEntries(Object.entries(saved).map(([name, part]) => [name, pack(part)]));
}

function unpack(value: unknown): Saved {
  if (typeof value === 'number') return value;
  if (Array.isArray(value)) return value.map(unpack);
  if (typeof value !== 'object' || value === null) throw new Error(`a ${typeof value} has no place in it`);
  const [[name, bytes] = ['', null]] = Object.entries(value);
  if (isUint8Array(bytes)) {
    if (name === 'u1') return bytes.slice();
    const { buffer } = bytes.slice(); // a fresh buffer, so that the view below is aligned
    if (name === '<f4') return new Float32Array(buffer);
    if (name === '<f8') return new Float64Array(buffer);
  }
  return Object.fromEntries(Object.entries(value).map(([part, inner]) => [part, unpack(inner)]));
}
