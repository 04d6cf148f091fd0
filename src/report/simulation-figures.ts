/** Figures of the empirical model: rankings against one another, correlation over alpha / tau, and the sensitivity table. */
import type { CellSummary } from '../sweep/index.js';
import type { Figure } from './figure.js';
import { correlation } from './format.js';
import { PALETTE } from './theme.js';

/** One peer of one trial: its rank by either ranking, relative to the mean of its trial. */
export interface RankPoint {
  readonly cell: number;
  readonly ideal: number;
  readonly competitive: number;
}

/** A mean correlation with its interval, in words. */
export function correlationWords(cell: CellSummary, measure: 'pearson' | 'spearman' | 'kendall' = 'pearson'): string {
  const { mean, low, high, count } = cell[measure];
  if (mean === null) return `undefined in all ${cell.trials} trials`;
  const interval = low === null || high === null ? '' : ` [${correlation(low)}, ${correlation(high)}]`;
  return `${correlation(mean)}${interval}${count < cell.trials ? `, undefined in ${cell.trials - count} of ${cell.trials}` : ''}`;
}

/** alpha / tau of a cell. */
export function ratioOf(cell: CellSummary): number {
  return Number(cell.theta['alpha']) / Number(cell.theta['tau']);
}

/** Figure 4: competitive against ideal rank, one panel an alpha / tau. */
export function rankPanels(cells: readonly CellSummary[], points: readonly RankPoint[], caption: string): Figure {
  const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), 1) * 1.04;
  const least = points.reduce((low, point) => Math.min(low, point.ideal), 1) * 0.96;
  const domains = { x: [least, most(points.map((point) => point.ideal))], y: [0, most(points.map((point) => point.competitive))] };
  return {
    name: 'figure-4',
    title: 'Competitive rank against ideal rank (the paper’s Figure 4)',
    caption: `Each dot is a peer of one trial; both ranks relative to the mean of the trial, the thin line is equality. Pearson is computed trial by trial and averaged, with its 95 % interval. ${stripes(points)} ${caption}`,
    spec: {
      columns: 2,
      bounds: 'flush',
      spacing: { row: 84, column: 64 },
      concat: cells.map((cell, index) => rankPanel(cell, points, domains, PALETTE[index % PALETTE.length]!)) as never,
    },
  };
}

/** What the horizontal stripes are: ranks of peers to whom whole rows of weight are given. */
function stripes(points: readonly RankPoint[]): string {
  const whole = points.filter((point) => Math.abs(point.competitive - Math.round(point.competitive)) < 1e-6).length;
  return `${Math.round((100 * whole) / Math.max(1, points.length))} % of the competitive ranks are whole multiples of the mean: most participants end by giving all their weight to one peer.`;
}

function rankPanel(cell: CellSummary, points: readonly RankPoint[], domains: { x: number[]; y: number[] }, colour: string): object {
  const own = points.filter((point) => point.cell === cell.cell);
  const end = Math.min(domains.x[1]!, domains.y[1]!);
  const x = {
    field: 'ideal',
    type: 'quantitative',
    title: 'ideal rank R / mean',
    scale: { domain: domains.x, nice: false },
    axis: { tickCount: 5 },
  };
  const y = {
    field: 'competitive',
    type: 'quantitative',
    title: 'competitive rank R* / mean',
    scale: { domain: domains.y, nice: false },
    axis: { tickCount: 5 },
  };
  return {
    width: 350,
    height: 280,
    data: { values: own },
    layer: [
      {
        data: {
          values: [
            { ideal: 0, competitive: 0 },
            { ideal: end, competitive: end },
          ],
        },
        mark: { type: 'line', strokeWidth: 1, opacity: 0.4, color: 'currentColor', clip: true },
        encoding: { x, y },
      },
      { mark: { type: 'circle', size: 16, opacity: 0.45, color: colour, clip: true }, encoding: { x, y } },
      line(`\u03b1/\u03c4 = ${ratioOf(cell)}`, -24, true),
      line(`Pearson ${correlationWords(cell)}`, -9, false),
    ],
  };
}

function line(text: string, y: number, bold: boolean): object {
  return {
    data: { values: [{}] },
    mark: {
      type: 'text',
      text,
      x: 0,
      y,
      align: 'left',
      baseline: 'middle',
      fontSize: bold ? 13 : 12,
      fontWeight: bold ? 'bold' : 'normal',
    },
  };
}

interface CurvePoint {
  readonly ratio: number;
  readonly T: string;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** A mean of fewer trials says too little to be drawn. */
const FEWEST = 5;

/** Correlation, undefined share and diagonal share over alpha / tau, one line a temperature. */
export function ratioCurves(cells: readonly CellSummary[], caption: string): Figure {
  const temperatures = [...new Set(cells.map((cell) => Number(cell.theta['temperature'])))]
    .sort((a, b) => a - b)
    .map((value) => `T = ${value}`);
  const rows = (value: (cell: CellSummary) => Omit<CurvePoint, 'ratio' | 'T'> | null): CurvePoint[] =>
    cells.flatMap((cell) => {
      const found = value(cell);
      return found === null ? [] : [{ ratio: ratioOf(cell), T: `T = ${String(cell.theta['temperature'])}`, ...found }];
    });
  const mean = (measure: 'pearson' | 'diagonalShare') => (cell: CellSummary) => {
    const { mean: value, low, high } = cell[measure];
    return value === null || cell[measure].count < FEWEST ? null : { mean: value, low: low ?? value, high: high ?? value };
  };
  const undefinedShare = (cell: CellSummary): { mean: number; low: number; high: number } => {
    const share = 1 - cell.pearson.count / cell.trials;
    return { mean: share, low: share, high: share };
  };
  const converged = (cell: CellSummary): { mean: number; low: number; high: number } => ({
    mean: cell.converged.share,
    ...pick(cell.converged),
  });
  return {
    name: 'ratio-curves',
    title: 'What the ratio and the temperature do',
    caption: `Bars are 95 % intervals over trials. A trial whose competitive ranking is constant (W = I) has no correlation: it is counted in the second panel and enters no mean; a mean of fewer than ${FEWEST} trials is not drawn. ${caption}`,
    spec: {
      columns: 2,
      bounds: 'flush',
      spacing: { row: 84, column: 64 },
      concat: [
        curvePanel('mean Pearson of R* and R, where it is defined', rows(mean('pearson')), temperatures, [-0.2, 1]),
        curvePanel('share of trials without a correlation', rows(undefinedShare), temperatures, [0, 1]),
        curvePanel('diagonal share, trace / total', rows(mean('diagonalShare')), temperatures, [0, 1]),
        curvePanel('share of trials converged', rows(converged), temperatures, [0, 1]),
      ] as never,
    },
  };
}

function pick({ low, high }: { readonly low: number; readonly high: number }): { low: number; high: number } {
  return { low, high };
}

function curvePanel(title: string, rows: readonly CurvePoint[], temperatures: readonly string[], domain: readonly number[]): object {
  const ratios = [...new Set(rows.map((row) => row.ratio))].sort((a, b) => a - b);
  const values = ratios.length > 6 ? ratios.filter((_, index) => index % 2 === 0) : ratios;
  const x = {
    field: 'ratio',
    type: 'quantitative',
    title: '\u03b1/\u03c4',
    scale: { type: 'log', nice: false },
    axis: { values, format: ',~r', grid: false },
  };
  const y = { field: 'mean', type: 'quantitative', title: null, scale: { domain, nice: false }, axis: { tickCount: 6 } };
  const legend = { orient: 'top', direction: 'horizontal', title: null, offset: 26 };
  const color = {
    field: 'T',
    type: 'nominal',
    sort: temperatures,
    scale: { domain: temperatures, range: PALETTE.slice(0, temperatures.length) },
    legend,
  };
  return {
    width: 350,
    height: 230,
    data: { values: rows },
    layer: [
      { mark: { type: 'line', strokeWidth: 1.6, clip: true }, encoding: { x, y, color } },
      { mark: { type: 'rule', strokeWidth: 1.4, clip: true }, encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' }, color } },
      { mark: { type: 'circle', size: 32, opacity: 1, clip: true }, encoding: { x, y, color } },
      line(title, -12, true),
    ],
  };
}

/** One block of the sensitivity table: its heading and its cells, which differ in temperature and alpha / tau alone. */
export interface SensitivityBlock {
  readonly title: string;
  readonly cells: readonly CellSummary[];
}

/** Mean Pearson over temperature and alpha / tau, one block a choice of the rest. */
export function sensitivityBlocks(
  name: string,
  title: string,
  blocks: readonly SensitivityBlock[],
  columns: number,
  caption: string,
): Figure {
  return {
    name,
    title,
    caption: `Mean Pearson of R* and R. A percentage under a number is the share of trials without a correlation, which enter no mean; where no trial has one the cell says none. ${caption}`,
    spec: {
      columns,
      bounds: 'flush',
      spacing: { row: 78, column: 62 },
      concat: blocks.map(sensitivityBlock) as never,
    },
  };
}

function sensitivityBlock(block: SensitivityBlock): object {
  const rows = block.cells.map(sensitivityRow);
  const sorted = (field: 'T' | 'ratio'): number[] => [...new Set(rows.map((row) => row[field]))].sort((a, b) => a - b);
  const temperatures = sorted('T');
  const ratios = sorted('ratio');
  const x = { field: 'ratio', type: 'ordinal', sort: ratios, title: '\u03b1/\u03c4', axis: { labelAngle: 0, domain: false, ticks: false } };
  const y = { field: 'T', type: 'ordinal', sort: [...temperatures].reverse(), title: 'T', axis: { domain: false, ticks: false } };
  const color = {
    field: 'pearson',
    type: 'quantitative',
    title: 'mean Pearson',
    scale: { domain: [-1, 1], range: ['#a8431c', '#f1ede4', '#1f5fa8'], interpolate: 'lab' },
    legend: { gradientLength: 160, values: [-1, -0.5, 0, 0.5, 1], format: '.1f' },
  };
  return {
    width: 54 * ratios.length,
    height: 34 * temperatures.length,
    data: { values: rows },
    layer: [
      { mark: { type: 'rect', stroke: 'currentColor', strokeOpacity: 0.15, fillOpacity: 0 }, encoding: { x, y } },
      { transform: [{ filter: 'datum.pearson !== null' }], mark: { type: 'rect' }, encoding: { x, y, color } },
      cellText("datum.missing === ''", 'value', 12, 0, { x, y }),
      cellText("datum.missing !== ''", 'value', 12, -5, { x, y }),
      cellText("datum.missing !== ''", 'missing', 9.5, 9, { x, y }),
      line(block.title, -12, true),
    ],
  };
}

function sensitivityRow(cell: CellSummary): {
  T: number;
  ratio: number;
  pearson: number | null;
  value: string;
  missing: string;
  light: boolean;
} {
  const missing = 1 - cell.pearson.count / cell.trials;
  const { mean } = cell.pearson;
  return {
    T: Number(cell.theta['temperature']),
    ratio: ratioOf(cell),
    pearson: mean,
    value: mean === null ? 'none' : mean.toFixed(2).replace('-', '\u2212'),
    missing: missing === 0 ? '' : `${Math.max(1, Math.round(100 * missing))} %`,
    light: Math.abs(mean ?? 0) > 0.62,
  };
}

/** Text on cells, dark or light by what is under it. */
function cellText(filter: string, field: string, fontSize: number, dy: number, position: object): object {
  const color = {
    condition: [
      { test: 'datum.pearson === null', value: 'currentColor' },
      { test: 'datum.light', value: '#ffffff' },
    ],
    value: '#1c2024',
  };
  return {
    transform: [{ filter }],
    mark: { type: 'text', fontSize, dy, baseline: 'middle' },
    encoding: { ...position, text: { field }, color },
  };
}
