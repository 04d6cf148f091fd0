/** The figures of a demonstration run, as Vega-Lite specifications with their data inside. */
import { InputError } from '../core/errors.js';
import type { DemoParticipant, DemoResult } from '../demo/result.js';
import type { Figure } from './figure.js';
import { correlation } from './format.js';
import { fitScale, fromPixels, type PixelScale, placeLabels, spread, toPixels } from './labels.js';
import { MATRIX_SCHEME, PALETTE, SHAPES } from './theme.js';

/** Roles in the order of their colours. */
const ROLES = ['generalist', 'specialist', 'scarce', 'copy', 'shuffled', 'noise'] as const;
const ROLE_COLOURS: Readonly<Record<string, string>> = Object.fromEntries(
  [PALETTE[0], PALETTE[2], PALETTE[4], PALETTE[3], PALETTE[1], PALETTE[5]].map((colour, index) => [ROLES[index]!, colour]),
);

const LABEL_SIZE = 11;

/** Colour and shape of a role, the same in every figure. */
function roleScales(result: DemoResult): { colour: object; shape: object } {
  const present = ROLES.filter((role) => result.participants.some((participant) => participant.role === role));
  const field = { field: 'role', type: 'nominal' } as const;
  return {
    colour: { ...field, title: 'built as', scale: { domain: present, range: present.map((role) => ROLE_COLOURS[role]!) } },
    shape: { ...field, title: 'built as', scale: { domain: present, range: present.map((role) => SHAPES[ROLES.indexOf(role)]!) } },
  };
}

/** Colour of a role, for keys in tables. */
export function roleColour(role: string): string {
  return ROLE_COLOURS[role] ?? PALETTE[0];
}

/** Every figure of the page, in order. */
export function demoFigures(result: DemoResult): Figure[] {
  return [rankingAgainstTruth(result), positionsByMethod(result), lossCurves(result), weightMatrix(result), stakeOverBlocks(result)];
}

/** Value by the ideal ranking against value by exact ablation, one labelled point a participant. */
function rankingAgainstTruth(result: DemoResult): Figure {
  const size = { width: 620, height: 440 };
  const truth = rankingOf(result, 'ablation');
  const ideal = rankingOf(result, 'ideal');
  // One kind of scale for both axes, so that equal steps mean the same on either.
  const kinds = [truth.values, ideal.values].map((values) => fitScale(values, [0, 1]).kind);
  const kind = kinds.every((one) => one === 'log') ? 'log' : 'linear';
  const x = fitScale(truth.values, [0, size.width], kind);
  const y = fitScale(ideal.values, [size.height, 0], kind);
  const points = result.participants.map((participant, index) => ({
    text: participant.name,
    x: toPixels(x, truth.values[index]!),
    y: toPixels(y, ideal.values[index]!),
  }));
  const places = placeLabels({ points, ...size, fontSize: LABEL_SIZE });
  const rows = result.participants.map((participant, index) => ({
    name: participant.name,
    role: participant.role,
    truth: truth.values[index],
    ideal: ideal.values[index],
    labelX: fromPixels(x, places[index]!.x),
    labelY: fromPixels(y, places[index]!.y),
    far: places[index]!.far,
  }));
  const { colour, shape } = roleScales(result);
  const agreement = agreementOf(result, 'ideal', 'ablation');
  return {
    name: 'ranking-against-truth',
    title: 'The measure against the truth',
    caption:
      `Each point is a participant. Across: ${truth.title} (${truth.description}). Up: ${ideal.title} (${ideal.description}). ` +
      `Spearman ${correlation(agreement?.spearman ?? null)}, Kendall ${correlation(agreement?.kendall ?? null)}, ` +
      `Pearson ${correlation(agreement?.pearson ?? null)}. ${provenance(result)}`,
    spec: {
      ...size,
      data: { values: rows },
      layer: [
        {
          transform: [{ filter: 'datum.far' }],
          mark: { type: 'rule', opacity: 0.35 },
          encoding: { x: axis('truth', '', x), y: axis('ideal', '', y), x2: { field: 'labelX' }, y2: { field: 'labelY' } },
        },
        {
          mark: { type: 'point', filled: true, size: 80, opacity: 1 },
          encoding: {
            x: axis('truth', `${truth.title} (${truth.unit})`, x),
            y: axis('ideal', `${ideal.title} (${ideal.unit})`, y),
            color: colour as never,
            shape: shape as never,
          },
        },
        {
          mark: { type: 'text', fontSize: LABEL_SIZE, baseline: 'middle', align: 'center' },
          encoding: { x: axis('labelX', '', x), y: axis('labelY', '', y), text: { field: 'name' } },
        },
      ],
    },
  };
}

function axis(
  field: string,
  title: string,
  scale: PixelScale,
): { field: string; type: 'quantitative'; title: string; scale: object; axis?: object } {
  return {
    field,
    type: 'quantitative',
    title,
    scale: { type: scale.kind, domain: [...scale.domain], nice: false, ...(scale.kind === 'linear' ? { zero: false } : {}) },
    ...(title === '' ? {} : { axis: { format: ',~r', tickCount: scale.kind === 'log' ? 4 : 6 } }),
  };
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
      `Everybody starts with ${result.settings.initialStake} tokens; a block pays ${result.settings.tau} ` +
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

function rankingOf(result: DemoResult, name: string): DemoResult['rankings'][number] {
  const found = result.rankings.find((ranking) => ranking.name === name);
  if (found === undefined) throw new InputError('BTM_DOMAIN', `holds no ranking '${name}'`, { argument: 'result.rankings' });
  return found;
}

/** The agreement of two rankings, whichever way round it was recorded. */
export function agreementOf(result: DemoResult, a: string, b: string): DemoResult['agreement'][number] | undefined {
  return result.agreement.find((pair) => (pair.a === a && pair.b === b) || (pair.a === b && pair.b === a));
}

function provenance(result: DemoResult): string {
  return `Seed ${result.seed}, ${result.participants.length} participants, ${result.data.name}, ${result.settings.estimator} over ${result.settings.validation} samples.`;
}
