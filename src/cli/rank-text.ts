/** A ranking of a pool for a terminal, and as CSV. */
import type { Estimate, PoolRanking, RankedModel } from '../stacking/index.js';
import { textTable } from './text-table.js';

/** The table of models, and what is said about the pool as a whole. */
export function describeRanking(ranking: PoolRanking): string {
  const order = [...ranking.models].sort((a, b) => a.position - b.position);
  const columns: [string, (model: RankedModel) => string][] = [
    ['', (model) => String(model.position)],
    ['model', (model) => model.name],
    ['worth', (model) => signed(model.worth.value)],
    [percent(ranking.level), (model) => interval(model.worth)],
    ['refitted', (model) => (model.refitted === null ? '-' : signed(model.refitted.value))],
    [percent(ranking.level), (model) => (model.refitted === null ? '-' : interval(model.refitted))],
    ['alone', (model) => (model.accuracy === null ? '-' : percent(model.accuracy))],
    ['answered', (model) => percent(model.coverage)],
    ['linear', (model) => model.linearShare.toFixed(2)],
    ['verdict', (model) => model.verdict.text],
  ];
  const used = columns.filter(([name]) => (name === 'answered' ? order.some(({ coverage }) => coverage < 1) : true));
  const table = textTable(
    used.map(([name]) => name),
    order.map((model) => used.map(([, cell]) => cell(model))),
    used.flatMap(([name], place) => (name === 'model' || name === 'verdict' ? [] : [place])),
  );
  return [...headLines(ranking), '', table, '', ...closingLines(ranking)].join('\n');
}

function headLines(ranking: PoolRanking): string[] {
  const { loss, accuracy, fit, samples, models, folds, seed, resampled, resamples, level } = ranking;
  const right = accuracy === null ? '' : `, ${percent(accuracy)} right`;
  const how =
    fit === null
      ? `head: ${ranking.head}`
      : `head: stacking, L2 ${fit.l2} by ${folds}-fold cross-fitting, gradient norm ${fit.gradientNorm.toExponential(1)}`;
  return [
    `${models.length} models, ${samples} samples: loss ${loss.value.toFixed(4)} ${interval(loss)}${right}`,
    how,
    `worth: loss that a model's absence costs on held-out samples; ${percent(level)} intervals from ${resamples} resamples of ${resampled.units} ${resampled.what}, seed ${seed}`,
  ];
}

function closingLines(ranking: PoolRanking): string[] {
  const { ceiling, copies, models, pairs, level, warnings } = ranking;
  const lines = copies.map((group) => `Copies of one another: ${group.map((i) => models[i].name).join(', ')}.`);
  for (const pair of pairs.filter(({ synergy }) => synergy.low > 0).slice(0, 3)) {
    const [a, b] = pair.models.map((i) => models[i].name);
    lines.push(
      `Without both ${a} and ${b} the loss grows by ${signed(pair.worth.value)}, ${signed(pair.synergy.value)} more than by each alone.`,
    );
  }
  if (ceiling !== null) {
    lines.push(
      `No vote or router over these models can be right on more than ${percent(1 - ceiling.beta)} of the samples: on ${percent(ceiling.beta)} all are wrong (${percent(level)} interval ${percent(ceiling.low)} to ${percent(ceiling.high)}).`,
    );
  }
  return [...lines, ...warnings.map((warning) => `Warning: ${warning}`)];
}

function signed(value: number): string {
  return (value < 0 ? '' : '+') + value.toFixed(4);
}

function interval({ low, high }: Estimate): string {
  return `[${low.toFixed(4)}, ${high.toFixed(4)}]`;
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))} %`;
}

/** One line a model, in the order of the pool. */
export function rankingCsv(ranking: PoolRanking): string {
  const quote = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const names =
    'name,position,worth,worth_low,worth_high,worth_p_holm,refitted,refitted_low,refitted_high,refitted_p_holm,gauss_newton,linear_share,shapley,accuracy,coverage,cost,verdict';
  const lines = ranking.models.map((m) =>
    [
      quote(m.name),
      m.position,
      m.worth.value,
      m.worth.low,
      m.worth.high,
      m.worthAdjustedP,
      m.refitted?.value ?? '',
      m.refitted?.low ?? '',
      m.refitted?.high ?? '',
      m.refittedAdjustedP ?? '',
      m.gaussNewton,
      m.linearShare,
      m.shapley,
      m.accuracy ?? '',
      m.coverage,
      m.cost,
      quote(m.verdict.text),
    ].join(','),
  );
  return `${names}\n${lines.join('\n')}\n`;
}
