/** Vega-Lite specifications rendered to SVG text, with no browser, no canvas and no network. */
import { createHash } from 'node:crypto';
import type * as Vega from 'vega';
// Without vega-lite a specification is of any type, and the declarations of this package still hold.
// biome-ignore lint/suspicious/noTsIgnore: it must hold with and without the package
/** @ts-ignore */
import type { TopLevelSpec } from 'vega-lite';
import { InputError } from '../core/errors.js';
import { requirePackages } from '../core/optional-packages.js';
import { printable } from '../core/printable.js';
import { escapeHtml } from './markup.js';
import { textWidth } from './text-width.js';
import { CONFIG } from './theme.js';

/** A figure: what to draw, and the words that go with it. */
export interface Figure {
  /** File name without extension, unique on its page. */
  readonly name: string;
  readonly title: string;
  /** What is shown, on what, and under which assumptions. */
  readonly caption: string;
  readonly spec: TopLevelSpec;
}

interface TextItem {
  readonly fontSize?: number;
  readonly fontWeight?: string | number;
}

/** Loads the drawing library by the first figure. */
async function drawingLibrary(): Promise<{ vega: typeof Vega; compile: typeof import('vega-lite').compile }> {
  requirePackages('drawing figures', ['report']);
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  // Layout must not depend on whether a canvas happens to be installed, so text is measured by the metrics of the font.
  // vega exports this hook for that purpose; its type declarations leave it out.
  const { textMetrics } = vega as unknown as { readonly textMetrics: { width: (item: TextItem, text: unknown) => number } };
  textMetrics.width = (item, text) =>
    textWidth(String(text ?? ''), item.fontSize ?? 11, item.fontWeight === 'bold' || Number(item.fontWeight) >= 600);
  return { vega, compile };
}

/** Refuses every address, and says so: data travels inside the specification. */
function closedLoader(vega: typeof Vega, failures: string[]): Vega.Loader {
  const refuse = async (address: string): Promise<never> => {
    failures.push(`it asks for data at ${address}`);
    throw new InputError('BTM_DOMAIN', `asks for data at ${address}`, { argument: 'spec' });
  };
  return { ...vega.loader(), load: refuse, http: refuse, file: refuse };
}

/** Told of anything in a figure that vega did not take as written. */
export type FigureWarning = (message: string) => void;

const warnProcess: FigureWarning = (message) => process.emitWarning(printable(message), { code: 'BTM_FIGURE' });

/**
 * Renders a figure to SVG.
 *
 * @param figure - Its specification holds its data inline.
 * @param onWarning - Called for each warning of the drawing library; the default is a process warning, BTM_FIGURE.
 * @returns One `<svg>` element with a title and a description for screen readers; ids inside are unique to the figure.
 * @throws InputError BTM_DOMAIN when the specification asks for data at an address, or cannot be drawn.
 * @throws EnvironmentError BTM_NO_PACKAGE without vega and vega-lite.
 * @cost About 50 ms for a few hundred marks.
 */
export async function renderSvg(figure: Figure, onWarning: FigureWarning = warnProcess): Promise<string> {
  const { vega, compile } = await drawingLibrary();
  const failures: string[] = [];
  const log = {
    ...vega.logger(vega.Error),
    warn: (...parts: readonly unknown[]) => onWarning(`figure ${figure.name}: ${parts.map(String).join(' ')}`),
    error: (...parts: readonly unknown[]) => void failures.push(parts.map(String).join(' ')),
  };
  const config = { ...CONFIG, ...figure.spec.config };
  const compiled = compile({ ...figure.spec, config } as TopLevelSpec, { logger: log as never });
  const view = new vega.View(vega.parse(compiled.spec), { renderer: 'none', loader: closedLoader(vega, failures), logger: log as never });
  try {
    const svg = await view.toSVG();
    if (failures.length === 0) return named(svg, figure);
  } finally {
    view.finalize();
  }
  throw new InputError('BTM_DOMAIN', `(figure ${figure.name}) cannot be drawn: ${failures.join('; ')}`, {
    argument: 'spec',
    remedy: 'Put the values into the specification.',
  });
}

/** Gives the picture a name and a description, and makes its ids its own. */
function named(svg: string, figure: Figure): string {
  const prefix = `f${createHash('sha256').update(figure.name).digest('hex').slice(0, 8)}`;
  const ids = new Map<string, string>();
  const renumbered = svg
    .replace(/\b(id="|url\(#|href="#)((?:clip|gradient_)\d+)/g, (_, before: string, id: string) => {
      if (!ids.has(id)) ids.set(id, `${prefix}-${ids.size}`);
      return `${before}${ids.get(id)}`;
    })
    .replace(/ class="marks"/, ` class="marks" role="img" aria-labelledby="${prefix}-title ${prefix}-desc"`);
  const words = `<title id="${prefix}-title">${escapeHtml(figure.title)}</title><desc id="${prefix}-desc">${escapeHtml(figure.caption)}</desc>`;
  return printable(renumbered.replace(/^(<svg[^>]*>)/, `$1${words}`), { keep: '\n' }); // labels are names that others chose
}
