/** Ctrl-C as a signal: the first asks a run to stop cleanly, the second ends the process. */
import { printNote } from './print.js';

/** A signal that fires on Ctrl-C. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** Gives Ctrl-C back to the process. */
  dispose(): void;
}

/** Listens until disposed. `message` tells what is kept, on stderr. */
export function abortOnInterrupt(message: string): Interrupt {
  const controller = new AbortController();
  const onSignal = (): void => {
    process.off('SIGINT', onSignal); // a second Ctrl-C ends the process at once
    printNote(`\nstopping: ${message}`);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  return { signal: controller.signal, dispose: () => process.off('SIGINT', onSignal) };
}
