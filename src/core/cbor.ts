/** Reading CBOR, also from bytes of another realm (vm contexts, Jest), which cborg refuses. */
import { type DecodeOptions, decode } from 'cborg';
import { viewHere } from './typed-arrays.js';

/** The value of these bytes. @throws Error when they are not CBOR, or not bytes */
export function decodeCbor(bytes: Uint8Array, options?: DecodeOptions): unknown {
  return decode(viewHere(bytes), options);
}
