/** `intermodel rank` for files that hold scores alone (promptfoo, RouterBench): what each model adds to the best of all. */
import { packageVersion } from '../backend/index.js';
import { InputError } from '../core/errors.js';
import type { OutputFile } from '../core/user-files.js';
import type { Answers } from '../data/index.js';
import { rankScores, type ScoreRanking } from '../stacking/index.js';
import { backendOf } from './backend-option.js';
import { jsonLine } from './output.js';
import type { PoolFlags } from './pool-input.js';
import { textTable } from './text-table.js';

/** Ranks, prints, and saves where --out says. */
export async function rankScoreFiles(answers: readonly Answers[], flags: PoolFlags, file: OutputFile | undefined): Promise<void> {
  if (flags.out?.endsWith('.html') === true) {
    throw new InputError('BTM_DOMAIN', 'must be .csv or .json for files that hold scores alone', { argument: '--out', value: flags.out });
  }
  const ids = [...new Set(answers.flatMap((found) => found.ids ?? found.values.length.toString()))];
  const place = new Map(ids.map((id, at) => [id, at]));
  const models = answers.map((found) => {
    if (found.ids === null) return { name: found.name, scores: found.values, ...(found.cost === undefined ? {} : { cost: found.cost }) };
    const scores = new Float64Array(ids.length).fill(Number.NaN);
    found.ids.forEach((id, row) => {
      scores[place.get(id) as number] = found.values[row];
    });
    return { name: found.name, scores, ...(found.cost === undefined ? {} : { cost: found.cost }) };
  });
  const { resamples, level, seed } = flags;
  const ranking = rankScores({ models, resamples, level, seed, backend: backendOf(flags) });
  const output = { kind: 'intermodel-score-ranking', formatVersion: 1, version: packageVersion, ...ranking };
  await file?.write(file.path.endsWith('.csv') ? csv(ranking) : `${JSON.stringify(output, null, 1)}\n`);
  const saved = flags.out === undefined ? '' : `\nsaved to ${flags.out}`;
  process.stdout.write(flags.json === true ? `${jsonLine(output)}\n` : `${describe(ranking)}${saved}\n`);
}

function describe({ models, best, ceiling, samples, level, resamples, seed }: ScoreRanking): string {
  const percent = (share: number): string => `${Number((100 * share).toFixed(1))} %`;
  const rows = [...models]
    .sort((a, b) => a.position - b.position)
    .map((m) => [
      String(m.position),
      m.name,
      m.worth.value.toFixed(4),
      `[${m.worth.low.toFixed(4)}, ${m.worth.high.toFixed(4)}]`,
      m.shapley.toFixed(4),
      m.mean.toFixed(4),
      percent(m.coverage),
      String(Number(m.cost.toPrecision(4))),
    ]);
  return [
    `${models.length} models, ${samples} samples: the best score of each has the mean ${best.value.toFixed(4)} [${best.low.toFixed(4)}, ${best.high.toFixed(4)}]`,
    `worth: what a router that always finds the best loses without the model; ${percent(level)} intervals from ${resamples} resamples, seed ${seed}`,
    '',
    textTable(['', 'model', 'worth', percent(level), 'shapley', 'mean score', 'answered', 'cost'], rows, [0, 2, 3, 4, 5, 6, 7]),
    '',
    `No router over these models can solve more than ${percent(1 - ceiling.beta)} of the samples: ${percent(ceiling.beta)} are solved by none (${percent(level)} interval ${percent(ceiling.low)} to ${percent(ceiling.high)}).`,
  ].join('\n');
}

function csv({ models }: ScoreRanking): string {
  const quote = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = models.map((m) =>
    [quote(m.name), m.position, m.worth.value, m.worth.low, m.worth.high, m.worthAdjustedP, m.shapley, m.mean, m.coverage, m.cost].join(),
  );
  return `name,position,worth,worth_low,worth_high,worth_p_holm,shapley,mean_score,coverage,cost\n${lines.join('\n')}\n`;
}
