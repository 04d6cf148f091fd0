/** The page of a ranked pool: which models are worth keeping, how sure that is, and why. */
import type { PoolRanking, PoolSelection, RankedModel } from '../stacking/index.js';
import { renderSvg } from './figure.js';
import { integer, number, percent } from './format.js';
import { html, type Markup } from './markup.js';
import { type Fact, figureMarkup, page, type Section } from './page.js';
import { poolFigures } from './pool-figures.js';
import { table } from './table.js';

/** What a page of a pool says besides its numbers. */
export interface PoolPageOptions {
  /** The command that makes the same page again. */
  readonly command: string;
  readonly version: string;
  readonly backend: string;
}

/** Writes the page; the same input gives the same text. */
export async function poolPage(ranking: PoolRanking, selection: PoolSelection | null, options: PoolPageOptions): Promise<string> {
  const figures = poolFigures(ranking, selection);
  const drawn = new Map<string, Markup>();
  for (const [index, figure] of figures.entries()) drawn.set(figure.name, await figureMarkup(figure, `Figure ${index + 1}`));
  const at = (...names: readonly string[]): Markup[] => names.flatMap((name) => drawn.get(name) ?? []);
  const sections: Section[] = [
    { id: 'models', title: 'The models', body: [...notes(ranking), modelTable(ranking), ...at('worth')] },
    { id: 'redundancy', title: 'Redundancy', body: [copiesText(ranking), ...at('gram'), ...pairTable(ranking)] },
  ];
  if (drawn.has('accuracy')) sections.push({ id: 'alone', title: 'Alone and together', body: at('accuracy') });
  if (selection !== null)
    sections.push({ id: 'selection', title: 'Selection', body: [chosenText(selection), ...at('selection', 'selection-cost')] });
  if (ranking.ceiling !== null) sections.push({ id: 'ceiling', title: 'The ceiling', body: [ceilingText(ranking)] });
  return page({
    title: 'Which models are worth keeping',
    lead: leadOf(ranking, selection),
    command: options.command,
    facts: factsOf(ranking, options),
    assumptions: assumptionsOf(ranking),
    sections,
  });
}

/** The figures of the page as SVG files. */
export async function poolSvgFiles(ranking: PoolRanking, selection: PoolSelection | null): Promise<{ name: string; svg: string }[]> {
  return Promise.all(poolFigures(ranking, selection).map(async (figure) => ({ name: `${figure.name}.svg`, svg: await renderSvg(figure) })));
}

/** Names of more characters are broken into lines, so that the numbers beside them stay in sight. */
const LONG_NAME = 24;

/** A change of a loss, with four decimals. */
function change(value: number): string {
  return value.toFixed(4).replace('-', '\u2212');
}

function level(ranking: PoolRanking): string {
  return `${Number((100 * ranking.level).toFixed(2))} %`;
}

function leadOf({ models, samples }: PoolRanking, selection: PoolSelection | null): string {
  const count = (code: string) => models.filter(({ verdict }) => verdict.code === code).length;
  const kept = count('keep') + count('carriesClass');
  const words = [
    `${kept} of ${models.length} models are worth keeping on these ${integer(samples)} samples`,
    ...(count('copy') > 0 ? [`${count('copy')} are copies of one another`] : []),
    ...(count('redundant') > 0 ? [`${count('redundant')} are redundant with others`] : []),
    ...(count('harmful') > 0 ? [`${count('harmful')} do harm`] : []),
  ];
  const chosen =
    selection === null
      ? ''
      : ` Keeping ${selection.chosen.models.length} of them changes the held-out loss by ${change(selection.chosen.increase.value)}.`;
  return `${words.join(', ')}.${chosen}`;
}

function factsOf(ranking: PoolRanking, options: PoolPageOptions): Fact[] {
  const { fit, accuracy, loss, ceiling } = ranking;
  return [
    { name: 'Models', value: integer(ranking.models.length) },
    { name: 'Samples', value: integer(ranking.samples) },
    { name: 'Held-out loss of all', value: `${number(loss.value)} [${number(loss.low)}, ${number(loss.high)}]` },
    ...(accuracy === null ? [] : [{ name: 'Right', value: percent(accuracy) }]),
    { name: 'Head', value: fit === null ? ranking.head : `stacking, L2 ${fit.l2}${fit.adapted ? ', adapted to each model' : ''}` },
    ...(fit === null ? [] : [{ name: 'Largest gradient of a head', value: number(fit.gradientNorm) }]),
    ...(ceiling === null ? [] : [{ name: 'All models wrong', value: percent(ceiling.beta) }]),
    { name: 'Seed', value: ranking.seed },
    { name: 'Computed by', value: `intermodel ${options.version}, ${options.backend}` },
  ];
}

function notes(ranking: PoolRanking): Markup[] {
  return ranking.warnings.map((warning) => html`<p class="no">Warning: ${warning}</p>`);
}

function modelTable(ranking: PoolRanking): Markup {
  const rows = [...ranking.models].sort((a, b) => a.position - b.position);
  const interval = (of: RankedModel['worth'] | null) => (of === null ? '' : `${change(of.value)} [${change(of.low)}, ${change(of.high)}]`);
  const partial = rows.some(({ coverage }) => coverage < 1);
  const priced = rows.some(({ cost }) => cost !== 1);
  return table<RankedModel>({
    caption: `Worth is the loss that the absence of a model costs on held-out samples, with its ${level(ranking)} interval; p is corrected for the number of models (Holm). Gauss-Newton is the paper's measure; the linear share tells how much of the change it leaves out.`,
    columns: [
      { title: 'Model', cell: ({ name }) => (name.length > LONG_NAME ? html`<span class="long">${name}</span>` : name) },
      { title: 'Verdict', cell: ({ verdict }) => html`<span class="words">${verdict.text}</span>` },
      { title: 'Worth', numeric: true, cell: ({ worth }) => interval(worth) },
      { title: 'p', numeric: true, cell: ({ worthAdjustedP }) => number(worthAdjustedP, 2) },
      ...(ranking.refitBy === null
        ? []
        : [{ title: 'Fitted again', numeric: true, cell: ({ refitted }: RankedModel) => interval(refitted) }]),
      { title: 'Gauss-Newton', numeric: true, cell: ({ gaussNewton }) => change(gaussNewton) },
      { title: 'Linear share', numeric: true, cell: ({ linearShare }) => number(linearShare, 2) },
      { title: 'Shapley', numeric: true, cell: ({ shapley }) => change(shapley) },
      { title: 'Accuracy alone', numeric: true, cell: ({ accuracy }) => (accuracy === null ? '' : percent(accuracy)) },
      ...(partial ? [{ title: 'Answered', numeric: true, cell: ({ coverage }: RankedModel) => percent(coverage) }] : []),
      ...(priced ? [{ title: 'Cost', numeric: true, cell: ({ cost }: RankedModel) => number(cost) }] : []),
    ],
    rows,
  });
}

function copiesText({ copies, models }: PoolRanking): Markup {
  if (copies.length === 0) return html`<p>No two models give the same answers.</p>`;
  return html`<ul>${copies.map((group) => html`<li>Copies of one another: ${group.map((i) => models[i].name).join(', ')}. One of them is enough.</li>`)}</ul>`;
}

function pairTable({ pairs, models, level }: PoolRanking): Markup[] {
  const shown = pairs.filter(({ synergy }) => synergy.low > 0);
  if (shown.length === 0) return [];
  return [
    table({
      caption: `Pairs whose absence costs more than that of each alone, with ${Number((100 * level).toFixed(2))} % intervals: each hides what the other is worth.`,
      columns: [
        { title: 'Pair', cell: ({ models: [a, b] }) => `${models[a].name} and ${models[b].name}` },
        {
          title: 'Loss without both',
          numeric: true,
          cell: ({ worth }) => `${change(worth.value)} [${change(worth.low)}, ${change(worth.high)}]`,
        },
        {
          title: 'More than each alone',
          numeric: true,
          cell: ({ synergy }) => `${change(synergy.value)} [${change(synergy.low)}, ${change(synergy.high)}]`,
        },
      ],
      rows: shown,
    }),
  ];
}

function chosenText({ chosen, dropped, names, rule, search }: PoolSelection): Markup {
  const list = (models: readonly number[]) => (models.length === 0 ? 'none' : models.map((i) => names[i]).join(', '));
  const wanted =
    rule.kind === 'epsilon' ? `at most ${number(rule.value)} more loss than all models` : `a cost of at most ${number(rule.value)}`;
  const how =
    search === 'complete'
      ? 'Every set was looked at, so no other set does better by this rule.'
      : 'Not every set was looked at; a better one may exist.';
  return html`<p>Keep ${list(chosen.models)}. Drop ${list(dropped)}. The rule was ${wanted}. ${how} The set was chosen on these samples, so other samples will show a little more loss.</p>`;
}

function ceilingText({ ceiling, level }: PoolRanking): Markup {
  if (ceiling === null) return html``;
  return html`<p>On ${percent(ceiling.beta)} of the samples (${integer(ceiling.allWrong)} of ${integer(ceiling.samples)}; ${Number((100 * level).toFixed(2))} % interval ${percent(ceiling.low)} to ${percent(ceiling.high)}) every model is wrong. No vote over these models and no router that picks one of them can be right on more than ${percent(1 - ceiling.beta)}.</p>`;
}

function assumptionsOf(ranking: PoolRanking): string[] {
  const fitted = ranking.fit !== null;
  return [
    ...(fitted
      ? [`Every sample is scored by a head that was fitted without it, in ${ranking.folds} folds; one L2 was chosen on the same folds.`]
      : []),
    'Intervals are for the worth under the fitted heads, over other samples; they hold what the heads of the folds owe to one another’s samples.',
    fitted && ranking.baseline === 'mean'
      ? 'Without a model its mean answer over the training folds stands in.'
      : fitted
        ? 'Without a model an answer of zeros stands in (R-05).'
        : 'Without a model the others are averaged.',
    'Probabilities and logits are read as log-probabilities, none further than 14 below the largest of its sample.',
  ];
}
