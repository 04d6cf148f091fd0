/**
 * Width of a text in Helvetica, from the published metrics of the font.
 * Vega measures text with a canvas, or guesses 0.8 em a character without one; the guess cuts labels short and leaves holes.
 */

/** Advance widths of the characters 32 to 126, in thousandths of the font size (Adobe font metrics, Helvetica). */
const WIDTHS = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278,
  278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722,
  667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556,
  556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];
const OTHER = 600;

/** Fonts whose advance widths are those of {@link textWidth}: Arial and Liberation Sans share Helvetica's by design. */
export const FONT = 'Helvetica, Arial, "Liberation Sans", sans-serif';

/** Width in pixels of one line at a font size in pixels. Bold letters are about 6 % wider. */
export function textWidth(text: string, fontSize: number, bold = false): number {
  let thousandths = 0;
  for (const character of text) thousandths += WIDTHS[character.charCodeAt(0) - 32] ?? OTHER;
  return (thousandths / 1000) * fontSize * (bold ? 1.06 : 1);
}
