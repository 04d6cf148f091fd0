/** The options that choose what computes, the same for every command that computes. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Backend, type BackendKind, createBackend } from '../backend/index.js';
import { BACKEND_KINDS } from '../core/closed-lists.js';

/** What {@link addBackendOptions} adds. */
export interface BackendFlags {
  readonly backend: BackendKind;
  readonly isa?: string;
  readonly threads?: number;
}

/** Adds --backend, --isa and --threads. */
export function addBackendOptions(command: Command): Command {
  return command
    .addOption(new Option('--backend <kind>', 'what computes').choices(BACKEND_KINDS).default('native'))
    .option('--isa <name>', 'instruction set of the native backend (default: the best here)')
    .option('--threads <number>', 'threads of the native backend (default: all); results do not depend on it', wholeNumber);
}

/** The backend asked for, or the error that says why it cannot be had. */
export function backendOf(flags: BackendFlags): Backend {
  return createBackend({
    kind: flags.backend,
    ...(flags.isa === undefined ? {} : { isa: flags.isa }),
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
  });
}

/** Parses an option that takes a whole number of at least 0. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}
