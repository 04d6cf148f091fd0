/** The command that makes a page again, as a person would type it: the only place that prints one for a run. */
import type { Command, Option } from 'commander';

/** Options that decide where and how a result is shown, not what it is. */
const OF_THE_OUTPUT = ['out', 'json'];

/**
 * Every option that was typed, and those of `always` with their values, which are defaults that another version may change.
 */
export function commandLine(command: Command, always: Readonly<Record<string, string | number>> = {}): string {
  const words = command.options.flatMap((option) => {
    const name = option.attributeName();
    if (OF_THE_OUTPUT.includes(name)) return [];
    const isTyped = command.getOptionValueSource(name) === 'cli';
    const value: unknown = isTyped ? command.getOptionValue(name) : always[name];
    return value === undefined ? [] : wordsOf(option, value);
  });
  return ['intermodel', command.name(), ...command.args.map(quoted), ...words].join(' ');
}

function wordsOf(option: Option, value: unknown): string[] {
  const flag = option.long ?? option.short ?? '';
  if (typeof value === 'boolean') return value === !option.negate ? [flag] : [];
  return [flag, quoted(String(value))];
}

/** A word as a POSIX shell reads it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
