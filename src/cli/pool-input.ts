/** What `rank` and `select` share: the options that say what the pool is, and its files read and joined. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { InputError } from '../core/errors.js';
import { type Answers, type Column, type JoinedPool, joinPool, readAnswers, readColumn } from '../data/index.js';
import type { AnswerKind, Baseline, PoolHead } from '../stacking/index.js';
import { type BackendFlags, wholeNumber } from './backend-option.js';

/** Options of a pool. */
export interface PoolFlags extends BackendFlags {
  readonly labels?: string;
  readonly column?: string;
  readonly id?: string;
  readonly value?: string;
  readonly group?: string;
  readonly weight?: string;
  readonly cost?: string;
  readonly ignore?: readonly string[];
  readonly kind: AnswerKind | 'auto';
  /** Also the path of a file with a head. */
  readonly head: string;
  readonly l2: number | 'auto';
  readonly penalty: 'adaptive' | 'even';
  readonly folds: number;
  readonly baseline: Baseline;
  readonly resamples: number;
  readonly level: number;
  readonly seed: number;
  readonly out?: string;
  readonly json?: boolean;
}

const HEADS: readonly PoolHead[] = ['stacking', 'vote', 'logPool'];

/** Adds them. */
export function addPoolOptions(command: Command): Command {
  return command
    .option('--labels <file>', 'the right answers: .npy, .csv, .parquet, .json (a list) or .txt (a line each)')
    .option('--column <name>', 'column of the labels, where its name does not tell')
    .option('--id <name>', 'column that names the sample, where its name does not tell')
    .option('--value <name>', 'column of the values, in tables with one row a (model, sample, class)')
    .option('--group <file>', 'group of each sample: held out and resampled together')
    .option('--weight <file>', 'weight of each sample')
    .option('--cost <file>', 'cost of each model: a table with the columns model and cost')
    .option('--ignore <label>', 'leave out the samples with this label (may be repeated)', collect)
    .addOption(new Option('--kind <name>', 'how answers are read').choices(['auto', 'probabilities', 'logits', 'features']).default('auto'))
    .option('--head <name>', `stacking, vote, logPool, or a JSON file with a head of your own (docs/rank-input.md)`, 'stacking')
    .option('--l2 <number>', "L2 of the fitted head; 'auto' chooses by cross-validation", positiveOrAuto, 'auto')
    .addOption(new Option('--penalty <name>', 'L2 the same for every model, or adapted').choices(['adaptive', 'even']).default('adaptive'))
    .option('--folds <number>', 'folds of the cross-fitting', wholeNumber, 5)
    .addOption(new Option('--baseline <name>', 'what stands in for an absent model').choices(['mean', 'zero']).default('mean'))
    .option('--resamples <number>', 'bootstrap resamples', wholeNumber, 1000)
    .option('--level <number>', 'level of the intervals', Number, 0.95)
    .option('--seed <number>', 'seed of folds, resamples and draws', wholeNumber, 0);
}

function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

function positiveOrAuto(text: string): number | 'auto' {
  if (text === 'auto') return 'auto';
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError("It must be 'auto' or a number above 0.");
  return value;
}

/** Files of a pool as they were read. */
export interface PoolFiles {
  readonly answers: readonly Answers[];
  /** Of --labels; undefined without it. */
  readonly labels: Column | undefined;
}

/** Reads the answers and, where they are given, the labels. */
export async function readPoolFiles(files: readonly string[], flags: PoolFlags): Promise<PoolFiles> {
  if (files.length === 0) {
    throw new InputError('BTM_SHAPE', 'are missing', { argument: 'files of answers', remedy: 'Name one file for each model.' });
  }
  if (!HEADS.includes(flags.head as PoolHead)) {
    throw new InputError('BTM_DOMAIN', `must be one of ${HEADS.join(', ')} or a .json file, got '${flags.head}'`, {
      argument: '--head',
      value: flags.head,
    });
  }
  const labels = flags.labels === undefined ? undefined : await readColumn(flags.labels, flags.column, flags.id);
  return { labels, answers: await readAnswers(files, { id: flags.id, value: flags.value, samples: labels?.values.length }) };
}

/** Whether the files hold nothing but scores: then there are no answers to put together. */
export function holdsScores({ answers }: PoolFiles): boolean {
  return answers.every(({ kind }) => kind === 'scores');
}

/** Joins the files of a pool. */
export async function joinFiles({ answers, labels }: PoolFiles, flags: PoolFlags): Promise<JoinedPool> {
  const scores = answers.find(({ kind }) => kind === 'scores');
  if (scores !== undefined) {
    throw new InputError('BTM_TYPE', `holds scores of '${scores.name}', not answers`, {
      argument: scores.source,
      remedy: 'intermodel rank takes files of scores by themselves.',
    });
  }
  const names = answers.map(({ name }) => name);
  return joinPool(answers, {
    labels: labels ?? labelsInside(answers),
    groups: flags.group === undefined ? undefined : await readColumn(flags.group),
    weights: flags.weight === undefined ? undefined : await readColumn(flags.weight),
    ignore: flags.ignore,
    costs: flags.cost === undefined ? undefined : await readCosts(flags.cost, names),
  });
}

/** The right answers that the files of answers hold themselves. */
function labelsInside(answers: readonly Answers[]): Column {
  const labelled = answers.filter(({ labels }) => labels !== undefined);
  if (labelled.length === 0) {
    throw new InputError('BTM_SHAPE', 'is missing', { argument: '--labels', remedy: 'Name the file with the right answers.' });
  }
  const merged = new Map<string, string>();
  for (const { ids, labels, source } of labelled) {
    labels?.forEach((label, row) => {
      const id = ids?.[row] ?? String(row);
      const before = merged.get(id);
      if (before !== undefined && before !== label) {
        throw new InputError('BTM_LABEL', `says that sample '${id}' is '${label}', another file that it is '${before}'`, {
          argument: source,
          index: row,
          value: label,
        });
      }
      merged.set(id, label);
    });
  }
  const ids = labelled.every((found) => found.ids !== null) ? [...merged.keys()] : null;
  return { source: labelled[0].source, values: [...merged.values()], ids };
}

async function readCosts(path: string, models: readonly string[]): Promise<Map<string, number>> {
  const { ids, values } = await readColumn(path, 'cost');
  if (ids === null) throw new InputError('BTM_SHAPE', 'needs a column of models beside that of costs', { argument: path });
  const costs = new Map<string, number>();
  ids.forEach((name, row) => {
    const cost = Number(values[row]);
    if (!(cost >= 0) || !Number.isFinite(cost)) {
      throw new InputError('BTM_NEGATIVE', `must be a finite number of at least 0, got '${values[row]}'`, {
        argument: path,
        index: row,
        value: values[row],
      });
    }
    costs.set(name, cost);
  });
  const without = models.find((name) => !costs.has(name));
  if (without !== undefined) throw new InputError('BTM_DOMAIN', `has no cost of '${without}'`, { argument: path, value: without });
  return costs;
}

/** The options of `rankPool` and `selectModels` that follow from the command line. */
export function poolOptionsOf(pool: JoinedPool, flags: PoolFlags) {
  const { models, labels, classes, classNames, groups, weights } = pool;
  return {
    models: models.map((model) => (flags.kind === 'auto' ? model : { ...model, kind: flags.kind })),
    labels,
    classes,
    classNames,
    ...(groups === undefined ? {} : { groups }),
    ...(weights === undefined ? {} : { weights }),
    head: flags.head as PoolHead,
    l2: flags.l2,
    penalty: flags.penalty,
    folds: flags.folds,
    baseline: flags.baseline,
    resamples: flags.resamples,
    level: flags.level,
    seed: flags.seed,
  };
}
