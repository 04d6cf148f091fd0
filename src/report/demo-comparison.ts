/** Two rankings of a demonstration run set against each other, one labelled point a participant. */
import type { DemoResult, RankingName } from '../demo/result.js';
import { agreementOf, LABEL_SIZE, provenance, rankingOf, roleScales } from './demo-parts.js';
import type { Figure } from './figure.js';
import { correlation } from './format.js';
import { fitScale, fromPixels, type PixelScale, placeLabels, toPixels } from './labels.js';

/** Two rankings to set against each other, across and up. */
interface Comparison {
  readonly figure: string;
  readonly title: string;
  readonly truth: RankingName;
  readonly measured: RankingName;
  /** Scale of both axes. Default: logarithmic where all values are above zero and far apart. */
  readonly scale?: 'linear';
}

export const MEASURE_AGAINST_TRUTH: Comparison = {
  figure: 'ranking-against-truth',
  title: 'The measure against the truth',
  truth: 'ablation',
  measured: 'ideal',
};

/** Its truth is the one that is normalised by row, as the ledger's rows are. */
export const LEDGER_AGAINST_TRUTH: Comparison = {
  figure: 'ledger-against-truth',
  title: 'The ledger against its truth',
  truth: 'ablationByRow',
  measured: 'ledger',
  scale: 'linear', // shares of one size beside one that is next to nothing
};

/** Value by a ranking against value by the truth that it estimates, one labelled point a participant. */
export function rankingAgainstTruth(result: DemoResult, comparison: Comparison): Figure {
  const size = { width: 620, height: 440 };
  const truth = rankingOf(result, comparison.truth);
  const measured = rankingOf(result, comparison.measured);
  // One kind of scale for both axes, so that equal steps mean the same on either.
  const kinds = [truth.values, measured.values].map((values) => fitScale(values, [0, 1]).kind);
  const kind = comparison.scale ?? (kinds.every((one) => one === 'log') ? 'log' : 'linear');
  const x = fitScale(truth.values, [0, size.width], kind);
  const y = fitScale(measured.values, [size.height, 0], kind);
  const points = result.participants.map((participant, index) => ({
    text: participant.name,
    x: toPixels(x, truth.values[index]!),
    y: toPixels(y, measured.values[index]!),
  }));
  const places = placeLabels({ points, ...size, fontSize: LABEL_SIZE });
  const rows = result.participants.map((participant, index) => ({
    name: participant.name,
    role: participant.role,
    truth: truth.values[index],
    measured: measured.values[index],
    labelX: fromPixels(x, places[index]!.x),
    labelY: fromPixels(y, places[index]!.y),
    far: places[index]!.far,
  }));
  const { colour, shape } = roleScales(result);
  const agreement = agreementOf(result, comparison.measured, comparison.truth);
  return {
    name: comparison.figure,
    title: comparison.title,
    caption:
      `Each point is a participant. Across: ${truth.title} (${truth.description}). Up: ${measured.title} (${measured.description}). ` +
      `Spearman ${correlation(agreement?.spearman ?? null)}, Kendall ${correlation(agreement?.kendall ?? null)}, ` +
      `Pearson ${correlation(agreement?.pearson ?? null)}. ${provenance(result)}`,
    spec: {
      ...size,
      data: { values: rows },
      layer: [
        {
          transform: [{ filter: 'datum.far' }],
          mark: { type: 'rule', opacity: 0.35 },
          encoding: { x: axis('truth', '', x), y: axis('measured', '', y), x2: { field: 'labelX' }, y2: { field: 'labelY' } },
        },
        {
          mark: { type: 'point', filled: true, size: 80, opacity: 1 },
          encoding: {
            x: axis('truth', `${truth.title} (${truth.unit})`, x),
            y: axis('measured', `${measured.title} (${measured.unit})`, y),
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

/** A quantitative axis on a scale whose pixels are known. */
export function axis(
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
