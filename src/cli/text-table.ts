/** Tables for a terminal: columns padded to their widest cell, numbers to the right, control characters escaped. */
import { printable } from '../core/printable.js';

/** Lays out rows of text; `right` lists the columns that are set flush right. */
export function textTable(headings: readonly string[], given: readonly (readonly string[])[], right: readonly number[] = []): string {
  const rows = given.map((row) => row.map((cell) => printable(cell)));
  const widths = headings.map((heading, column) => Math.max(length(heading), ...rows.map((row) => length(row[column] ?? ''))));
  const line = (row: readonly string[]): string =>
    widths
      .map((width, column) => pad(row[column] ?? '', width, right.includes(column)))
      .join('  ')
      .trimEnd();
  return [line(headings), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(width - length(text));
  return right ? space + text : text + space;
}

function length(text: string): number {
  return [...text].length;
}
