/** Numbers as people read them. One set of rules for every table and label of a report. */

/** Three significant digits with a real minus sign; very large and very small values in powers of ten. */
export function number(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return '0';
  const magnitude = Math.abs(value);
  if (magnitude < 1e-3 || magnitude >= 1e6) return minus(value.toExponential(digits - 1).replace('e+', 'e'));
  if (magnitude >= 10 ** digits) return minus(grouped(Math.round(value)));
  return minus(value.toPrecision(digits));
}

/** A correlation, or the word that says it has none. */
export function correlation(value: number | null): string {
  return value === null ? 'undefined' : minus(value.toFixed(3));
}

/** A share in [0, 1] as a percentage. */
export function percent(share: number): string {
  return `${minus((100 * share).toFixed(1))} %`;
}

/** A whole number with thin spaces between thousands. */
export function integer(value: number): string {
  return minus(grouped(value));
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, '\u2009');
}

function minus(text: string): string {
  return text.replace(/^-/, '\u2212').replace('e-', 'e\u2212');
}
