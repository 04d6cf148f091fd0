/** Text from elsewhere, made safe to show: a name or an address must not move the cursor, clear the screen or reverse the line. */

/** Controls, format characters (joiners, direction marks), line and paragraph separators, lone surrogates, and the backslash that escapes them. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\\]/gu;

/** Characters shown of one text. */
const SHOWN = 200;

/**
 * A text on one line with everything invisible escaped.
 *
 * @param text whatever came, of any length and kind.
 * @param most characters shown; the rest is cut and marked.
 * @returns printable text: `\u{1b}` in place of an escape character.
 * @example printable('a\tb').length // returns 7
 */
export function printable(text: unknown, most = SHOWN): string {
  const whole = String(text);
  const cut = whole.length > most ? `${whole.slice(0, most)}...` : whole;
  return cut.replace(HIDDEN, (char) => (char === '\\' ? '\\\\' : `\\u{${(char.codePointAt(0) as number).toString(16)}}`));
}
