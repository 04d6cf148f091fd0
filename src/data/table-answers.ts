/** Answers out of a table: one column a class, or one row a (model, sample, class), or a score and a cost for each (sample, model). */
import { InputError } from '../core/errors.js';
import type { Answers } from './answers.js';
import { findColumn, needColumn, numbersOf, type Table, type TableColumn } from './table.js';

/** Columns by name, where the usual names do not tell. */
export interface TableOptions {
  readonly id?: string | undefined;
  readonly model?: string | undefined;
  readonly class?: string | undefined;
  readonly value?: string | undefined;
}

const ID_NAMES = [
  'id',
  'ids',
  'sample',
  'sample_id',
  'sampleid',
  'doc_id',
  'doc_hash',
  'index',
  'idx',
  'row',
  'question_id',
  'prompt_id',
  'example_id',
  '',
  'unnamed: 0',
];
const MODEL_NAMES = ['model', 'model_name', 'model_id', 'provider', 'system'];
const CLASS_NAMES = ['class', 'choice', 'option', 'class_name', 'answer'];
const VALUE_NAMES = ['value', 'probability', 'prob', 'proba', 'p', 'logit', 'logprob', 'log_prob', 'loglikelihood'];
const SCORE_NAMES = ['score', 'correct', 'pass', 'success', 'acc', 'accuracy', 'reward'];
const COST_NAMES = ['cost', 'total_cost', 'price'];
const LABEL_NAMES = ['label', 'labels', 'target', 'targets', 'y', 'y_true', 'true_label', 'ground_truth'];
/** RouterBench writes the cost of model m in the column m|total_cost. */
const WIDE_COST = '|total_cost';

/** The answers of every model in a table. */
export function answersFromTable(table: Table, name: string, options: TableOptions = {}): Answers[] {
  const model = options.model === undefined ? findColumn(table, MODEL_NAMES) : needColumn(table, options.model);
  if (model !== undefined) return fromLong(table, model, options);
  if (table.columns.some((column) => column.name.endsWith(WIDE_COST))) return fromRouterBench(table, options);
  return [fromWide(table, name, options)];
}

function idOf(table: Table, options: TableOptions): TableColumn | undefined {
  return options.id === undefined ? findColumn(table, ID_NAMES) : needColumn(table, options.id);
}

function textsOf(table: Table, column: TableColumn): string[] {
  return Array.from({ length: table.rows }, (_, row) => column.text(row));
}

/** One column a class; a column of identifiers and one of labels may stand beside them. */
function fromWide(table: Table, name: string, options: TableOptions): Answers {
  const id = idOf(table, options);
  const label = table.columns.find((column) => LABEL_NAMES.includes(column.name.toLowerCase()));
  const classes = table.columns.filter((column) => column !== id && column !== label);
  const text = classes.find(({ numbers }) => numbers === null);
  if (text !== undefined) {
    const row = Array.from({ length: table.rows }, (_, r) => r).find((r) => Number.isNaN(Number(text.text(r)))) ?? 0;
    throw new InputError('BTM_TYPE', `column '${text.name}', row ${row + 1} is '${text.text(row)}', not a number`, {
      argument: table.source,
      value: text.text(row),
      remedy: 'Name the column of identifiers with --id, or leave other text out.',
    });
  }
  if (classes.length === 0)
    throw new InputError('BTM_SHAPE', 'has no column of numbers beside its identifiers', { argument: table.source });
  const width = classes.length;
  const values = new Float64Array(table.rows * width);
  classes.forEach(({ numbers }, c) => {
    for (let row = 0; row < table.rows; row++) values[row * width + c] = (numbers as Float64Array)[row];
  });
  const named = classes.some((column, c) => column.name !== String(c) && column.name !== `${c}`);
  return {
    name,
    source: table.source,
    samples: table.rows,
    width,
    values,
    ids: id === undefined ? null : textsOf(table, id),
    columns: named ? classes.map((column) => column.name) : null,
    ...(label === undefined ? {} : { labels: textsOf(table, label) }),
  };
}

/** One row a (model, sample, class), or a (model, sample) with a score. */
function fromLong(table: Table, model: TableColumn, options: TableOptions): Answers[] {
  const id = idOf(table, options);
  if (id === undefined) {
    throw new InputError('BTM_SHAPE', `has a column '${model.name}', but none that names the sample`, {
      argument: table.source,
      remedy: 'Name it with --id.',
    });
  }
  const given = options.value === undefined ? findColumn(table, VALUE_NAMES) : needColumn(table, options.value);
  const score = given === undefined ? findColumn(table, SCORE_NAMES) : undefined;
  const value = given ?? score;
  if (value === undefined) {
    throw new InputError('BTM_SHAPE', 'has no column of values', {
      argument: table.source,
      remedy: `Name it with --value, or call it one of ${VALUE_NAMES.join(', ')}.`,
    });
  }
  const byClass =
    options.class === undefined ? (score === undefined ? findColumn(table, CLASS_NAMES) : undefined) : needColumn(table, options.class);
  const ids = distinct(table, id);
  const classes = byClass === undefined ? null : inOrder(distinct(table, byClass).names);
  const width = classes?.names.length ?? 1;
  const numbers = numbersOf(table, value);
  const costs = findColumn(table, COST_NAMES)?.numbers ?? null;
  return distinct(table, model).names.map((name) => {
    const values = new Float64Array(ids.names.length * width).fill(Number.NaN);
    let cost = 0;
    let rows = 0;
    for (let row = 0; row < table.rows; row++) {
      if (model.text(row) !== name) continue;
      const at =
        (ids.place.get(id.text(row)) as number) * width + (byClass === undefined ? 0 : (classes?.place.get(byClass.text(row)) as number));
      if (!Number.isNaN(values[at])) {
        throw new InputError('BTM_DOMAIN', `row ${row + 1} answers for '${name}' and '${id.text(row)}' a second time`, {
          argument: table.source,
          index: row,
        });
      }
      values[at] = numbers[row];
      cost += costs?.[row] || 0;
      rows += 1;
    }
    return {
      name,
      source: table.source,
      samples: ids.names.length,
      width,
      values,
      ids: ids.names,
      columns: classes?.names ?? null,
      ...(score === undefined ? {} : { kind: 'scores' as const }),
      ...(costs === null ? {} : { cost: cost / Math.max(1, rows) }),
    };
  });
}

/** One column of scores for each model, and one of its costs. */
function fromRouterBench(table: Table, options: TableOptions): Answers[] {
  const id = idOf(table, options);
  const costs = table.columns.filter((column) => column.name.endsWith(WIDE_COST));
  return costs.map((costColumn) => {
    const name = costColumn.name.slice(0, -WIDE_COST.length);
    const scores = needColumn(table, name);
    const cost = numbersOf(table, costColumn).reduce((sum, value) => sum + value, 0) / table.rows;
    return {
      name,
      source: table.source,
      samples: table.rows,
      width: 1,
      values: numbersOf(table, scores).slice(),
      ids: id === undefined ? null : textsOf(table, id),
      columns: null,
      kind: 'scores' as const,
      cost,
    };
  });
}

/** Names by number where all are numbers, else as text: rows may come in any order, and numbered labels count classes in this one. */
function inOrder(names: readonly string[]): { names: string[]; place: Map<string, number> } {
  const numbers = names.every((name) => name.trim() !== '' && Number.isFinite(Number(name)));
  const sorted = [...names].sort(numbers ? (a, b) => Number(a) - Number(b) : undefined);
  return { names: sorted, place: new Map(sorted.map((name, at) => [name, at])) };
}

function distinct(table: Table, column: TableColumn): { names: string[]; place: Map<string, number> } {
  const place = new Map<string, number>();
  for (let row = 0; row < table.rows; row++) if (!place.has(column.text(row))) place.set(column.text(row), place.size);
  return { names: [...place.keys()], place };
}
