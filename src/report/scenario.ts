/** The page of a map of scenarios: what every strategy brings against every defence, and where it begins to pay. */
import type { MapCell, MapSpec, Paying } from '../scenario/index.js';
import type { Figure } from './figure.js';
import { html } from './markup.js';
import { figureMarkup, page, type Section } from './page.js';
import { table } from './table.js';
import { PALETTE } from './theme.js';

/** Data of the page. */
export interface ScenarioPageData {
  readonly command: string;
  readonly spec: MapSpec;
  readonly cells: readonly MapCell[];
  /** Strategies that pay somewhere. */
  readonly paying: readonly Paying[];
  readonly version: string;
}

/** What a map rests on. */
const ASSUMPTIONS: readonly string[] = [
  'The loss lowers the payoff: P = -alpha L + tau R (R-01). Loss is measured against the honest network with every input open (R-02).',
  'Rows on record are read by all in the block after (R-16). A row is written before the block pays.',
  'Heads adapt to copies: identities that answer with the same function share its place.',
  'The honest twin has the same world, stake and defences. A gain is what lying adds to the payoffs of all trials, over what was minted to the twins.',
  'Intervals are 95 % percentile bootstrap intervals of the mean over trials.',
];

/** Gains beyond this are drawn in the last colour. */
const GAIN_SHOWN = 1;

/** Writes the page. */
export async function scenarioPage(data: ScenarioPageData): Promise<string> {
  const { spec, cells, paying } = data;
  const figures = [...spec.ratios.map((ratio) => gainMap(spec, cells, ratio)), ...shareCurves(spec, cells)];
  const drawn = await Promise.all(figures.map((figure, k) => figureMarkup(figure, `Figure ${k + 1}`)));
  const sections: Section[] = [
    { id: 'gain', title: 'What lying brings', body: drawn.slice(0, spec.ratios.length) },
    { id: 'stake', title: 'Stake at the end', body: drawn.slice(spec.ratios.length) },
    { id: 'paying', title: 'Strategies that pay', body: [payingTable(paying)] },
  ];
  return page({
    title: 'Does lying pay?',
    lead: `${spec.strategies.length} strategies against ${spec.defences.length} defences at ${spec.stakes.length} stakes and ${spec.ratios.length} prices: ${cells.length} cells. In ${cells.filter(({ gain }) => gain.low > 0).length} of them lying brings more than honesty, with the whole interval above zero.`,
    command: data.command,
    facts: [
      { name: 'Seed', value: spec.seed },
      { name: 'Players', value: `${spec.players}, ${spec.members} in the coalition` },
      { name: 'Trials a cell', value: spec.trials },
      { name: 'Blocks', value: spec.blocks },
      { name: 'Temperature T', value: spec.temperature },
      { name: 'Inflation tau', value: spec.tau },
      { name: 'Law of H', value: spec.law },
      { name: 'Version', value: data.version },
    ],
    assumptions: ASSUMPTIONS,
    sections,
  });
}

function provenance(spec: MapSpec): string {
  return `Seed ${spec.seed}, n ${spec.players}, coalition ${spec.members}, ${spec.trials} trials, ${spec.blocks} blocks, T ${spec.temperature}, tau ${spec.tau}, law of H ${spec.law}.`;
}

/** One heat map a price: strategy down, stake across, one panel a defence. */
function gainMap(spec: MapSpec, cells: readonly MapCell[], ratio: number): Figure {
  const values = cells
    .filter((cell) => cell.ratio === ratio)
    .map((cell) => ({ ...cell, gain: cell.gain.mean, sign: cell.gain.low > 0 ? '+' : '' }));
  const x = { field: 'stake', type: 'ordinal', title: 'stake of the coalition', axis: { labelAngle: 0 } };
  const y = { field: 'strategy', type: 'nominal', title: null, sort: [...spec.strategies] };
  return {
    name: `gain-${String(ratio).replace('.', '-')}`,
    title: `Gain over the honest twin at alpha / tau = ${ratio}`,
    caption: `Blue cells gain, orange cells lose; colours end at ${GAIN_SHOWN} times the honest income. A plus marks a gain whose interval lies above zero. ${provenance(spec)}`,
    spec: {
      columns: 2,
      spacing: { row: 60, column: 30 },
      concat: spec.defences.map((defence) => ({
        title: defence.split('+'), // one part a line: several are wider than a panel
        width: { step: 34 },
        height: { step: 22 },
        data: { values: values.filter((value) => value.defence === defence) },
        encoding: { x, y },
        layer: [
          {
            mark: 'rect',
            encoding: {
              color: {
                field: 'gain',
                type: 'quantitative',
                title: 'gain',
                scale: { domain: [-GAIN_SHOWN, 0, GAIN_SHOWN], range: ['#e0662b', '#f3f1ec', '#3a7fc1'], interpolate: 'rgb', clamp: true },
              },
            },
          },
          { mark: { type: 'text', color: '#1b1b1b', fontSize: 13 }, encoding: { text: { field: 'sign', type: 'nominal' } } },
        ],
      })) as never,
      resolve: { scale: { color: 'shared' } },
    },
  };
}

/** Defences side by side in one figure of curves. */
const CURVES_ACROSS = 6;

/**
 * Share of stake at the end above that of the honest twin, over the share at the start: a panel for each strategy and defence, so that no line lies on another.
 * Prices do not change it.
 */
function shareCurves(spec: MapSpec, cells: readonly MapCell[]): Figure[] {
  const above = cells
    .filter((cell) => cell.ratio === spec.ratios[0])
    .map(({ strategy, defence, stake, share: { mean, low, high }, twinShare }) => ({
      ...{ strategy, defence, stake, honest: 0 },
      ...{ mean: mean - twinShare, low: low - twinShare, high: high - twinShare },
    }));
  const range: Range = [Math.min(0, ...above.map(({ low }) => low)), Math.max(0, ...above.map(({ high }) => high))];
  const count = Math.ceil(spec.defences.length / CURVES_ACROSS);
  return Array.from({ length: count }, (_, k) => {
    const defences = spec.defences.slice(k * CURVES_ACROSS, (k + 1) * CURVES_ACROSS);
    const values = above.filter(({ defence }) => defences.includes(defence));
    return {
      name: `share-${k + 1}`,
      title: `Share of stake at the end, above the honest twin's${count > 1 ? `, part ${k + 1}` : ''}`,
      caption: `Over the share at the start; the dashed line is the honest twin, the band the 95 % interval of the mean over trials. The same at every price of loss. ${provenance(spec)}`,
      spec: sharePanels(spec, defences, values, range),
    };
  });
}

type Range = readonly [number, number];

function sharePanels(spec: MapSpec, defences: readonly string[], values: readonly object[], range: Range): Figure['spec'] {
  const scale = (domain: Range) => ({ domain, nice: false, zero: false });
  const x = {
    field: 'stake',
    type: 'quantitative',
    title: 'share at the start',
    scale: scale([0, Math.max(...spec.stakes)]),
    axis: { tickCount: 3 },
  };
  const y = (field: string) => ({ field, type: 'quantitative', title: null, scale: scale(range), axis: { tickCount: 3, format: '+.2' } });
  const header = { labelFontSize: 12 };
  return {
    data: { values },
    facet: {
      // The parts of a defence one below the other.
      column: {
        field: 'defence',
        type: 'nominal',
        sort: [...defences],
        title: null,
        header: { ...header, labelExpr: "split(datum.label, '+')" },
      },
      row: {
        field: 'strategy',
        type: 'nominal',
        sort: [...spec.strategies],
        title: null,
        header: { ...header, labelAngle: 0, labelAlign: 'left' },
      },
    },
    spacing: { row: 10, column: 14 },
    spec: {
      width: 104,
      height: 58,
      layer: [
        { mark: { type: 'line', strokeDash: [4, 3], color: 'currentColor', strokeWidth: 1.2 }, encoding: { x, y: y('honest') } },
        { mark: { type: 'area', color: PALETTE[0], opacity: 0.3 }, encoding: { x, y: y('low'), y2: { field: 'high' } } },
        { mark: { type: 'line', color: PALETTE[0] }, encoding: { x, y: y('mean') } },
      ],
    },
  } as never;
}

function payingTable(paying: readonly Paying[]) {
  if (paying.length === 0) return html`<p>No strategy pays in any cell.</p>`;
  const stake = (value: number | null): string => (value === null ? 'never' : value === 0 ? 'any' : value.toFixed(3));
  return table<Paying>({
    caption:
      'Strategies with at least one cell whose interval of the gain lies above zero. A stake of "any" pays from the least stake of the map on.',
    columns: [
      { title: 'Strategy', cell: ({ strategy }) => strategy },
      { title: 'Defence', cell: ({ defence }) => defence },
      { title: 'alpha / tau', numeric: true, cell: ({ ratio }) => ratio },
      { title: 'Pays from stake', numeric: true, cell: ({ stake: from }) => stake(from) },
      { title: '95 % interval', numeric: true, cell: ({ low, high }) => `${stake(low)} to ${stake(high)}` },
      {
        title: 'Largest gain',
        numeric: true,
        cell: ({ best }) => `${best.gain.mean.toFixed(3)} [${best.gain.low.toFixed(3)}, ${best.gain.high.toFixed(3)}]`,
      },
      { title: 'At stake', numeric: true, cell: ({ best }) => best.stake },
      { title: 'Share at the end', numeric: true, cell: ({ best }) => best.share.mean.toFixed(3) },
      { title: 'Honest twin', numeric: true, cell: ({ best }) => best.twinShare.toFixed(3) },
    ],
    rows: [...paying].sort((a, b) => b.best.gain.mean - a.best.gain.mean),
  });
}
