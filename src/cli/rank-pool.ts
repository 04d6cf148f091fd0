/** `intermodel rank FILES... --labels FILE`: the ranking of a pool, computed, printed and saved. */
import { packageVersion } from '../backend/index.js';
import type { OutputFile } from '../core/user-files.js';
import { type PoolProgress, type PoolRanking, type PoolSelection, rankPool, selectModels } from '../stacking/index.js';
import { backendOf } from './backend-option.js';
import { abortOnInterrupt } from './interrupt.js';
import { jsonLine } from './output.js';
import { holdsScores, joinFiles, type PoolFlags, poolOptionsOf, readPoolFiles } from './pool-input.js';
import { printOut } from './print.js';
import { progressDisplay } from './progress.js';
import { rankScoreFiles } from './rank-scores.js';
import { describeRanking, rankingCsv } from './rank-text.js';

/** Options of this form of the command. */
export interface RankPoolFlags extends PoolFlags {
  readonly refit: boolean;
}

/** Ranks, prints, and saves where --out says. */
export async function rankFiles(files: readonly string[], flags: RankPoolFlags, file: OutputFile | undefined): Promise<void> {
  const backend = backendOf(flags);
  const read = await readPoolFiles(files, flags);
  if (holdsScores(read)) return rankScoreFiles(read.answers, flags, file);
  const pool = await joinFiles(read, flags);
  const interrupt = abortOnInterrupt('nothing is kept of an unfinished ranking');
  const progress = stageProgress();
  const options = { ...poolOptionsOf(pool, flags), backend, signal: interrupt.signal, onProgress: progress.update };
  let ranking: PoolRanking;
  let selection: PoolSelection | null = null;
  try {
    ranking = await rankPool({ ...options, ...(flags.refit ? {} : { refit: false }) });
    if (flags.out?.endsWith('.html') === true) selection = await selectModels(options);
  } finally {
    progress.end();
    interrupt.dispose();
  }
  const { kind, isa } = backend.describe();
  const output = rankingJson(ranking, {
    version: packageVersion,
    backend: { kind, isa },
    leftOut: pool.leftOut,
    classNames: pool.classNames,
  });
  async function textFor(path: string): Promise<string> {
    if (path.endsWith('.csv')) return rankingCsv(ranking);
    if (path.endsWith('.json')) return `${JSON.stringify(output, null, 1)}\n`;
    const { poolPage } = await import('../report/index.js');
    return poolPage(ranking, selection, { command: commandOf(files, flags), version: packageVersion, backend: `${kind} (${isa})` });
  }
  await file?.write(await textFor(file.path));
  const saved = flags.out === undefined ? '' : `\nsaved to ${flags.out}`;
  printOut(flags.json === true ? jsonLine(output) : `${describeRanking(ranking)}${saved}`);
  if (ranking.status !== 'ok') process.exitCode = 1;
}

/** The command that makes the same page again. */
function commandOf(files: readonly string[], flags: RankPoolFlags): string {
  const word = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const named = ['labels', 'column', 'id', 'value', 'group', 'weight', 'cost'] as const;
  const given = named.flatMap((name) => (flags[name] === undefined ? [] : [`--${name}`, word(flags[name])]));
  const ignored = (flags.ignore ?? []).flatMap((label) => ['--ignore', word(label)]);
  const others = (['kind', 'head', 'l2', 'penalty', 'folds', 'baseline', 'resamples', 'level', 'seed'] as const).flatMap((name) =>
    flags[name] === USUAL[name] ? [] : [`--${name}`, String(flags[name])],
  );
  const out = flags.out === undefined ? [] : ['--out', word(flags.out)];
  return ['intermodel rank', ...files.map(word), ...given, ...ignored, ...others, ...(flags.refit ? [] : ['--no-refit']), ...out].join(' ');
}

const USUAL = {
  kind: 'auto',
  head: 'stacking',
  l2: 'auto',
  penalty: 'adaptive',
  folds: 5,
  baseline: 'mean',
  resamples: 1000,
  level: 0.95,
  seed: 0,
} as const;

/** A ranking as plain data, with what it was made by. */
export function rankingJson(ranking: PoolRanking, about: Readonly<Record<string, unknown>>) {
  return {
    kind: 'intermodel-pool-ranking',
    formatVersion: 1,
    ...about,
    ...ranking,
    gram: [...ranking.gram],
    similarity: [...ranking.similarity],
  };
}

const STAGES: Readonly<Record<PoolProgress['stage'], string>> = {
  fit: 'fitting heads',
  measure: 'measuring removals',
  refit: 'refitting without each model',
  select: 'selecting',
};

/** Progress of each stage on stderr, where the work is long enough to ask. */
export function stageProgress(): { update(progress: PoolProgress): void; end(): void } {
  let stage: PoolProgress['stage'] | null = null;
  let display: ReturnType<typeof progressDisplay> | null = null;
  const began = performance.now();
  return {
    update: (progress) => {
      if (performance.now() - began < 2000) return;
      if (progress.stage !== stage) {
        display?.end();
        display = progressDisplay(STAGES[progress.stage], 'percent');
        stage = progress.stage;
      }
      display?.update(Math.round(100 * progress.share), 100);
    },
    end: () => display?.end(),
  };
}
