/** Text from outside, made safe to show: nothing in it can move the cursor, change colours or reverse the reading order. */

/** Ranges of code points that a terminal acts on or that reorder a line: C0, DEL and C1, directional marks, line separators, the byte order mark. */
const UNSAFE: readonly (readonly [first: number, last: number])[] = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0x061c, 0x061c],
  [0x200e, 0x200f],
  [0x2028, 0x202e],
  [0x2066, 0x2069],
  [0xd800, 0xdfff],
  [0xfeff, 0xfeff],
];

function isUnsafe(code: number): boolean {
  return UNSAFE.some(([first, last]) => code >= first && code <= last);
}

/**
 * The text with every control character written as an escape such as `\u001b`. Escapes of four digits are also JSON, so a JSON text stays the
 * same value.
 *
 * @param keep characters to leave as they are, for instance `'\n'` in a message of several lines
 * @example visible('a\tb').length // returns 8
 */
export function visible(text: string, keep = ''): string {
  let shown = '';
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    shown += isUnsafe(code) && !keep.includes(character) ? `\\u${code.toString(16).padStart(4, '0')}` : character;
  }
  return shown;
}
