/** One CBOR value that came from elsewhere. */

import { decodeCbor } from '../core/cbor.js';
/** Bytes that are not the message they should be. */
export class MessageError extends Error {
  override readonly name = 'MessageError';
}

/** One CBOR value, and nothing behind it. */
export function readValue(bytes: Uint8Array): unknown {
  try {
    return decodeCbor(bytes, {
      strict: true,
      allowIndefinite: false,
      allowBigInt: false,
      allowUndefined: true,
      rejectDuplicateMapKeys: true,
    });
  } catch (error) {
    throw new MessageError(`not CBOR: ${error instanceof Error ? error.message : String(error)}`);
  }
}
