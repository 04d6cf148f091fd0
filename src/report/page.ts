/** One self-contained HTML page: no script, no address, readable in light and dark and on paper. */
import { type Figure, renderSvg } from './figure.js';
import { html, Markup } from './markup.js';
import { STYLE } from './style.js';

/** A part of a page under its own heading. */
export interface Section {
  /** Identifier for links, letters and hyphens. */
  readonly id: string;
  readonly title: string;
  readonly body: readonly Markup[];
}

/** A fact with its name, for the list at the head of a page. */
export interface Fact {
  readonly name: string;
  readonly value: Markup | string | number;
}

/** What a page says before its sections: what it is, how to make it again, and what it rests on. */
export interface PageOptions {
  readonly title: string;
  /** One or two sentences: what was done and what came out. */
  readonly lead: string;
  /** The command that makes the same page again. */
  readonly command: string;
  readonly facts: readonly Fact[];
  readonly assumptions: readonly string[];
  readonly sections: readonly Section[];
}

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** Writes the page. The same input gives the same text, byte for byte. */
export function page(options: PageOptions): string {
  const { title, lead, command, facts, assumptions, sections } = options;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p class="lead">${lead}</p>
<dl class="facts">
${facts.map((fact) => html`<div><dt>${fact.name}</dt><dd>${fact.value}</dd></div>\n`)}</dl>
<p class="reproduce">To reproduce: <code>${command}</code></p>
</header>
<nav aria-label="Contents"><ol>${sections.map((section) => html`<li><a href="#${section.id}">${section.title}</a></li>`)}</ol></nav>
<main>
${sections.map(
  (section) => html`<section id="${section.id}">
<h2>${section.title}</h2>
${section.body.map((part) => html`${part}\n`)}</section>
`,
)}<section id="assumptions">
<h2>Assumptions</h2>
<ul>
${assumptions.map((assumption) => html`<li>${assumption}</li>\n`)}</ul>
</section>
</main>
</body>
</html>
`.text;
}

/** A figure with its number and caption, drawn into the page. */
export async function figureMarkup(figure: Figure, label: string): Promise<Markup> {
  const svg = new Markup(await renderSvg(figure));
  return html`<figure id="${figure.name}"><div class="scroll">${svg}</div>
<figcaption><b>${label}. ${figure.title}.</b> ${figure.caption}</figcaption></figure>`;
}
