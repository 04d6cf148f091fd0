/** Markup that cannot be injected into: every value put into a template is escaped unless it is already {@link Markup}. */
import { printable } from '../core/printable.js';

/** A piece of HTML that is safe to print as it is. */
export class Markup {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** What a template may hold. Arrays are joined, null and undefined print nothing. */
export type MarkupValue = Markup | string | number | null | undefined | readonly MarkupValue[];

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Escapes the five characters that mean something in HTML, so that the text is inert between tags and inside quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Builds {@link Markup}; attribute values must be written between quotes in the template. */
export function html(parts: TemplateStringsArray, ...values: readonly MarkupValue[]): Markup {
  let text = parts[0]!;
  for (let index = 0; index < values.length; index++) text += render(values[index]) + parts[index + 1]!;
  return new Markup(text);
}

function render(value: MarkupValue): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'string') return escapeHtml(printable(value, { keep: '\n\t' }));
  if (typeof value === 'number') return String(value);
  return value.map(render).join('');
}
