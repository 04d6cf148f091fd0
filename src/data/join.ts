/** Files joined into one pool: samples by identifier where there are identifiers, else by place. */
import { InputError } from '../core/errors.js';
import type { Answers, Column } from './answers.js';

/** A model with a row for every sample of the pool. */
export interface JoinedModel {
  readonly name: string;
  readonly answers: Float64Array | Float32Array;
  /** [samples]; absent where it answered all. */
  readonly answered?: Uint8Array;
  readonly kind?: 'probabilities' | 'logits' | 'features';
  readonly cost?: number;
}

/** A pool, ready for `rankPool`. */
export interface JoinedPool {
  readonly models: readonly JoinedModel[];
  readonly labels: Int32Array;
  readonly classNames: readonly string[];
  readonly classes: number;
  readonly groups?: Int32Array;
  readonly weights?: Float64Array;
  /** Samples that no file but the labels knows, or whose label is ignored: they were left out. */
  readonly leftOut: number;
}

/** What goes with the answers. */
export interface JoinOptions {
  readonly labels: Column;
  readonly groups?: Column | undefined;
  readonly weights?: Column | undefined;
  /** Labels whose samples are left out. */
  readonly ignore?: readonly string[] | undefined;
  /** By name of the model. */
  readonly costs?: ReadonlyMap<string, number> | undefined;
}

/**
 * Joins the answers of every model with labels, groups and weights.
 *
 * @throws InputError BTM_SHAPE when counts or identifiers do not fit, BTM_LABEL for a label that is not a class, BTM_DOMAIN for doubles.
 */
export function joinPool(answers: readonly Answers[], options: JoinOptions): JoinedPool {
  const { labels } = options;
  const ids = labels.ids ?? answers.find((found) => found.ids !== null && found.samples === labels.values.length)?.ids ?? null;
  if (ids !== null) refuseDoubles(labels.source, ids);
  const kept = keptSamples(labels, options.ignore ?? []);
  if (kept.length < 2) throw new InputError('BTM_SHAPE', 'leaves fewer than 2 samples', { argument: labels.source });
  const { classNames, values } = classesOf(labels, kept, answers);
  const named = classNames.length;
  const models = answers.map((found) => alignModel(found, ids, labels, kept, classNames, options.costs));
  return {
    models,
    labels: values,
    classNames,
    classes: named,
    ...(options.groups === undefined ? {} : { groups: groupsOf(align(options.groups, ids, labels, kept)) }),
    ...(options.weights === undefined ? {} : { weights: weightsOf(options.weights, align(options.weights, ids, labels, kept)) }),
    leftOut: labels.values.length - kept.length,
  };
}

function refuseDoubles(source: string, ids: readonly string[]): void {
  const seen = new Map<string, number>();
  ids.forEach((id, row) => {
    const before = seen.get(id);
    if (before !== undefined) {
      throw new InputError('BTM_DOMAIN', `has the sample '${id}' in rows ${before + 1} and ${row + 1}`, {
        argument: source,
        index: row,
        value: id,
      });
    }
    seen.set(id, row);
  });
}

function keptSamples(labels: Column, ignore: readonly string[]): number[] {
  return labels.values.flatMap((label, row) => (ignore.includes(plain(label)) ? [] : [row]));
}

/** 3.0 and 3 are the same label. */
function plain(label: string): string {
  const value = Number(label);
  return label.trim() !== '' && Number.isInteger(value) ? String(value) : label.trim();
}

/** Classes by the names of the columns where there are names, else by number, else by the names that the labels use. */
function classesOf(labels: Column, kept: readonly number[], answers: readonly Answers[]): { classNames: string[]; values: Int32Array } {
  const texts = kept.map((row) => plain(labels.values[row]));
  const columns = answers.find((found) => found.columns !== null && texts.every((label) => found.columns?.includes(label)))?.columns;
  if (columns !== undefined && columns !== null)
    return { classNames: [...columns], values: Int32Array.from(texts, (label) => columns.indexOf(label)) };
  if (texts.every((label) => /^-?\d+$/.test(label))) return numberedClasses(labels, kept, texts, answers);
  const classNames = [...new Set(texts)].sort();
  const empty = texts.indexOf('');
  if (empty !== -1)
    throw new InputError('BTM_LABEL', 'is empty', {
      argument: labels.source,
      index: kept[empty],
      remedy: 'Leave the sample out, or use --ignore.',
    });
  return { classNames, values: Int32Array.from(texts, (label) => classNames.indexOf(label)) };
}

function numberedClasses(
  labels: Column,
  kept: readonly number[],
  texts: readonly string[],
  answers: readonly Answers[],
): { classNames: string[]; values: Int32Array } {
  const numbers = texts.map(Number);
  const most = numbers.reduce((a, b) => Math.max(a, b));
  const least = numbers.reduce((a, b) => Math.min(a, b));
  const width = widthsOf(answers)
    .filter((found) => found > 1)
    .at(-1);
  if (least === 1 && most === width) {
    throw new InputError('BTM_LABEL', `run from 1 to ${most}, but classes are counted from 0`, {
      argument: labels.source,
      value: most,
      remedy: 'Subtract 1 from every label.',
    });
  }
  const wrong = numbers.findIndex((value) => value < 0);
  if (wrong !== -1) {
    throw new InputError('BTM_LABEL', `is ${numbers[wrong]}`, {
      argument: labels.source,
      index: kept[wrong],
      value: numbers[wrong],
      remedy: `Where it marks samples without a label, pass --ignore=${numbers[wrong]}.`,
    });
  }
  const classes = Math.max(
    most + 1,
    width !== undefined && widthsOf(answers).every((found) => found === width) && most < width ? width : 0,
    2,
  );
  return { classNames: Array.from({ length: classes }, (_, c) => String(c)), values: Int32Array.from(numbers) };
}

function widthsOf(answers: readonly Answers[]): number[] {
  return answers.map(({ width }) => width);
}

/** Rows of `found` in the order of the kept samples; -1 where it has none. */
function rowsFor(
  found: { readonly source: string; readonly ids: readonly string[] | null; readonly count: number },
  ids: readonly string[] | null,
  labels: Column,
  kept: readonly number[],
): Int32Array {
  const total = labels.values.length;
  if (found.ids === null || ids === null) {
    if (found.count !== total) {
      throw new InputError('BTM_SHAPE', `has ${found.count} rows, but ${labels.source} has ${total} labels`, {
        argument: found.source,
        value: found.count,
        remedy: 'Rows are joined by place; give both a column of identifiers to join by those.',
      });
    }
    return Int32Array.from(kept);
  }
  refuseDoubles(found.source, found.ids);
  const place = new Map(found.ids.map((id, row) => [id, row]));
  const rows = Int32Array.from(kept, (row) => place.get(ids[row]) ?? -1);
  if (rows.every((row) => row === -1)) {
    throw new InputError('BTM_SHAPE', `shares no sample with ${labels.source}: '${found.ids[0]}' is not among '${ids[0]}', ...`, {
      argument: found.source,
    });
  }
  return rows;
}

function align(column: Column, ids: readonly string[] | null, labels: Column, kept: readonly number[]): string[] {
  const rows = rowsFor({ source: column.source, ids: column.ids, count: column.values.length }, ids, labels, kept);
  const missing = rows.indexOf(-1);
  if (missing !== -1) {
    throw new InputError('BTM_SHAPE', `lacks the sample '${ids?.[kept[missing]]}'`, { argument: column.source, index: missing });
  }
  return Array.from(rows, (row) => plain(column.values[row]));
}

function groupsOf(names: readonly string[]): Int32Array {
  const numbers = new Map<string, number>();
  return Int32Array.from(names, (name) => {
    if (!numbers.has(name)) numbers.set(name, numbers.size);
    return numbers.get(name) as number;
  });
}

function weightsOf(column: Column, texts: readonly string[]): Float64Array {
  return Float64Array.from(texts, (text, index) => {
    const value = Number(text);
    if (text === '' || !(value >= 0) || !Number.isFinite(value)) {
      throw new InputError('BTM_NEGATIVE', `must be a finite number of at least 0, got '${text}'`, {
        argument: column.source,
        index,
        value: text,
      });
    }
    return value;
  });
}

function alignModel(
  found: Answers,
  ids: readonly string[] | null,
  labels: Column,
  kept: readonly number[],
  classNames: readonly string[],
  costs: ReadonlyMap<string, number> | undefined,
): JoinedModel {
  const rows = rowsFor({ source: found.source, ids: found.ids, count: found.samples }, ids, labels, kept);
  const order = columnOrder(found, classNames);
  const { width, values } = found;
  const same = order === null && rows.length === found.samples && rows.every((row, k) => row === k);
  const answers = same ? values : new (values instanceof Float32Array ? Float32Array : Float64Array)(rows.length * width);
  const answered = new Uint8Array(rows.length);
  rows.forEach((row, k) => {
    if (row === -1) return;
    let missing = 0;
    for (let c = 0; c < width; c++) {
      const value = values[row * width + (order?.[c] ?? c)];
      if (Number.isNaN(value)) missing += 1;
      if (!same) answers[k * width + c] = value;
    }
    if (missing > 0 && missing < width) {
      throw new InputError('BTM_NONFINITE', `('${found.name}', row ${row + 1}) has ${missing} of ${width} numbers missing`, {
        argument: found.source,
        index: row,
        remedy: 'A row of NaN alone means that the model gave no answer.',
      });
    }
    answered[k] = missing === 0 ? 1 : 0;
  });
  const cost = costs?.get(found.name) ?? found.cost;
  return {
    name: found.name,
    answers,
    ...(answered.includes(0) ? { answered } : {}),
    ...(found.kind === undefined || found.kind === 'scores' ? {} : { kind: found.kind }),
    ...(cost === undefined ? {} : { cost }),
  };
}

/** Columns of the file in the order of the classes, where both have names; null where they stand in order already. */
function columnOrder(found: Answers, classNames: readonly string[]): number[] | null {
  const { columns } = found;
  if (columns === null || columns.length !== classNames.length) return null;
  const order = classNames.map((name) => columns.indexOf(name));
  if (order.includes(-1) || order.every((place, c) => place === c)) return null;
  return order;
}
