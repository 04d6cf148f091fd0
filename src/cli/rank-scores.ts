/** `intermodel rank` for files that hold scores alone (promptfoo, RouterBench): what each model adds to the best of all. */
import { packageVersion } from '../backend/index.js';
import { InputError } from '../core/errors.js';
import type { OutputFile } from '../core/user-files.js';
import type { Answers } from '../data/index.js';
import { rankScores, type ScoredModel, type ScoreRanking } from '../stacking/index.js';
import { backendOf } from './backend-option.js';
import { jsonLine } from './output.js';
import type { PoolFlags } from './pool-input.js';
import { printOut } from './print.js';
import { textTable } from './text-table.js';

/** Ranks, prints, and saves where --out says. */
export async function rankScoreFiles(answers: readonly Answers[], flags: PoolFlags, file: OutputFile | undefined): Promise<void> {
  if (flags.out?.endsWith('.html') === true) {
    throw new InputError('BTM_DOMAIN', 'must be .csv or .json for files that hold scores alone', { argument: '--out', value: flags.out });
  }
  const models = alignedScores(answers);
  const { resamples, level, seed } = flags;
  const ranking = rankScores({ models, resamples, level, seed, backend: backendOf(flags) });
  const output = { kind: 'intermodel-score-ranking', formatVersion: 1, version: packageVersion, ...ranking };
  await file?.write(file.path.endsWith('.csv') ? csv(ranking) : `${JSON.stringify(output, null, 1)}\n`);
  const saved = flags.out === undefined ? '' : `\nsaved to ${flags.out}`;
  printOut(flags.json === true ? jsonLine(output) : `${describe(ranking)}${saved}`);
}

/** The scores of each model, [samples] in one order for all: NaN where its file does not have the sample. */
function alignedScores(answers: readonly Answers[]): ScoredModel[] {
  checkAlignable(answers);
  const ids = [...new Set(answers.flatMap((found) => found.ids ?? []))];
  const place = new Map(ids.map((id, at) => [id, at]));
  return answers.map((found) => {
    const named = { name: found.name, ...(found.cost === undefined ? {} : { cost: found.cost }) };
    if (found.ids === null) return { ...named, scores: found.values };
    const scores = new Float64Array(ids.length).fill(Number.NaN);
    found.ids.forEach((id, row) => {
      scores[place.get(id) as number] = found.values[row];
    });
    return { ...named, scores };
  });
}

/** Files without ids have their samples in one order, so they are of one length, and no other file may have ids. */
function checkAlignable(answers: readonly Answers[]): void {
  const bare = answers.find(({ ids }) => ids === null);
  const odd = bare && answers.find(({ ids, samples }) => ids !== null || samples !== bare.samples);
  if (odd === undefined) return;
  const rows = odd.ids === null ? `has ${odd.samples} rows` : 'names its samples';
  throw new InputError('BTM_SHAPE', `${rows}, but ${bare?.source} has ${bare?.samples} rows without names`, {
    argument: odd.source,
    remedy: 'Name the samples in every file, or in none and in the same order.',
  });
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
