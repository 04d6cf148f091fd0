/** One CBOR value that came from elsewhere. */
import { decode } from 'cborg';

/** Bytes that are not the message they should be. */
export class MessageError extends Error {
  override readonly name = 'MessageError';
}

/** One CBOR value, and nothing behind it. */
export function readValue(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, { strict: true, allowIndefinite: false, allowBigInt: false, allowUndefined: true, rejectDuplicateMapKeys: true });
  } catch (error) {
    throw new MessageError(`not CBOR: ${error instanceof Error ? error.message : String(error)}`);
  }
}
