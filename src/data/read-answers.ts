/** One entry for every file that people keep answers in. */
import { InputError } from '../core/errors.js';
import { parseJson } from '../core/user-files.js';
import { type Answers, type Column, namesFromPaths } from './answers.js';
import { readWhole, STDIN, startOfInput } from './bytes.js';
import { readCsv } from './csv.js';
import { isLmEvalPath, readLmEval } from './lm-eval.js';
import { type NpyFile, readNpy } from './npy-file.js';
import { readNpz } from './npz.js';
import { readParquet } from './parquet.js';
import { readPromptfoo } from './promptfoo.js';
import { findColumn, needColumn, type Table } from './table.js';
import { answersFromTable, type TableOptions } from './table-answers.js';

/** How files are read. */
export interface ReadAnswersOptions extends TableOptions {
  /** Number of samples, to tell the axes of stacked arrays apart. */
  readonly samples?: number | undefined;
}

const ANSWER_ENDINGS = '.npy, .npz, .csv, .tsv, .parquet, .jsonl (lm-evaluation-harness) or .json (promptfoo)';

/**
 * Reads the answers of one or several models from each file.
 *
 * | file | what is read |
 * |---|---|
 * | .npy | [samples], [samples, width], or stacked [models, samples, width] or [samples, models, width] |
 * | .npz | the same, one array a model, named by its key |
 * | .csv, .tsv, .parquet | one column a class; or one row a (model, sample, class); or scores and costs |
 * | samples_*.jsonl | of lm-evaluation-harness: log-likelihoods of the choices; several tasks of one model are put together |
 * | .json | of promptfoo: a score for each test and provider |
 *
 * Models are named after their files, or as the file names them. '-' reads standard input: an array, an
 * archive, a parquet file, or else CSV.
 *
 * @throws EnvironmentError BTM_IO, BTM_NO_PACKAGE; InputError naming file and place.
 */
export async function readAnswers(paths: readonly string[], options: ReadAnswersOptions = {}): Promise<Answers[]> {
  const names = namesFromPaths(paths);
  const all: Answers[] = [];
  for (const [index, path] of paths.entries()) all.push(...(await readOne(path, names[index], options, paths.length === 1)));
  return joinTasks(all);
}

async function readOne(path: string, name: string, options: ReadAnswersOptions, only: boolean): Promise<Answers[]> {
  const ending = path === STDIN ? await endingOfInput() : endingOf(path);
  if (ending === 'npy') return fromNpy(path, name, options.samples, await readNpy(path));
  if (ending === 'npz') {
    const arrays = await readNpz(path);
    return arrays.flatMap((array) => fromNpy(path, only ? array.name : `${name}/${array.name}`, options.samples, array));
  }
  if (ending === 'csv' || ending === 'tsv') return answersFromTable(await readCsv(path), name, options);
  if (ending === 'parquet') return answersFromTable(await readParquet(path), name, options);
  if (isLmEvalPath(path) || ending === 'jsonl') return [await readLmEval(path)];
  if (ending === 'json') return readPromptfoo(path);
  throw new InputError('BTM_TYPE', `is not a file of answers that is known`, {
    argument: path,
    value: path,
    remedy: `Its name must end in ${ANSWER_ENDINGS}.`,
  });
}

/** Several files of one model, as the harness writes one a task, become one; choices that a task lacks are minus infinity. */
function joinTasks(all: readonly Answers[]): Answers[] {
  const byName = new Map<string, Answers[]>();
  for (const found of all) byName.set(found.name, [...(byName.get(found.name) ?? []), found]);
  return [...byName.values()].map((parts) => {
    const [first] = parts;
    if (parts.length === 1) return first;
    const other = parts.find(({ ids, kind }) => ids === null || kind !== first.kind);
    if (other !== undefined) {
      throw new InputError('BTM_DOMAIN', `and ${first.source} both hold '${first.name}'`, {
        argument: (other === first ? parts[1] : other).source,
        remedy: 'Give the models names of their own.',
      });
    }
    const width = Math.max(...parts.map((part) => part.width));
    const samples = parts.reduce((sum, part) => sum + part.samples, 0);
    const values = new Float64Array(samples * width).fill(Number.NEGATIVE_INFINITY);
    let row = 0;
    for (const part of parts) {
      for (let s = 0; s < part.samples; s++, row++) values.set(part.values.subarray(s * part.width, (s + 1) * part.width), row * width);
    }
    const labels = parts.every((part) => part.labels !== undefined) ? parts.flatMap((part) => part.labels ?? []) : undefined;
    return { ...first, samples, width, values, ids: parts.flatMap((part) => part.ids ?? []), ...(labels === undefined ? {} : { labels }) };
  });
}

function endingOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1).toLowerCase();
}

/** What the first bytes of standard input say it is. */
async function endingOfInput(): Promise<string> {
  const start = Buffer.from((await startOfInput()).subarray(0, 6)).toString('latin1');
  if (start.startsWith('\x93NUMPY')) return 'npy';
  if (start.startsWith('PK')) return 'npz';
  return start.startsWith('PAR1') ? 'parquet' : 'csv';
}

function fromNpy(path: string, name: string, samples: number | undefined, { shape, data }: NpyFile): Answers[] {
  const plain = { source: path, ids: null, columns: null };
  if (shape.length === 1) return [{ ...plain, name, samples: shape[0], width: 1, values: data }];
  if (shape.length === 2) return [{ ...plain, name, samples: shape[0], width: shape[1], values: data }];
  if (shape.length !== 3 || samples === undefined) {
    throw new InputError(
      'BTM_SHAPE',
      `has shape (${shape.join(', ')}); answers are [samples, width], or stacked with one axis for the models`,
      { argument: path },
    );
  }
  const first = shape[0] === samples;
  const second = shape[1] === samples;
  if (first === second) {
    const problem = first ? 'both of its first axes have' : 'neither of its first axes has';
    throw new InputError('BTM_SHAPE', `has shape (${shape.join(', ')}), and ${problem} the ${samples} samples of the labels`, {
      argument: path,
      remedy: 'Save one file for each model.',
    });
  }
  const models = first ? shape[1] : shape[0];
  const width = shape[2];
  return Array.from({ length: models }, (_, i) => {
    const values = data instanceof Float32Array ? new Float32Array(samples * width) : new Float64Array(samples * width);
    for (let s = 0; s < samples; s++) {
      const from = first ? (s * models + i) * width : (i * samples + s) * width;
      values.set(data.subarray(from, from + width), s * width);
    }
    return { ...plain, name: `${name}-${i}`, samples, width, values };
  });
}

const LABEL_NAMES = ['label', 'labels', 'target', 'targets', 'y', 'y_true', 'group', 'weight', 'value', 'class'];

/**
 * Reads one value a sample: labels, groups or weights, from .npy, .csv, .tsv, .parquet, .json (a list) or .txt (a line each).
 *
 * A table with one column gives its values; with two, the one that is not the identifier; with more, the one that `column` names.
 */
export async function readColumn(path: string, column?: string, id?: string): Promise<Column> {
  const ending = endingOf(path);
  if (ending === 'npy') return fromArray(path);
  if (ending === 'csv' || ending === 'tsv') return fromTable(await readCsv(path), column, id);
  if (ending === 'parquet') return fromTable(await readParquet(path), column, id);
  if (ending === 'json') return { source: path, values: await readList(path), ids: null };
  if (ending === 'txt') return { source: path, values: (await readText(path)).trimEnd().split(/\r?\n/), ids: null };
  throw new InputError('BTM_TYPE', 'is not a file of labels that is known', {
    argument: path,
    remedy: 'Its name must end in .npy, .csv, .tsv, .parquet, .json or .txt.',
  });
}

async function fromArray(path: string): Promise<Column> {
  const { shape, data } = await readNpy(path);
  if (shape.filter((size) => size !== 1).length > 1) {
    throw new InputError('BTM_SHAPE', `has shape (${shape.join(', ')}); one value for each sample was expected`, {
      argument: path,
      remedy: 'One-hot labels become classes with argmax(axis=1).',
    });
  }
  return { source: path, values: Array.from(data, String), ids: null };
}

function fromTable(table: Table, column: string | undefined, id: string | undefined): Column {
  const ids = id === undefined ? undefined : needColumn(table, id);
  const named = column === undefined ? findColumn(table, LABEL_NAMES) : needColumn(table, column);
  const rest = table.columns.filter((found) => found !== ids);
  const value = named ?? (rest.length <= 2 ? rest.at(-1) : undefined);
  if (value === undefined) {
    throw new InputError('BTM_SHAPE', `has ${table.columns.length} columns, and none of them is called label`, {
      argument: table.source,
      remedy: 'Leave one column beside the identifier.',
    });
  }
  const key = ids ?? (table.columns.length > 1 ? table.columns.find((found) => found !== value) : undefined);
  const texts = (of: { text(row: number): string }) => Array.from({ length: table.rows }, (_, row) => of.text(row));
  return { source: table.source, values: texts(value), ids: key === undefined ? null : texts(key) };
}

async function readText(path: string): Promise<string> {
  return new TextDecoder().decode(await readWhole(path));
}

async function readList(path: string): Promise<string[]> {
  const value = parseJson(path, await readText(path));
  if (!Array.isArray(value)) throw new InputError('BTM_TYPE', 'must be a list of labels', { argument: path });
  return value.map((entry, index) => {
    if (typeof entry !== 'string' && typeof entry !== 'number') {
      throw new InputError('BTM_TYPE', `must be a number or a text, got ${JSON.stringify(entry)}`, { argument: path, index, value: entry });
    }
    return String(entry);
  });
}
