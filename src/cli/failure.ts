/** How a command ends when it cannot do what was asked: one message on stderr, and an exit code that means something. */
import { CommanderError } from 'commander';
import { AbortedError, EnvironmentError, InputError } from '../core/errors.js';
import { fileError, isSystemError } from '../core/user-files.js';
import { printNote } from './print.js';

/** 1: a bug or an unforeseen failure, 2: wrong input, 3: something missing around the process, 130: stopped by Ctrl-C. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // a mistyped option is wrong input
  if (error instanceof AbortedError) return 130;
  if (error instanceof InputError) return 2;
  if (error instanceof EnvironmentError || isSystemError(error)) return 3;
  return 1;
}

/** Prints the error and sets the exit code. The stack is shown for bugs only. */
export function reportFailure(error: unknown): void {
  process.exitCode = exitCodeOf(error);
  if (error instanceof CommanderError) return; // it has printed its message
  printNote(`intermodel: ${messageOf(error)}`);
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (exitCodeOf(error) === 1) return error.stack ?? error.message;
  if (!isSystemError(error)) return error.message;
  const { path = '', syscall } = error;
  return fileError(`cannot ${syscall} ${path}`.trimEnd(), path, error).message;
}
