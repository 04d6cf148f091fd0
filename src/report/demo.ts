/** The page of a demonstration run: what was measured, next to the truth, with everything needed to make it again. */
import type { DemoParticipant, DemoRanking, DemoResult } from '../demo/result.js';
import { demoFigures } from './demo-figures.js';
import { agreementOf, roleColour } from './demo-parts.js';
import { type Figure, renderSvg } from './figure.js';
import { correlation, integer, number, percent } from './format.js';
import { html, type Markup } from './markup.js';
import { type Fact, figureMarkup, page, type Section } from './page.js';
import { table } from './table.js';

/** What the page needs beside the result. */
export interface DemoReportOptions {
  /** The command line that made the result, printed so that a reader can repeat it. */
  readonly command: string;
  /** Further sections, before the settings; what processes measured about their network, for instance. */
  readonly extra?: readonly Section[];
}

/**
 * Writes the report of a demonstration run.
 *
 * @param result - The run, as plain data; nothing is recomputed.
 * @param options - The command to print.
 * @returns One HTML document with its figures inside. It loads nothing and runs no script.
 * @throws InputError BTM_DOMAIN when a ranking the page is about is missing from the result.
 * @cost About a second.
 */
export async function demoReport(result: DemoResult, options: DemoReportOptions): Promise<string> {
  const figures = demoFigures(result);
  const drawn = new Map<string, Markup>();
  for (const [index, figure] of figures.entries()) drawn.set(figure.name, await figureMarkup(figure, `Figure ${index + 1}`));
  const draw = (name: string): Markup => drawn.get(name)!;
  const sections: Section[] = [
    {
      id: 'ranking',
      title: 'Does the measure find the truth?',
      body: [draw('ranking-against-truth'), draw('ledger-against-truth'), checksTable(result), ...findings(result)],
    },
    {
      id: 'rankings',
      title: 'Rankings side by side',
      body: [rankingNotes(result.rankings), draw('positions-by-method'), valuesTable(result), agreementTable(result)],
    },
    { id: 'training', title: 'Training', body: [draw('loss-curves')] },
    { id: 'weights', title: 'Weights', body: [draw('weight-matrix')] },
    { id: 'ledger', title: 'Ledger', body: [draw('stake-over-blocks'), blocksTable(result)] },
    { id: 'participants', title: 'Participants', body: [participantsTable(result), accuracyTable(result)] },
    ...(options.extra ?? []),
    { id: 'settings', title: 'Settings', body: [settingsTable(result)] },
  ];
  return page({
    title: 'What each model is worth to the others',
    lead: leadOf(result),
    command: options.command,
    facts: factsOf(result),
    assumptions: result.assumptions,
    sections,
  });
}

/** The same figures as separate SVG files: name and content. */
export async function demoSvgFiles(result: DemoResult): Promise<{ readonly name: string; readonly svg: string }[]> {
  const files: { readonly name: string; readonly svg: string }[] = [];
  for (const figure of demoFigures(result) as readonly Figure[]) files.push({ name: `${figure.name}.svg`, svg: await renderSvg(figure) });
  return files;
}

function leadOf(result: DemoResult): string {
  const agreement = agreementOf(result, 'ideal', 'ablation');
  const spearman = agreement?.spearman ?? null;
  const agrees =
    spearman === null ? 'their agreement is undefined' : `the two orders agree with a Spearman correlation of ${correlation(spearman)}`;
  return (
    `${result.participants.length} models trained on ${result.data.name}, queried one another, and each measured what every peer is worth to it. ` +
    `The measure is set here against the truth, which is found by removing each peer and looking at the loss: ${agrees}.`
  );
}

function factsOf(result: DemoResult): Fact[] {
  const held = result.checks.filter((check) => check.held).length;
  return [
    { name: 'seed', value: result.seed },
    { name: 'participants', value: result.participants.length },
    { name: 'data', value: `${result.data.name}, ${integer(result.data.samples)} samples, ${result.data.classes} classes` },
    { name: 'estimator', value: result.settings.estimator },
    { name: 'checks held', value: `${held} of ${result.checks.length}` },
    { name: 'numerical backend', value: `${result.backend.kind} (${result.backend.isa}), version ${result.backend.version}` },
    { name: 'intermodel', value: result.version },
  ];
}

function checksTable(result: DemoResult): Markup {
  return table({
    caption: 'What this demonstration claims, and what this run measured.',
    rows: result.checks,
    columns: [
      { title: 'claim', cell: (check) => check.name },
      { title: 'held', cell: (check) => (check.held ? html`<span class="yes">yes</span>` : html`<span class="no">no</span>`) },
      { title: 'measured', cell: (check) => check.measured },
    ],
  });
}

function findings(result: DemoResult): Markup[] {
  if (result.findings.length === 0) return [];
  return [
    html`<h3>Participants built to be odd</h3>`,
    html`<ul>${result.findings.map((finding) => html`<li><b>${finding.participant}</b>: ${finding.text}</li>\n`)}</ul>`,
  ];
}

function rankingNotes(rankings: readonly DemoRanking[]): Markup {
  return html`<ul>${rankings.map((ranking) => html`<li><b>${ranking.title}</b> (${ranking.unit}): ${ranking.description}</li>\n`)}</ul>`;
}

function valuesTable(result: DemoResult): Markup {
  const order = byTruth(result);
  return table({
    caption: `Raw values of every ranking, best first by ${result.rankings.find((ranking) => ranking.name === 'ablation')?.title ?? 'the first'}.`,
    rows: order,
    columns: [
      { title: 'participant', cell: (index) => named(result.participants[index]!) },
      ...result.rankings.map((ranking) => ({
        title: `${ranking.title} (${ranking.unit})`,
        hint: ranking.description,
        numeric: true,
        cell: (index: number) => number(ranking.values[index]!),
      })),
    ],
  });
}

function agreementTable(result: DemoResult): Markup {
  const titles = new Map(result.rankings.map((ranking) => [ranking.name, ranking.title]));
  return table({
    caption: 'Agreement of the rankings. A correlation with a constant ranking is undefined and says why.',
    rows: result.agreement,
    columns: [
      { title: 'ranking', cell: (pair) => titles.get(pair.a) ?? pair.a },
      { title: 'against', cell: (pair) => titles.get(pair.b) ?? pair.b },
      { title: 'Pearson', numeric: true, cell: (pair) => correlation(pair.pearson) },
      { title: 'Spearman', numeric: true, cell: (pair) => correlation(pair.spearman) },
      { title: 'Kendall', numeric: true, cell: (pair) => correlation(pair.kendall) },
      ...(result.agreement.some((pair) => pair.reason !== undefined)
        ? [{ title: 'why undefined', cell: (pair: DemoResult['agreement'][number]) => pair.reason ?? '' }]
        : []),
    ],
  });
}

function blocksTable(result: DemoResult): Markup {
  const name = (index: number): string => result.participants[index]?.name ?? '';
  const best = (values: readonly number[]): number => values.indexOf(Math.max(...values));
  return table({
    caption: 'The blocks of the ledger. A transaction that breaks a rule is refused with a named code, never repaired.',
    rows: result.blocks,
    columns: [
      { title: 'block', numeric: true, cell: (block) => block.height },
      { title: 'round', numeric: true, cell: (block) => block.round },
      { title: 'minted (tokens)', numeric: true, cell: (block) => number(block.minted, 4) },
      { title: 'accepted', numeric: true, cell: (block) => block.accepted },
      {
        title: 'refused',
        cell: (block) =>
          block.refused.length === 0 ? 'none' : block.refused.map((refusal) => `${refusal.participant}: ${refusal.code}`).join(', '),
      },
      { title: 'ranked first', cell: (block) => name(best(block.ranking)) },
      { title: 'richest', cell: (block) => name(best(block.stake)) },
    ],
  });
}

function participantsTable(result: DemoResult): Markup {
  return table({
    caption: 'How each participant was built. The measurement never sees this.',
    rows: result.participants,
    columns: [
      { title: 'participant', cell: named },
      { title: 'how it was built', cell: (participant) => participant.description },
      { title: 'classes', cell: (participant) => classList(participant.classes) },
      { title: 'training samples', numeric: true, cell: (participant) => integer(participant.trainSamples) },
      { title: 'encoder', cell: (participant) => participant.encoder },
    ],
  });
}

function accuracyTable(result: DemoResult): Markup {
  return table({
    caption: 'What each participant reached on validation samples, which no participant trained on.',
    rows: result.participants,
    columns: [
      { title: 'participant', cell: named },
      {
        title: 'head',
        hint: 'the head over the masked responses of all peers',
        numeric: true,
        cell: (participant) => percent(participant.headAccuracy),
      },
      { title: 'own response', hint: 'its own response alone', numeric: true, cell: (participant) => percent(participant.ownAccuracy) },
      { title: 'gate', hint: 'the gate over all peers', numeric: true, cell: (participant) => percent(participant.gateAccuracy) },
      {
        title: 'proxy',
        hint: 'the distilled proxy in place of the gate',
        numeric: true,
        cell: (participant) => percent(participant.proxyAccuracy),
      },
      {
        title: 'linear share',
        hint: 'how large the dropped linear term was against the quadratic one (R-03)',
        numeric: true,
        cell: (participant) => number(participant.linearShare),
      },
      { title: 'largest weight given to', cell: (participant) => participant.topPeer },
    ],
  });
}

function settingsTable(result: DemoResult): Markup {
  return table({
    caption: 'Every setting of this run.',
    rows: Object.entries(result.settings) as [string, string | number][],
    columns: [
      { title: 'setting', cell: ([name]) => spelled(name) },
      { title: 'value', numeric: true, cell: ([, value]) => (typeof value === 'number' ? number(value, 6).replace(/\.?0+$/, '') : value) },
    ],
  });
}

function byTruth(result: DemoResult): number[] {
  const truth = result.rankings.find((ranking) => ranking.name === 'ablation') ?? result.rankings[0];
  const indices = result.participants.map((_, index) => index);
  return truth === undefined ? indices : indices.sort((a, b) => truth.positions[a]! - truth.positions[b]! || a - b);
}

function named(participant: DemoParticipant): Markup {
  return html`<span class="key" style="background:${roleColour(participant.role)}"></span>${participant.name}`;
}

/** Consecutive classes shortened, for instance 0–9. */
function classList(classes: readonly number[]): string {
  const sorted = [...classes].sort((a, b) => a - b);
  const run = sorted.every((value, index) => index === 0 || value === sorted[index - 1]! + 1);
  return run && sorted.length > 2 ? `${sorted[0]}\u2013${sorted.at(-1)}` : sorted.join(', ');
}

/** `maskTemperature` as `mask temperature`. */
function spelled(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
