/** Text from outside, made safe to show: nothing in it can move the cursor, change colours, hide or reverse what stands on the line. */

/**
 * Controls, format characters such as direction marks, line and paragraph separators, and lone surrogates; but for the two joiners, which
 * are part of Persian words and of emoji.
 */
const HIDDEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Anything that needs a closer look. */
const BEYOND_ASCII = /[^ -~]/;

/** How {@link printable} shows a text. */
export interface PrintOptions {
  /** Characters to leave as they are, for instance `'\n'` in a message of several lines. */
  readonly keep?: string;
  /** Characters shown; the rest is cut and marked. Default: all. */
  readonly most?: number;
}

/** Characters shown of a text that a stranger sent. */
export const SHOWN_OF_STRANGERS = 200;

/**
 * A text with every hidden character written as an escape such as `\u001b`. These escapes are also those of JSON, so a JSON text stays the
 * same value.
 *
 * @param text whatever came, of any length and kind.
 * @example printable('a\tb').length // returns 8
 */
export function printable(text: unknown, { keep = '', most = Number.POSITIVE_INFINITY }: PrintOptions = {}): string {
  const whole = String(text);
  const shown = whole.length > most ? `${whole.slice(0, most)}...` : whole;
  if (!BEYOND_ASCII.test(shown)) return shown;
  return shown.replace(HIDDEN, (character) => (keep.includes(character) ? character : escapeOf(character)));
}

/** One escape of four digits for each UTF-16 unit. */
function escapeOf(character: string): string {
  return Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');
}
