// Draws mutations, runs each against the tests of its area and prints the score. README.md beside it has the options.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { coverageOf } from './coverage.mjs';
import * as cpp from './cpp.mjs';
import { BuildError, Sandbox } from './sandbox.mjs';
import * as typescript from './typescript.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
    area: { type: 'string', multiple: true },
    only: { type: 'string' },
    again: { type: 'string' },
    list: { type: 'string' },
    coverage: { type: 'string' },
    budget: { type: 'string', default: '120' },
    out: { type: 'string' },
  },
});
const count = Number(options.count);
const seed = Number(options.seed);
if (!Number.isInteger(count) || count < 1) throw new Error('--count must be a whole number of at least 1');
const budget = Number(options.budget);
if (!(budget > 0)) throw new Error('--budget must be a number of seconds above 0');

const areas = JSON.parse(readFileSync(join(here, 'areas.json'), 'utf8'));
for (const name of options.area ?? [])
  if (areas[name] === undefined) throw new Error(`--area ${name}: one of ${Object.keys(areas).join(', ')}`);
const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
const under = (prefixes) => tracked.filter((path) => prefixes.some((prefix) => path.startsWith(prefix)));

/** mulberry32: a small seeded generator, so that a draw can be repeated. */
function generator(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

/** Every mutation of an area: { path, source, ... }. */
function candidates({ sources, except = [] }) {
  const skipped = new Set(under(except.length > 0 ? except : ['\0']));
  const files = under(sources).filter((path) => /\.(ts|hpp|cpp)$/.test(path) && !skipped.has(path) && (options.only ?? path) === path);
  return files.flatMap((path) => {
    const source = readFileSync(join(root, path), 'utf8');
    const language = path.endsWith('.ts') ? typescript : cpp;
    return language.mutationsOf(source, path).map((mutation) => ({ ...mutation, path, source }));
  });
}

/** Draws files evenly first and then a place in the file, so that long files do not take all. */
function draw(pool, wanted, random) {
  const byFile = Map.groupBy
    ? Map.groupBy(pool, (m) => m.path)
    : pool.reduce((all, m) => all.set(m.path, [...(all.get(m.path) ?? []), m]), new Map());
  const files = [...byFile.values()];
  const drawn = [];
  while (drawn.length < wanted && files.length > 0) {
    const at = Math.floor(random() * files.length);
    const file = files[at];
    drawn.push(...file.splice(Math.floor(random() * file.length), 1));
    if (file.length === 0) files.splice(at, 1);
  }
  return drawn;
}

const describe = ({ path, line, kind, source, start, end, text }) =>
  `${path}:${line} ${kind}: ${source.slice(start, end).trim().slice(0, 60).replaceAll('\n', ' ')} -> ${text.trim().slice(0, 60)}`;

/** What survived an earlier run, by its description. */
function survivorsOf(path) {
  const { results: earlier } = JSON.parse(readFileSync(path, 'utf8'));
  return new Set(earlier.filter(({ killer }) => killer === undefined).map(({ mutation }) => mutation));
}

/** A number that depends on a name only. */
const hashOf = (name) => [...name].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) % 1_000_003, 7);

const sandboxes = new Map();
function sandboxOf({ sources }) {
  const native = sources.some((path) => path.startsWith('native'));
  if (!sandboxes.has(native)) sandboxes.set(native, new Sandbox(root, { native }));
  return sandboxes.get(native);
}

/** Orders tests: those whose names share a word with the file come first, because they notice most often. */
function nearestFirst(tests, path) {
  const wordsOf = (file) => file.replace(/^(src|native|test)\//, '').split(/[^a-z0-9]+/);
  const own = new Set(wordsOf(path).filter((word) => !['ts', 'hpp', 'cpp', 'src', 'index', 'test'].includes(word)));
  const near = (test) => wordsOf(test).filter((word) => own.has(word)).length;
  return [...tests].sort((a, b) => near(b) - near(a));
}

const testFiles = under(['test/']).filter((file) => file.endsWith('.test.ts'));

/** The tests that execute the mutated line, the quick ones first, until their seconds exceed the budget. */
function testsThatReach({ path, line }, coverage) {
  const reach = testFiles.filter((test) => coverage[test].passed && coverage[test].lines[path]?.includes(line));
  const quick = nearestFirst(
    reach.sort((a, b) => coverage[a].seconds - coverage[b].seconds),
    path,
  );
  let seconds = 0;
  return quick.filter((test) => {
    seconds += coverage[test].seconds;
    return seconds <= budget || seconds === coverage[test].seconds;
  });
}

/** What is run against a mutation: tests that reach it where coverage was measured, otherwise the tests of its area. */
function testsFor(area, mutation, coverage) {
  if (coverage !== undefined && mutation.path.endsWith('.ts')) return testsThatReach(mutation, coverage);
  return nearestFirst(new Set(area.tests.flatMap((prefix) => testFiles.filter((file) => file.startsWith(prefix)))), mutation.path);
}

/** Builds one mutation in the sandbox and says which test noticed it. */
async function verdictOf(mutation, sandbox, tests) {
  const { path, source, start, end, text } = mutation;
  const changed = source.slice(0, start) + text + source.slice(end);
  const native = !path.endsWith('.ts');
  const compiled = native ? path : join('lib', path.replace(/\.ts$/, '.js'));
  const original = native ? source : readFileSync(join(root, compiled), 'utf8');
  sandbox.write(compiled, native ? changed : typescript.emit(changed));
  try {
    if (native) sandbox.buildNative();
    const killer = await sandbox.firstFailure(tests);
    if (killer === undefined || sandbox.healthy.has(killer)) return killer;
    sandbox.write(compiled, original);
    if (native) sandbox.buildNative();
    if ((await sandbox.firstFailure([killer])) !== undefined) throw new Error(`${killer} fails without any mutation: mend it first`);
    sandbox.healthy.add(killer);
    return killer;
  } catch (error) {
    if (error instanceof BuildError) return 'the compiler';
    throw error;
  } finally {
    sandbox.write(compiled, original);
  }
}

/** Mutations written out by hand: { what, path, from, to, tests }, each as an area of its own. */
function listed(path) {
  return JSON.parse(readFileSync(path, 'utf8')).map((entry) => {
    const source = readFileSync(join(root, entry.path), 'utf8');
    const start = source.indexOf(entry.from);
    if (start < 0) throw new Error(`${path}: ${entry.path} no longer holds the text of '${entry.what}'`);
    const line = source.slice(0, start).split('\n').length;
    const mutation = { kind: entry.what, path: entry.path, source, start, end: start + entry.from.length, text: entry.to, line };
    return { name: entry.what, area: { sources: [entry.path], tests: entry.tests }, drawn: [mutation] };
  });
}

function drawnByArea() {
  const chosen = Object.entries(areas).filter(([name]) => (options.area ?? [name]).includes(name));
  const found = chosen.map(([name, area]) => ({ name, area, pool: candidates(area) })).filter(({ pool }) => pool.length > 0);
  const share = found.map((_, k) => Math.floor(((k + 1) * count) / found.length) - Math.floor((k * count) / found.length));
  const survivors = options.again === undefined ? undefined : survivorsOf(options.again);
  // Each area draws from a stream of its own, and areas take turns: a run that is cut short is still balanced.
  return found.map(({ name, area, pool }, k) => ({
    name,
    area,
    drawn:
      survivors === undefined
        ? draw(pool, share[k], generator(seed + 1000 * hashOf(name)))
        : pool.filter((mutation) => survivors.has(describe(mutation))),
  }));
}

const found = options.list === undefined ? drawnByArea() : listed(options.list);
const coverage = options.coverage && (await coverageOf(sandboxOf({ sources: [] }), testFiles, options.coverage));
const turns = Math.max(...found.map(({ drawn }) => drawn.length));
const results = [];
try {
  for (let turn = 0; turn < turns; turn++) {
    for (const { name, area, drawn } of found.filter(({ drawn }) => turn < drawn.length)) {
      const mutation = drawn[turn];
      const killer = await verdictOf(mutation, sandboxOf(area), testsFor(area, mutation, coverage));
      results.push({ area: name, mutation: describe(mutation), killer });
      console.log(`${killer === undefined ? 'SURVIVED' : 'killed  '} ${describe(mutation)}${killer === undefined ? '' : `  (${killer})`}`);
      if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify({ seed, count, results }, null, 2)}\n`);
    }
  }
} finally {
  for (const sandbox of sandboxes.values()) sandbox.remove();
}

console.log(`\nseed ${seed}, ${results.length} mutations`);
for (const { name } of found) {
  const own = results.filter(({ area }) => area === name);
  if (own.length > 0) console.log(`${name}: ${own.filter(({ killer }) => killer !== undefined).length} of ${own.length} killed`);
}
const killed = results.filter(({ killer }) => killer !== undefined).length;
console.log(`all: ${killed} of ${results.length} killed, ${((100 * killed) / results.length).toFixed(1)} %`);
