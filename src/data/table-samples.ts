/**
 * A table as labelled samples: which class does a row belong to?
 *
 * Numbers become piecewise linear codes over quantiles of the training rows, texts with few values one-hot codes, side by side as an image of one row, so that
 * participants take tables, text and digits by the same code.
 */
import { InputError } from '../core/errors.js';
import { checkInteger } from '../core/validate.js';
import type { DigitData, ImageDataset } from './dataset.js';
import { needColumn, type Table, type TableColumn } from './table.js';

/** How a table becomes samples. */
export interface TableSamplesOptions {
  /** The column to predict. */
  readonly label: string;
  /** Columns to predict it from. Default: all others; texts with more than 32 values are identifiers and are left out. */
  readonly features?: readonly string[];
  /** The most frequent labels are the classes, 2 to 256. Default 10. Rows with another label are left out. */
  readonly classes?: number;
  /** Pieces of the code of a number, 1 to 64. Default 16. */
  readonly bins?: number;
}

/** Values that a column of text may have and still be a category. */
const MOST_VALUES = 32;

/** Every fifth row is kept from training. */
const PART = 5;

/** Codes one cell of a column: numbers 0 to 255. */
interface Code {
  readonly width: number;
  write(row: number, out: Uint8Array): void;
}

/**
 * Makes samples of a table; every fifth row that has one of the classes is kept from training.
 *
 * @param name - For reports.
 * @returns images of [1, codes of all features]
 * @throws InputError BTM_DOMAIN for a column that is not there, BTM_SHAPE where no feature is left or a part lacks a class
 */
export function tableSamples(name: string, table: Table, options: TableSamplesOptions): DigitData {
  const most = checkInteger('classes', options.classes ?? 10, 2, 256);
  const bins = checkInteger('bins', options.bins ?? 16, 1, 64);
  const label = needColumn(table, options.label);
  const classOf = classesOf(table, label, most);
  const parts: [number[], number[]] = [[], []];
  let labelled = 0;
  for (let row = 0; row < table.rows; row++) {
    if (classOf.has(label.text(row))) parts[labelled++ % PART === PART - 1 ? 1 : 0].push(row);
  }
  const codes = codesOf(table, label, options.features, parts[0], bins);
  if (codes.length === 0) {
    const remedy = 'Name columns of numbers, or of texts with few values.';
    throw new InputError('BTM_SHAPE', `has no column to predict '${label.name}' from`, { argument: table.source, remedy });
  }
  const [train, test] = parts.map((rows, part) => {
    const labels = Uint8Array.from(rows, (row) => classOf.get(label.text(row)) as number);
    return encoded(`${name} (${part === 0 ? 'training' : 'test'} part)`, rows, labels, classOf.size, codes);
  });
  for (const part of [train, test]) {
    const present = new Set(part.labels).size;
    if (present < classOf.size || classOf.size < 2) {
      throw new InputError('BTM_SHAPE', `holds only ${present} of ${Math.max(2, classOf.size)} classes in its ${part.name}`, {
        argument: table.source,
        value: table.rows,
        remedy: 'Bring more rows, or ask for fewer classes.',
      });
    }
  }
  return { name, train, test };
}

/** The most frequent labels, by falling frequency, ties by their order as text; empty ones are none. */
function classesOf(table: Table, label: TableColumn, most: number): Map<string, number> {
  const counts = countsOf(label, table.rows);
  const names = [...counts.keys()].sort((a, b) => (counts.get(b) as number) - (counts.get(a) as number) || (a < b ? -1 : 1));
  return new Map(names.slice(0, most).map((name, index) => [name, index]));
}

function countsOf(column: TableColumn, rows: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let row = 0; row < rows; row++) {
    const text = column.text(row);
    if (text !== '' && text !== 'NaN') counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return counts;
}

function codesOf(table: Table, label: TableColumn, names: readonly string[] | undefined, train: readonly number[], bins: number): Code[] {
  const columns = names === undefined ? table.columns : names.map((name) => needColumn(table, name));
  return columns.flatMap((column) => {
    if (column === label) return [];
    const code = column.numbers === null ? categories(table, column, names !== undefined) : pieces(column.numbers, train, bins);
    return code === null ? [] : [code];
  });
}

/** One place a value; a column that was asked for keeps its most frequent values, another with many is an identifier. */
function categories(table: Table, column: TableColumn, asked: boolean): Code | null {
  const values = classesOf(table, column, MOST_VALUES);
  if (!asked && countsOf(column, table.rows).size > MOST_VALUES) return null;
  return {
    width: values.size,
    write(row, out) {
      const place = values.get(column.text(row));
      if (place !== undefined) out[place] = 255;
    },
  };
}

/** Piece k is filled as far as the value lies between quantiles k and k + 1 of the training rows; an empty cell leaves all empty. */
function pieces(numbers: Float64Array, train: readonly number[], bins: number): Code | null {
  const sorted = Float64Array.from(train.map((row) => numbers[row]).filter(Number.isFinite)).sort();
  if (sorted.length === 0) return null;
  const quantiles = Array.from({ length: bins + 1 }, (_, k) => sorted[Math.round((k * (sorted.length - 1)) / bins)]);
  const edges = quantiles.filter((edge, k) => k === 0 || edge > quantiles[k - 1]);
  if (edges.length < 2) return null; // a constant says nothing
  return {
    width: edges.length - 1,
    write(row, out) {
      const x = numbers[row];
      if (!Number.isFinite(x)) return;
      for (let k = 0; k + 1 < edges.length; k++) {
        const part = (x - edges[k]) / (edges[k + 1] - edges[k]);
        out[k] = Math.round(255 * Math.min(1, Math.max(0, part)));
      }
    },
  };
}

function encoded(name: string, rows: readonly number[], labels: Uint8Array, classes: number, codes: readonly Code[]): ImageDataset {
  const width = codes.reduce((sum, code) => sum + code.width, 0);
  const images = new Uint8Array(rows.length * width);
  for (const [sample, row] of rows.entries()) {
    let at = sample * width;
    for (const code of codes) {
      code.write(row, images.subarray(at, at + code.width));
      at += code.width;
    }
  }
  return { name, samples: rows.length, height: 1, width, classes, images, labels };
}
