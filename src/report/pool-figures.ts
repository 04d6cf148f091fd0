/** The figures of a ranked pool, as Vega-Lite specifications with their data inside. */
import type { PoolRanking, PoolSelection, RankedModel } from '../stacking/index.js';
import type { Figure } from './figure.js';
import { integer } from './format.js';
import { fitScale, fromPixels, placeLabels, toPixels } from './labels.js';
import { PALETTE } from './theme.js';

/** Every figure of the page, in order; the selection's where there is one. */
export function poolFigures(ranking: PoolRanking, selection: PoolSelection | null): Figure[] {
  const figures = [worthFigure(ranking), gramFigure(ranking)];
  if (ranking.models.some(({ accuracy }) => accuracy !== null)) figures.push(accuracyFigure(ranking));
  if (selection !== null) figures.push(...selectionFigures(selection));
  return figures;
}

/** Names longer than this are cut in axes; tables show them whole. */
const NAME_PIXELS = 380;

/** Models from the one that is worth most. */
function inOrder(ranking: PoolRanking): RankedModel[] {
  return [...ranking.models].sort((a, b) => a.position - b.position);
}

function worthFigure(ranking: PoolRanking): Figure {
  const order = inOrder(ranking);
  const names = order.map(({ name }) => name);
  const measures = ranking.refitBy === null ? ['same head'] : ['same head', 'fitted again'];
  const rows = order.flatMap((model) => [
    { name: model.name, measure: 'same head', ...model.worth },
    ...(model.refitted === null ? [] : [{ name: model.name, measure: 'fitted again', ...model.refitted }]),
  ]);
  const y = { field: 'name', type: 'nominal', sort: names, title: null, axis: { labelLimit: NAME_PIXELS } };
  const yOffset = { field: 'measure', type: 'nominal', sort: measures };
  const colour = {
    field: 'measure',
    type: 'nominal',
    title: 'without the model, the head is',
    legend: { orient: 'top', direction: 'horizontal' },
    scale: { domain: measures, range: PALETTE.slice(0, measures.length) },
  };
  const x = { field: 'value', type: 'quantitative', title: 'held-out loss that its absence costs' };
  return {
    name: 'worth',
    title: 'What each model is worth',
    caption: `Loss that the absence of a model costs on samples the head did not see, with ${`${Number((100 * ranking.level).toFixed(2))} %`} intervals from ${integer(ranking.resamples)} paired bootstrap resamples of ${integer(ranking.resampled.units)} ${ranking.resampled.what}, seed ${ranking.seed}. An interval that covers 0 does not tell the model from one that adds nothing.`,
    spec: {
      width: 460,
      height: { step: measures.length > 1 ? 11 : 16 },
      data: { values: rows },
      layer: [
        {
          data: { values: [{ zero: 0 }] },
          mark: { type: 'rule', strokeDash: [3, 3], opacity: 0.6 },
          encoding: { x: { field: 'zero', type: 'quantitative' } },
        },
        {
          mark: { type: 'rule', strokeWidth: 1.6 },
          encoding: { y, yOffset, x: { ...x, field: 'low' }, x2: { field: 'high' }, color: colour },
        },
        {
          mark: { type: 'point', filled: true, size: 36, opacity: 1 },
          encoding: {
            y,
            yOffset,
            x,
            color: colour,
            shape: { field: 'measure', type: 'nominal', title: colour.title, legend: colour.legend, scale: { domain: measures } },
          },
        },
      ],
    } as never,
  };
}

/** More models than this have no names beside the matrix. */
const MOST_NAMED = 40;

function gramFigure(ranking: PoolRanking): Figure {
  const n = ranking.models.length;
  const order = ranking.clusterOrder;
  const names = order.map((i) => ranking.models[i].name);
  const scale = (i: number) => Math.sqrt(ranking.gram[i * n + i]);
  const rows = order.flatMap((i) =>
    order.map((j) => {
      const size = scale(i) * scale(j);
      return { a: ranking.models[i].name, b: ranking.models[j].name, value: size > 0 ? ranking.gram[i * n + j] / size : 0 };
    }),
  );
  const axis = n > MOST_NAMED ? { labels: false, ticks: false } : { labelLimit: 260 };
  const title = n > MOST_NAMED ? `${n} models, alike ones beside each other` : null;
  const step = Math.max(5, Math.min(44, Math.floor(560 / n)));
  return {
    name: 'gram',
    title: 'Who stands in for whom',
    caption:
      'The peer Gram matrix, each entry divided by the roots of its two diagonal entries, in an order that puts models with like answers beside each other. 1: the two change the logits alike, so each can stand in for the other; 0: they have nothing to do with one another; below 0: they correct each other.',
    spec: {
      width: step * n,
      height: step * n,
      data: { values: rows },
      mark: { type: 'rect' },
      encoding: {
        x: { field: 'b', type: 'nominal', sort: names, title, axis: { ...axis, labelAngle: -60 } },
        y: { field: 'a', type: 'nominal', sort: names, title: null, axis },
        color: {
          field: 'value',
          type: 'quantitative',
          title: 'alike',
          scale: { domain: [-1, 0, 1], range: ['#e0662b', '#8b949e33', '#3a7fc1'], interpolate: 'rgb' },
        },
      },
    } as never,
  };
}

const LABEL_SIZE = 11;
/** Points that carry a name. */
const MOST_LABELS = 24;
/** Then this many at either end are named. */
const ENDS = 5;
/** Longest name beside a point. */
const LONGEST_LABEL = 28;

function accuracyFigure(ranking: PoolRanking): Figure {
  const size = { width: 620, height: 400 };
  const models = inOrder(ranking).filter(({ accuracy }) => accuracy !== null);
  const x = fitScale(
    models.map(({ accuracy }) => accuracy as number),
    [0, size.width],
    'linear',
  );
  const y = fitScale(
    models.map(({ worth }) => worth.value),
    [size.height, 0],
    'linear',
  );
  const named = models.length <= MOST_LABELS ? models : [...models.slice(0, ENDS), ...models.slice(-ENDS)];
  const points = named.map((model) => ({
    text: shortened(model.name),
    x: toPixels(x, model.accuracy as number),
    y: toPixels(y, model.worth.value),
  }));
  const places = placeLabels({ points, ...size, fontSize: LABEL_SIZE });
  const rows = models.map((model) => {
    const at = named.indexOf(model);
    const place = places[at];
    const label =
      place === undefined
        ? {}
        : { label: shortened(model.name), labelX: fromPixels(x, place.x), labelY: fromPixels(y, place.y), far: place.far };
    return {
      accuracy: model.accuracy,
      worth: model.worth.value,
      kept: model.verdict.code === 'keep' || model.verdict.code === 'carriesClass' ? 'worth keeping' : 'other',
      ...label,
    };
  });
  const axisOf = (field: string, title: string, scale: { readonly domain: readonly [number, number] }) => ({
    field,
    type: 'quantitative',
    title,
    axis: { tickCount: 8 },
    scale: { domain: [...scale.domain], nice: false, zero: false },
  });
  const colour = {
    field: 'kept',
    type: 'nominal',
    title: 'verdict',
    scale: { domain: ['worth keeping', 'other'], range: [PALETTE[0], PALETTE[5]] },
  };
  return {
    name: 'accuracy',
    title: 'Good alone, or good for the pool',
    caption: `Across: share of its own answers that are right. Up: held-out loss that its absence costs under the same head. A model can be right often and still add nothing, because others are right on the same samples.${models.length > MOST_LABELS ? ` The first and last ${ENDS} are named.` : ''}`,
    spec: {
      ...size,
      data: { values: rows },
      layer: [
        {
          transform: [{ filter: 'datum.far' }],
          mark: { type: 'rule', opacity: 0.35 },
          encoding: {
            x: axisOf('accuracy', 'accuracy alone', x),
            y: axisOf('worth', 'worth', y),
            x2: { field: 'labelX' },
            y2: { field: 'labelY' },
          },
        },
        {
          mark: { type: 'point', filled: true, size: 64, opacity: 1 },
          encoding: {
            x: axisOf('accuracy', 'accuracy alone', x),
            y: axisOf('worth', 'worth', y),
            color: colour,
            shape: { field: 'kept', type: 'nominal', title: 'verdict', scale: { domain: ['worth keeping', 'other'] } },
          },
        },
        {
          transform: [{ filter: 'isValid(datum.label)' }],
          mark: { type: 'text', fontSize: LABEL_SIZE },
          encoding: { x: axisOf('labelX', 'accuracy alone', x), y: axisOf('labelY', 'worth', y), text: { field: 'label' } },
        },
      ],
    } as never,
  };
}

function shortened(name: string): string {
  return name.length <= LONGEST_LABEL ? name : `${name.slice(0, LONGEST_LABEL - 1)}…`;
}

function selectionFigures(selection: PoolSelection): Figure[] {
  const costs = new Set(selection.curve.map(({ models, cost }) => Math.round((1e9 * cost) / models.length)));
  const figures = [curveFigure(selection, 'size')];
  if (costs.size > 1) figures.push(curveFigure(selection, 'cost'));
  return figures;
}

function curveFigure(selection: PoolSelection, over: 'size' | 'cost'): Figure {
  const sets = over === 'size' ? selection.curve : selection.front;
  const rows = sets.map(({ models, cost, loss, increase }) => ({
    x: over === 'size' ? models.length : cost,
    loss,
    low: selection.loss + increase.low,
    high: selection.loss + increase.high,
    chosen: models.join() === selection.chosen.models.join(),
  }));
  const x = {
    field: 'x',
    type: 'quantitative',
    title: over === 'size' ? 'models kept' : 'cost of the models kept',
    ...(over === 'size' ? { axis: { tickMinStep: 1, format: 'd' } } : {}),
  };
  const y = { field: 'loss', type: 'quantitative', title: 'held-out loss', scale: { zero: false } };
  const kept = selection.chosen.models.length;
  return {
    name: over === 'size' ? 'selection' : 'selection-cost',
    title: over === 'size' ? 'Fewer models' : 'Cheaper sets',
    caption: `Held-out loss of the best set found ${over === 'size' ? 'of each size' : 'at each cost'}, its head fitted again; the band is the ${`${Number((100 * selection.level).toFixed(2))} %`} interval of the difference from all models. The diamond is the chosen set: ${kept} of ${selection.names.length} models, a change of ${selection.chosen.increase.value.toFixed(4).replace('-', '\u2212')}. ${integer(selection.looked)} sets were looked at.`,
    spec: {
      width: 620,
      height: 280,
      data: { values: rows },
      layer: [
        { mark: { type: 'area', opacity: 0.2, color: PALETTE[0] }, encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' } } },
        { mark: { type: 'line', color: PALETTE[0], point: rows.length <= 40 ? { color: PALETTE[0] } : false }, encoding: { x, y } },
        {
          transform: [{ filter: 'datum.chosen' }],
          mark: { type: 'point', shape: 'diamond', filled: true, size: 170, color: PALETTE[1], opacity: 1 },
          encoding: { x, y },
        },
      ],
    } as never,
  };
}
