/** Data by name: digits, text or a table that packages ship, a table of one's own, or a folder of IDX files. */
import { resolve } from 'node:path';
import { InputError } from '../core/errors.js';
import { loadPostOffices, loadSpeeches, POST_OFFICES, SPEECHES } from '../data/corpora.js';
import { readCsv } from '../data/csv.js';
import { type DigitData, idxPathsIn, loadDigitFiles, loadMnist } from '../data/dataset.js';
import { readParquet } from '../data/parquet.js';
import { tableSamples } from '../data/table-samples.js';

/** For the help of commands. */
export const DATA_CHOICES =
  "'mnist', 'text' (next character of speeches), 'table' (state of a postal code), FILE.csv#COLUMN or FILE.parquet#COLUMN (the column to predict from all others), or a folder of four IDX files";

const SHIPPED: Readonly<Record<string, () => Promise<DigitData>>> = { mnist: loadMnist, text: loadSpeeches, table: loadPostOffices };

/** A table of one's own and the column to predict. */
const TABLE = /^(?<path>.*\.(?<kind>csv|tsv|parquet))(?:#(?<label>.*))?$/is;

/**
 * Loads it.
 *
 * @throws EnvironmentError BTM_NO_PACKAGE or BTM_IO, InputError for a table without the column
 */
export async function dataNamed(name: string): Promise<DigitData> {
  const shipped = Object.hasOwn(SHIPPED, name) ? SHIPPED[name] : undefined;
  if (shipped !== undefined) return shipped();
  const table = TABLE.exec(name)?.groups;
  if (table === undefined) return loadDigitFiles(name, idxPathsIn(name));
  const { path, kind, label } = table;
  if (path === undefined || label === undefined || label === '') {
    const remedy = `Name it behind the file: ${name}#COLUMN.`;
    throw new InputError('BTM_DOMAIN', 'does not say which column to predict', { argument: 'data', value: name, remedy });
  }
  return tableSamples(name, await (kind?.toLowerCase() === 'parquet' ? readParquet(path) : readCsv(path)), { label });
}

/** What to ask for to get the data that a report calls by this name. */
export function nameOfData(called: string): string {
  const shipped: Readonly<Record<string, string>> = { MNIST: 'mnist', [SPEECHES]: 'text', [POST_OFFICES]: 'table' };
  return shipped[called] ?? called; // a file or a folder is called what it was asked for by
}

/** The same data, named so that it is found from anywhere: a file or folder is looked for from `here`. */
export function placeOfData(name: string, here: string): string {
  return Object.hasOwn(SHIPPED, name) ? name : resolve(here, name);
}
