/** The page of Figure 5: inflation that adapts until the weights are as sparse as asked for. */
import type { Figure } from './figure.js';
import { correlation, integer, number } from './format.js';
import { html, type Markup } from './markup.js';
import { type Fact, page } from './page.js';
import { type DrawnPage, drawAll, type SolverWords, UNPUBLISHED } from './simulation.js';
import { table } from './table.js';
import { PALETTE } from './theme.js';

/** One moment of a run. */
export interface AdaptivePoint {
  readonly step: number;
  readonly tau: number;
  /** trace / (total - trace); null when no participant gives weight to another. */
  readonly diagonalRatio: number | null;
  readonly diagonalShare: number;
  /** Of the competitive ranking with the ideal one; null where it is undefined. */
  readonly pearson: number | null;
}

/** One run of the controller. */
export interface AdaptiveRun {
  /** Where it starts, in words: runs of one group share a colour. */
  readonly group: string;
  readonly trial: number;
  readonly points: readonly AdaptivePoint[];
}

/** Data of the page. */
export interface Figure5Data {
  readonly command: string;
  readonly solver: SolverWords;
  readonly seed: number;
  readonly n: number;
  readonly trials: number;
  readonly temperature: number;
  readonly alpha: number;
  readonly hessian: string;
  readonly stake: string;
  /** Which sparsity is steered, and to what. */
  readonly measure: 'diagonalRatio' | 'diagonalShare';
  readonly target: number;
  /** The control law with its numbers, in words. */
  readonly controller: string;
  readonly runs: readonly AdaptiveRun[];
}

/** Writes the page of Figure 5. */
export async function figure5Page(data: Figure5Data): Promise<DrawnPage> {
  const { drawn, svgs } = await drawAll([adaptiveFigure(data)]);
  const ends = groupsOf(data).map((group) => endOf(data, group));
  return {
    figures: svgs,
    html: page({
      title: 'Figure 5: inflation that adapts',
      lead: leadOf(data, ends),
      command: data.command,
      facts: factsOf(data),
      assumptions: [
        ...UNPUBLISHED,
        'The paper gives the control of tau in words only; the law used here is integral control with anti-windup, tau >= 0 (R-21).',
        'The sparsity is trace / (total - trace), as the words of the paper say; its formula, trace / total, would make a target of 1 the identity, the worst ranking (R-20).',
      ],
      sections: [{ id: 'run', title: 'Sparsity, inflation, ranking', body: [drawn[0]!, endTable(ends)] }],
    }),
  };
}

function adaptiveFigure(data: Figure5Data): Figure {
  const groups = groupsOf(data);
  const rows = data.runs.flatMap((run) => run.points.map((point) => ({ ...point, group: run.group, trial: run.trial })));
  const panel = (field: keyof AdaptivePoint, title: string, target: number | undefined): object =>
    adaptivePanel(rows, groups, field, title, target);
  const steered = (field: keyof AdaptivePoint): number | undefined => (field === data.measure ? data.target : undefined);
  return {
    name: 'figure-5',
    title: 'Adaptive inflation (the paper\u2019s Figure 5)',
    caption:
      `Thin lines are trials, the thick line is their median; the dashed line is the target. ${data.controller} n = ${data.n}; ${data.trials} trials; T = ${data.temperature}; ` +
      `alpha = ${data.alpha}; S: ${data.stake}; H: ${data.hessian}; ${data.solver.method}; seed ${data.seed}.`,
    spec: {
      columns: 2,
      bounds: 'flush',
      spacing: { row: 84, column: 64 },
      concat: [
        panel('diagonalRatio', 'diagonal ratio, trace / (total \u2212 trace)', steered('diagonalRatio')),
        panel('tau', 'inflation \u03c4', undefined),
        panel('pearson', 'Pearson of R* and R, where it is defined', undefined),
        panel('diagonalShare', 'diagonal share, trace / total', steered('diagonalShare')),
      ] as never,
    },
  };
}

/** The ratio spans many powers of ten near W = I; what lies beyond the panel is cut off. */
const PANEL_SCALES: Readonly<Partial<Record<keyof AdaptivePoint, object>>> = {
  diagonalRatio: {
    scale: { type: 'log', domain: [0.05, 100], clamp: false, nice: false },
    axis: { values: [0.1, 0.3, 1, 3, 10, 30, 100], format: '~r' },
  },
  diagonalShare: { scale: { domain: [0, 1] }, axis: { tickCount: 5 } },
  pearson: { scale: { domain: [-0.2, 1], nice: false }, axis: { tickCount: 6 } },
  tau: { scale: { zero: true }, axis: { tickCount: 5 } },
};

type Row = AdaptivePoint & { readonly group: string; readonly trial: number };

function adaptivePanel(
  rows: readonly Row[],
  groups: readonly string[],
  field: keyof AdaptivePoint,
  title: string,
  target: number | undefined,
): object {
  const shown = rows
    .filter((row) => row[field] !== null)
    .map((row) => ({ step: row.step, value: row[field], group: row.group, run: `${row.group} ${row.trial}` }));
  const x = { field: 'step', type: 'quantitative', title: 'step', axis: { tickCount: 5, grid: false, format: ',~r' } };
  const y = { field: 'value', type: 'quantitative', title: null, ...PANEL_SCALES[field] };
  const legend = { orient: 'top', direction: 'horizontal', title: null, offset: 26, symbolOpacity: 1, symbolStrokeWidth: 2.4 };
  const color = {
    field: 'group',
    type: 'nominal',
    sort: groups,
    scale: { domain: groups, range: PALETTE.slice(0, groups.length) },
    legend,
  };
  const rule =
    target === undefined
      ? []
      : [{ data: { values: [{ value: target }] }, mark: { type: 'rule', strokeDash: [5, 4], opacity: 0.7 }, encoding: { y } }];
  return {
    width: 350,
    height: 230,
    data: { values: shown },
    layer: [
      { mark: { type: 'line', strokeWidth: 0.8, opacity: 0.3, clip: true }, encoding: { x, y, color, detail: { field: 'run' } } },
      { mark: { type: 'line', strokeWidth: 2.4, clip: true }, encoding: { x, y: { ...y, aggregate: 'median' }, color } },
      ...rule,
      { data: { values: [{}] }, mark: { type: 'text', text: title, x: 0, y: -12, align: 'left', fontSize: 13, fontWeight: 'bold' } },
    ],
  };
}

interface End {
  readonly group: string;
  readonly ratio: string;
  readonly tau: string;
  readonly pearsonFirst: string;
  /** Highest median on the way, and its step. */
  readonly pearsonBest: string;
  readonly pearsonLast: string;
  readonly reached: string;
}

/** What the runs of a group began and ended with, as medians over trials. */
function endOf(data: Figure5Data, group: string): End {
  const runs = data.runs.filter((run) => run.group === group);
  const last = runs.map((run) => run.points.at(-1)!);
  const at = (points: readonly AdaptivePoint[], field: keyof AdaptivePoint): string => {
    const values = points.map((point) => point[field]).filter((value) => value !== null);
    const missing = points.length - values.length;
    const middle = median(values);
    const words = middle === null ? 'undefined' : field === 'pearson' ? correlation(middle) : number(middle);
    return missing === 0 || middle === null ? words : `${words} (undefined in ${missing})`;
  };
  const near = last.filter(
    (point) => point[data.measure] !== null && Math.abs(point[data.measure]! - data.target) <= 0.1 * data.target,
  ).length;
  return {
    group,
    ratio: at(last, data.measure),
    tau: at(last, 'tau'),
    pearsonFirst: at(
      runs.map((run) => run.points[0]!),
      'pearson',
    ),
    pearsonBest: bestOf(runs),
    pearsonLast: at(last, 'pearson'),
    reached: `${near} of ${runs.length}`,
  };
}

/** The highest median correlation of a group along its runs, counting only moments at which half the runs have one. */
function bestOf(runs: readonly AdaptiveRun[]): string {
  let best = { value: Number.NEGATIVE_INFINITY, step: 0 };
  for (const [k, { step }] of runs[0]!.points.entries()) {
    const values = runs.map((run) => run.points[k]!.pearson).filter((value) => value !== null);
    const middle = 2 * values.length >= runs.length ? median(values) : null;
    if (middle !== null && middle > best.value) best = { value: middle, step };
  }
  return best.value === Number.NEGATIVE_INFINITY ? 'undefined' : `${correlation(best.value)} at step ${integer(best.step)}`;
}

function leadOf(data: Figure5Data, ends: readonly End[]): string {
  const parts = ends.map(
    (end) =>
      `${end.group}, the median correlation of competitive and ideal rank begins ${end.pearsonFirst === 'undefined' ? 'undefined' : `at ${end.pearsonFirst}`}, is highest with ${end.pearsonBest}, and ends at ${end.pearsonLast}; the sparsity ends at ${end.ratio}`,
  );
  return `Inflation is raised or lowered until the ${data.measure === 'diagonalRatio' ? 'diagonal ratio' : 'diagonal share'} of the weights is ${data.target}. ${parts.map((part) => part[0]!.toUpperCase() + part.slice(1)).join('. ')}.`;
}

function endTable(ends: readonly End[]): Markup {
  return html`${table({
    caption: 'Medians over the trials of each start. Reached: within 10 % of the target at the end.',
    rows: ends,
    columns: [
      { title: 'start', cell: (end) => end.group },
      { title: 'sparsity at the end', numeric: true, cell: (end) => end.ratio },
      { title: 'reached', numeric: true, cell: (end) => end.reached },
      { title: '\u03c4 at the end', numeric: true, cell: (end) => end.tau },
      { title: 'Pearson at the start', numeric: true, cell: (end) => end.pearsonFirst },
      { title: 'highest Pearson', numeric: true, cell: (end) => end.pearsonBest },
      { title: 'Pearson at the end', numeric: true, cell: (end) => end.pearsonLast },
    ],
  })}`;
}

function factsOf(data: Figure5Data): Fact[] {
  return [
    { name: 'seed', value: data.seed },
    { name: 'participants n', value: data.n },
    { name: 'trials', value: data.trials },
    { name: 'temperature T', value: data.temperature },
    { name: 'stake S', value: data.stake },
    { name: 'law of H', value: data.hessian },
    { name: '\u03b1', value: data.alpha },
    { name: 'target', value: `${data.measure} = ${data.target}` },
    { name: 'method', value: data.solver.method },
    { name: 'backend', value: data.solver.backend },
    { name: 'intermodel', value: data.solver.version },
  ];
}

function groupsOf(data: Figure5Data): string[] {
  return [...new Set(data.runs.map((run) => run.group))];
}

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
