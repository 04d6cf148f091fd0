// Draws mutations, runs each against the tests of its area and prints the score. README.md beside it has the options.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as cpp from './cpp.mjs';
import { Sandbox } from './sandbox.mjs';
import * as typescript from './typescript.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
    area: { type: 'string', multiple: true },
    only: { type: 'string' },
    out: { type: 'string' },
  },
});
const count = Number(options.count);
const seed = Number(options.seed);
if (!Number.isInteger(count) || count < 1) throw new Error('--count must be a whole number of at least 1');

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
    return await sandbox.firstFailure(tests);
  } catch {
    return 'the compiler';
  } finally {
    sandbox.write(compiled, original);
  }
}

const random = generator(seed);
const chosen = Object.entries(areas).filter(([name]) => (options.area ?? [name]).includes(name));
const found = chosen.map(([name, area]) => ({ name, area, pool: candidates(area) })).filter(({ pool }) => pool.length > 0);
const share = found.map((_, k) => Math.floor(((k + 1) * count) / found.length) - Math.floor((k * count) / found.length));
const results = [];
for (const [k, { name, area, pool }] of found.entries()) {
  const tests = area.tests.flatMap((prefix) => under([prefix]).filter((path) => path.endsWith('.test.ts')));
  const sandbox = new Sandbox(root, { native: area.sources.some((path) => path.startsWith('native')) });
  try {
    const broken = await sandbox.firstFailure(tests);
    if (broken !== undefined) throw new Error(`${broken} fails without any mutation: build the project and mend it first`);
    for (const mutation of draw(pool, share[k], random)) {
      const killer = await verdictOf(mutation, sandbox, tests);
      results.push({ area: name, mutation: describe(mutation), killer });
      console.log(`${killer === undefined ? 'SURVIVED' : 'killed  '} ${describe(mutation)}${killer === undefined ? '' : `  (${killer})`}`);
    }
  } finally {
    sandbox.remove();
  }
}

console.log(`\nseed ${seed}, ${count} mutations`);
for (const { name } of found) {
  const own = results.filter(({ area }) => area === name);
  if (own.length > 0) console.log(`${name}: ${own.filter(({ killer }) => killer !== undefined).length} of ${own.length} killed`);
}
const killed = results.filter(({ killer }) => killer !== undefined).length;
console.log(`all: ${killed} of ${results.length} killed, ${((100 * killed) / results.length).toFixed(1)} %`);
if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify({ seed, count, results }, null, 2)}\n`);
