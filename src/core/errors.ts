/**
 * Every error this package throws. This file imports nothing, so any layer may throw from it.
 *
 * Four kinds of failure have four channels (docs/architecture.md): a wrong call throws an
 * {@link InputError}, a missing binary or GPU throws an {@link EnvironmentError}, a numerical
 * outcome is a `status` on the result, a refused ledger transaction is a named code.
 */

/** Codes of a wrong call. They are a contract: they never change meaning. */
export type InputErrorCode =
  | 'BTM_TYPE' // not the kind of value asked for
  | 'BTM_SHAPE' // a length or size that does not match the others
  | 'BTM_NONFINITE' // NaN or infinity; `index` says where
  | 'BTM_NEGATIVE' // below zero where that has no meaning; `index` says where
  | 'BTM_DOMAIN' // outside the values the formula is defined for
  | 'BTM_ROWSUM' // a row of weights that does not sum to one; `index` is the row
  | 'BTM_LABEL' // a class label outside [0, outputs); `index` says where
  | 'BTM_SYMMETRY' // H[i,j] differs from H[j,i]; `index` says where
  | 'BTM_ALL_MASKED'; // nothing is left to normalise over

/** What was wrong, given in machine-readable form beside the message. */
export interface InputErrorDetails {
  /** Name of the argument, as the caller spelt it. */
  readonly argument: string;
  /** Flat index of the offending element, where there is one. */
  readonly index?: number;
  /** The offending value. */
  readonly value?: unknown;
  /** What to do instead. */
  readonly remedy?: string;
}

/** A call that cannot be carried out as written. The message names argument, index, value and remedy. */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly code: InputErrorCode;
  readonly argument: string;
  readonly index: number | undefined;
  readonly value: unknown;
  readonly remedy: string | undefined;

  constructor(code: InputErrorCode, problem: string, details: InputErrorDetails) {
    const where = details.index === undefined ? details.argument : `${details.argument}[${details.index}]`;
    const remedy = details.remedy === undefined ? '' : ` ${details.remedy}`;
    super(`${code}: ${where} ${problem}.${remedy}`);
    this.code = code;
    this.argument = details.argument;
    this.index = details.index;
    this.value = details.value;
    this.remedy = details.remedy;
  }
}

/** Codes of something missing around the process. */
export type EnvironmentErrorCode =
  | 'BTM_NO_BINARY' // the native addon could not be loaded
  | 'BTM_NO_ISA' // the processor or the build lacks the instruction set asked for
  | 'BTM_NO_CUDA' // no CUDA module, driver or device
  | 'BTM_NO_PACKAGE' // an optional package is not installed
  | 'BTM_IO'; // a file, store or socket refused

/** One thing that was tried, and why it did not work. */
export interface Attempt {
  readonly what: string;
  readonly reason: string;
}

/** The environment lacks something. Lists every attempt with its reason, then the cures. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
  readonly code: EnvironmentErrorCode;
  readonly attempts: readonly Attempt[];

  constructor(code: EnvironmentErrorCode, problem: string, attempts: readonly Attempt[] = [], cures: readonly string[] = []) {
    const tried = attempts.map((a) => `\n  tried ${a.what}: ${a.reason}`).join('');
    const cure = cures.map((c) => `\n  cure: ${c}`).join('');
    super(`${code}: ${problem}${tried}${cure}`);
    this.code = code;
    this.attempts = attempts;
  }
}

/** A job was cancelled through its AbortSignal, or its owner went away. */
export class AbortedError extends Error {
  override readonly name = 'AbortError';
  readonly code = 'BTM_ABORTED';

  constructor(what: string) {
    super(`BTM_ABORTED: ${what} was cancelled`);
  }
}

/** A bug in this package: a state that its own code promised could not happen. */
export class InternalError extends Error {
  override readonly name = 'InternalError';
  readonly code = 'BTM_INTERNAL';

  constructor(what: string) {
    super(`BTM_INTERNAL: ${what}. This is a bug in intermodel; please report it with the call that led here.`);
  }
}
