/** docs/paper-map.md has a row for every numbered equation and figure, and what its rows name exists. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';

const EQUATIONS = 30;
const FIGURES = 5;

/** Every name that an entry point of the package exports. */
async function exportedNames(): Promise<Set<string>> {
  const { exports } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    exports: Record<string, { default?: string }>;
  };
  const entries = Object.values(exports).flatMap((entry) => (entry.default === undefined ? [] : [entry.default]));
  const modules = await Promise.all(entries.map((entry) => import(pathToFileURL(join(packageRoot, entry)).href)));
  return new Set(modules.flatMap((module) => Object.keys(module)));
}

const rows = readFileSync(join(packageRoot, 'docs', 'paper-map.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| (\(\d+\)|Figure \d|Algorithm \d|Theorem)/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()));

t.test('every numbered equation, figure and algorithm has a row', async (t) => {
  const named = rows.map((row) => row[1] ?? '');
  for (let number = 1; number <= EQUATIONS; number++) {
    t.ok(
      named.some((cell) => cell.includes(`(${number})`)),
      `equation (${number})`,
    );
  }
  for (let number = 1; number <= FIGURES; number++) {
    t.ok(
      named.some((cell) => cell.startsWith(`Figure ${number}`)),
      `figure ${number}`,
    );
  }
});

t.test('the functions, kernels and tests that the rows name exist', async (t) => {
  const exported = await exportedNames();
  for (const row of rows) {
    const functions = [...(row[3] ?? '').matchAll(/`([A-Za-z]+)`/g)].map((match) => match[1] ?? '');
    t.ok(functions.length > 0 || (row[3] ?? '').startsWith('—'), `${row[1]} names a function, or says why there is none`);
    for (const name of functions) t.ok(exported.has(name), `${row[1]}: ${name} is exported`);
    const paths = [...`${row[4] ?? ''} ${row[5] ?? ''}`.matchAll(/`((?:native|test)\/[^`]+)`/g)].map((match) => match[1] ?? '');
    for (const path of paths) t.ok(existsSync(join(packageRoot, path)), `${row[1]}: ${path} exists`);
  }
});
