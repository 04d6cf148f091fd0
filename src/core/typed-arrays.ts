/** Typed arrays by their own slot: `instanceof` refuses those of another realm (vm contexts, Jest, worker shims). */

const tagOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get as (
  this: unknown,
) => string | undefined;

/** The kind of a typed array as 'Float64Array'; undefined for anything else. */
export function typedArrayKind(value: unknown): string | undefined {
  return tagOf.call(value);
}

export function isUint8Array(value: unknown): value is Uint8Array {
  return typedArrayKind(value) === 'Uint8Array';
}

export function isInt32Array(value: unknown): value is Int32Array {
  return typedArrayKind(value) === 'Int32Array';
}

export function isUint32Array(value: unknown): value is Uint32Array {
  return typedArrayKind(value) === 'Uint32Array';
}

export function isFloat32Array(value: unknown): value is Float32Array {
  return typedArrayKind(value) === 'Float32Array';
}

export function isFloat64Array(value: unknown): value is Float64Array {
  return typedArrayKind(value) === 'Float64Array';
}

/** The same bytes as an array of this realm, for libraries that ask `instanceof`. */
export function viewHere(bytes: Uint8Array): Uint8Array {
  if (bytes instanceof Uint8Array || !isUint8Array(bytes)) return bytes;
  const { buffer, byteOffset, byteLength } = bytes as Uint8Array;
  return new Uint8Array(buffer, byteOffset, byteLength);
}
