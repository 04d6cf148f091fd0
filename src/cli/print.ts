/** The one place that writes to the terminal: whatever a text holds, and whoever wrote it, only line ends steer it. */
import { printable } from '../core/printable.js';

/** A result, on stdout. */
export function printOut(text: string): void {
  process.stdout.write(`${shown(text)}\n`);
}

/** Progress and notes for people, on stderr. */
export function printNote(text: string): void {
  process.stderr.write(`${shown(text)}\n`);
}

function shown(text: string): string {
  return printable(text, { keep: '\n' });
}
