/** The figures of a demonstration run, as Vega-Lite specifications with their data inside. */
import type { DemoParticipant, DemoResult } from '../demo/result.js';
import { axis, LEDGER_AGAINST_TRUTH, MEASURE_AGAINST_TRUTH, rankingAgainstTruth } from './demo-comparison.js';
import { LABEL_SIZE, provenance, rankingOf, roleScales } from './demo-parts.js';
import type { Figure } from './figure.js';
import { fitScale, fromPixels, type PixelScale, spread, toPixels } from './labels.js';
import { MATRIX_SCHEME } from './theme.js';

/** Every figure of the page, in order. */
export function demoFigures(result: DemoResult): Figure[] {
  return [
    rankingAgainstTruth(result, MEASURE_AGAINST_TRUTH),
    rankingAgainstTruth(result, LEDGER_AGAINST_TRUTH),
    positionsByMethod(result),
    lossCurves(result),
    weightMatrix(result),
    stakeOverBlocks(result),
  ];
}

/** Position of every participant by every ranking, best first by the truth. */
function positionsByMethod(result: DemoResult): Figure {
  const truth = rankingOf(result, 'ablation');
  const order = result.participants
    .map((_, index) => index)
    .sort((a, b) => truth.positions[a]! - truth.positions[b]! || a - b)
    .map((index) => result.participants[index]!.name);
  const titles = result.rankings.map((ranking) => ranking.title);
  const rows = result.rankings.flatMap((ranking) =>
    result.participants.map((participant, index) => ({
      name: participant.name,
      ranking: ranking.title,
      position: ranking.positions[index],
      off: Math.abs(ranking.positions[index]! - truth.positions[index]!),
    })),
  );
  const n = result.participants.length;
  return {
    name: 'positions-by-method',
    title: 'Rankings side by side',
    caption: `Position of every participant (1 is best) by each ranking; rows in the order of ${truth.title}. The colour says how many places a ranking is off that truth.`,
    spec: {
      width: Math.max(360, titles.length * 120),
      height: n * 24,
      data: { values: rows },
      encoding: {
        x: {
          field: 'ranking',
          type: 'nominal',
          sort: titles,
          title: null,
          axis: { orient: 'top', labelAngle: 0, labelLimit: 116, domain: false, ticks: false },
        },
        y: { field: 'name', type: 'nominal', sort: order, title: null, axis: { domain: false, ticks: false } },
      },
      layer: [
        {
          mark: { type: 'rect', stroke: 'currentColor', strokeOpacity: 0.12 },
          encoding: {
            color: {
              field: 'off',
              type: 'quantitative',
              title: ['places off', 'the truth'],
              scale: { domain: [0, Math.max(4, Math.floor(n / 2))], range: ['#e0662b00', '#e0662bdd'], clamp: true },
              legend: { gradientLength: 120, tickMinStep: 1, format: 'd' },
            },
          },
        },
        { mark: { type: 'text', fontSize: 12 }, encoding: { text: { field: 'position', type: 'quantitative' } } },
      ],
    },
  };
}

/** Losses along the rounds, one panel a curve, one line a participant. */
function lossCurves(result: DemoResult): Figure {
  const last = result.curves[0]?.rounds.at(-1) ?? 0;
  return {
    name: 'loss-curves',
    title: 'Training',
    caption: `One line a participant over ${last} training rounds; lower is better. Each panel has its own scale. ${provenance(result)}`,
    spec: {
      columns: 2,
      bounds: 'flush',
      spacing: { row: 76, column: 56 },
      concat: result.curves.map((curve) => lossPanel(result, curve)) as never,
    },
  };
}

function lossPanel(result: DemoResult, curve: DemoResult['curves'][number]): object {
  const rows = curve.rounds.flatMap((round, point) =>
    result.participants.map((participant, index) => ({
      round,
      loss: curve.values[point]![index]!,
      name: participant.name,
      role: participant.role,
    })),
  );
  const legend = { orient: 'top', direction: 'horizontal', title: null, offset: 28 };
  return {
    width: 370,
    height: 220,
    data: { values: rows },
    layer: [
      {
        mark: { type: 'line', strokeWidth: 1.5, opacity: 0.85 },
        encoding: {
          x: { field: 'round', type: 'quantitative', title: 'round', axis: { tickMinStep: 1, tickCount: 6, grid: false } },
          y: { field: 'loss', type: 'quantitative', title: null, scale: { zero: false }, axis: { tickCount: 5 } },
          detail: { field: 'name' },
          color: { ...roleScales(result).colour, legend },
        },
      },
      heading(curve.title),
    ],
  };
}

/** A panel's title, at the same height in every panel whatever its axis labels take. */
function heading(text: string): object {
  return { data: { values: [{}] }, mark: { type: 'text', text, x: 0, y: -12, align: 'left', fontSize: 13, fontWeight: 'bold' } };
}

/** The final weights, rater by ranked. */
function weightMatrix(result: DemoResult): Figure {
  const names = result.participants.map((participant) => participant.name);
  const rows = result.weights.flatMap((row, rater) =>
    row.map((weight, ranked) => ({ rater: names[rater], ranked: names[ranked], weight })),
  );
  const cell = Math.max(16, Math.min(30, 600 / names.length));
  return {
    name: 'weight-matrix',
    title: 'The weights on the ledger, W',
    caption: `Row: the participant that gives the score; column: the participant that receives it. Every row sums to 1. ${provenance(result)}`,
    spec: {
      width: cell * names.length,
      height: cell * names.length,
      data: { values: rows },
      mark: { type: 'rect' },
      encoding: {
        x: { field: 'ranked', type: 'nominal', sort: names, title: 'receives', axis: { labelAngle: -50, domain: false, ticks: false } },
        y: { field: 'rater', type: 'nominal', sort: names, title: 'gives', axis: { domain: false, ticks: false } },
        color: {
          field: 'weight',
          type: 'quantitative',
          title: 'weight',
          scale: { scheme: MATRIX_SCHEME, type: 'sqrt' },
          legend: { gradientLength: 200, format: '.2~g', tickCount: 5 },
        },
      },
    },
  };
}

/** Stake along the blocks, with each line named at its end. */
function stakeOverBlocks(result: DemoResult): Figure {
  const size = { width: 620, height: 420 };
  const last = result.blocks.at(-1);
  const rows = result.blocks.flatMap((block) =>
    result.participants.map((participant, index) => ({
      height: block.height,
      stake: block.stake[index]!,
      name: participant.name,
      role: participant.role,
    })),
  );
  const scale = fitScale(
    rows.map((row) => row.stake),
    [size.height, 0],
    'linear',
  );
  const ends =
    last === undefined
      ? []
      : endLabels(result.participants, last.stake, scale, size.height).map((end) => ({ ...end, height: last.height }));
  const heights = result.blocks.map((block) => block.height);
  const { colour } = roleScales(result);
  const xScale = { domain: [Math.min(...heights), Math.max(...heights)], nice: false };
  const y = axis('stake', 'stake (tokens)', scale);
  return {
    name: 'stake-over-blocks',
    title: 'Stake on the ledger',
    caption:
      `All participants start with ${result.settings.initialStake} tokens; a block pays ${result.settings.tau} ` +
      `times the ranking of equation (5), ${result.settings.emission} norm (R-08). ${provenance(result)}`,
    spec: {
      ...size,
      data: { values: rows },
      layer: [
        {
          mark: { type: 'line', strokeWidth: 1.6 },
          encoding: {
            x: { field: 'height', type: 'quantitative', title: 'block', scale: xScale, axis: { tickMinStep: 1, grid: false } },
            y,
            detail: { field: 'name' },
            color: { ...colour, legend: { orient: 'top', direction: 'horizontal', title: null } } as never,
          },
        },
        {
          data: { values: ends },
          mark: { type: 'text', align: 'left', dx: 12, baseline: 'middle', fontSize: LABEL_SIZE },
          encoding: { x: { field: 'height', type: 'quantitative' }, y: { ...axis('label', '', scale) }, text: { field: 'name' } },
        },
      ],
    },
  };
}

function endLabels(participants: readonly DemoParticipant[], stake: readonly number[], scale: PixelScale, height: number): object[] {
  const wanted = stake.map((value) => toPixels(scale, value));
  const placed = spread(wanted, LABEL_SIZE + 2, height);
  return participants.map((participant, index) => ({ name: participant.name, label: fromPixels(scale, placed[index]!) }));
}
