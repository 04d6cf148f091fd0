/** How a command ends when it cannot do what was asked: one message on stderr, and an exit code that means something. */
import { AbortedError, EnvironmentError, InputError } from '../core/errors.js';

/** 1: a bug or an unforeseen failure, 2: wrong input, 3: something missing around the process, 130: stopped by Ctrl-C. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof AbortedError) return 130;
  if (error instanceof InputError) return 2;
  if (error instanceof EnvironmentError) return 3;
  return 1;
}

/** Prints the error and sets the exit code. The stack is shown for bugs only. */
export function reportFailure(error: unknown): void {
  const code = exitCodeOf(error);
  const message = error instanceof Error ? (code === 1 ? (error.stack ?? error.message) : error.message) : String(error);
  process.stderr.write(`intermodel: ${message}\n`);
  process.exitCode = code;
}
