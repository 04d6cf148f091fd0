/** Standard output of every command: a reader that leaves ends the command quietly, a full disk ends it with a typed error. */

import { fileError } from '../core/user-files.js';
import { reportFailure } from './failure.js';

/**
 * Takes care of failures of stdout and stderr for the rest of the process. Without it Node ends with a stack trace when, for instance, `head` has
 * read enough.
 */
export function guardOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') reportFailure(fileError('cannot write to standard output', 'stdout', error));
    process.exit();
  });
  process.stderr.on('error', () => {
    // Progress has no reader any more. The results may still have one.
  });
}

/** Amounts as strings, since they pass 2^53, and typed arrays as lists. */
function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return ArrayBuffer.isView(value) ? Array.from(value as Uint32Array) : value;
}

/** One value as one line of JSON. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value, plain);
}
