// Draws mutations, runs each against the tests that can notice it and prints the score. README.md beside it has the options.
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { chooser, testFiles } from './choose.mjs';
import { coverageOf } from './coverage.mjs';
import { areas, describe, drawn, listed, placeOf, root, survivors } from './draw.mjs';
import { BuildError, Sandbox } from './sandbox.mjs';

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
    area: { type: 'string', multiple: true },
    only: { type: 'string' },
    again: { type: 'string', multiple: true },
    list: { type: 'string' },
    part: { type: 'string', default: '1/1' },
    coverage: { type: 'string' },
    budget: { type: 'string', default: '60' },
    out: { type: 'string' },
  },
});
const count = Number(options.count);
const seed = Number(options.seed);
if (!Number.isInteger(count) || count < 1) throw new Error('--count must be a whole number of at least 1');
const budget = Number(options.budget);
if (!(budget > 0)) throw new Error('--budget must be a number of seconds above 0');
const [part, parts] = options.part.split('/').map(Number);
if (!(Number.isInteger(part) && part >= 1 && part <= parts)) throw new Error('--part must be K/N with K from 1 to N');
for (const name of options.area ?? [])
  if (areas[name] === undefined) throw new Error(`--area ${name}: one of ${Object.keys(areas).join(', ')}`);

function chosenMutations() {
  if (options.list !== undefined) return listed(options.list);
  if (options.again !== undefined) return options.again.flatMap(survivors);
  return drawn({ count, seed, chosen: options.area ?? Object.keys(areas), only: options.only });
}

/** Of N processes that share a run, the last takes C++, and the others take turns. */
function ofThisPart(mutations) {
  if (parts === 1) return mutations;
  const typescript = mutations.filter(({ path }) => path.endsWith('.ts'));
  if (part === parts) return mutations.filter(({ path }) => !path.endsWith('.ts'));
  return typescript.filter((_, k) => k % (parts - 1) === part - 1);
}

const sandboxes = new Map();
/** Only the plain C++ path, where it will do: kernels are written once, and one build of them shows a change in seconds. */
function sandboxOf(path) {
  const native = path.endsWith('.ts') ? undefined : /simd|isa\/|dispatch/.test(path) ? 'vectors' : 'scalar';
  if (!sandboxes.has(native)) sandboxes.set(native, new Sandbox(root, native));
  return sandboxes.get(native);
}

/** Seconds that a test takes without a change, in the sandbox as it is now; undefined where it does not pass. */
async function usual(sandbox, path, test) {
  if (!sandbox.healthy.has(test)) {
    sandbox.restore(path);
    const { outcome, seconds } = await sandbox.run(test, 4 * choose.secondsOf(test));
    if (outcome === 'passed') sandbox.healthy.set(test, seconds);
    else console.log(`${test} fails without any change: left out`);
  }
  return sandbox.healthy.get(test);
}

/** Whether a test notices a mutation: it fails, or runs for much longer than without it. */
async function notices(sandbox, { path }, changed, test) {
  sandbox.write(path, changed);
  const first = await sandbox.run(test, choose.secondsOf(test));
  if (first.outcome === 'passed') return false;
  const seconds = await usual(sandbox, path, test);
  if (seconds === undefined) {
    unfit.add(test);
    return false;
  }
  if (first.outcome === 'failed' || first.seconds > 3 * seconds) return true;
  // The machine may have been busy: once more, with time for a test as slow as it just was.
  sandbox.write(path, changed);
  const second = await sandbox.run(test, 2 * seconds);
  return second.outcome === 'failed' || (second.outcome === 'late' && second.seconds > 3 * seconds);
}

/** Builds one mutation in the sandbox and says which test noticed it. */
async function verdictOf(mutation, sandbox) {
  const { path, source, start, end, text } = mutation;
  const changed = source.slice(0, start) + text + source.slice(end);
  try {
    for (const test of choose.testsFor(mutation)) if (!unfit.has(test) && (await notices(sandbox, mutation, changed, test))) return test;
    return undefined;
  } catch (error) {
    if (error instanceof BuildError) return 'the compiler';
    throw error;
  } finally {
    sandbox.restore(path);
  }
}

/** Results of an earlier, interrupted run of the same draw, by the place they are about. */
function resumed() {
  try {
    const saved = JSON.parse(readFileSync(options.out, 'utf8'));
    if (saved.seed !== seed || saved.count !== count)
      throw new Error(`${options.out} holds another draw: remove it, or name another --out`);
    return saved.results;
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return [];
  }
}

const mutations = ofThisPart(chosenMutations());
// For C++ only the seconds of tests matter: a test that was not measured may stay so.
const measured = mutations.some(({ path }) => path.endsWith('.ts')) ? testFiles : [];
const coverage = options.coverage && (await coverageOf(() => sandboxOf('src/.ts'), measured, options.coverage));
const choose = chooser(coverage, budget);
const unfit = new Set();
const results = options.out === undefined ? [] : resumed();
const keyOf = ({ mutation, place }) => `${mutation} ${place.column}`;
const done = new Set(results.map(keyOf));
try {
  for (const mutation of mutations) {
    const entry = { area: mutation.area, mutation: describe(mutation), place: placeOf(mutation) };
    if (done.has(keyOf(entry))) continue;
    const began = Date.now();
    entry.killer = await verdictOf(mutation, sandboxOf(mutation.path));
    entry.seconds = (Date.now() - began) / 1000;
    results.push(entry);
    console.log(
      `${entry.killer === undefined ? 'SURVIVED' : 'killed  '} ${entry.mutation}  (${entry.killer ?? '-'}, ${entry.seconds.toFixed(0)} s)`,
    );
    if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify({ seed, count, results }, null, 2)}\n`);
  }
} finally {
  for (const sandbox of sandboxes.values()) sandbox.remove();
}

console.log(`\nseed ${seed}, ${results.length} mutations`);
for (const name of new Set(results.map(({ area }) => area))) {
  const own = results.filter(({ area }) => area === name);
  console.log(`${name}: ${own.filter(({ killer }) => killer !== undefined).length} of ${own.length} killed`);
}
const killed = results.filter(({ killer }) => killer !== undefined).length;
console.log(`all: ${killed} of ${results.length} killed, ${((100 * killed) / results.length).toFixed(1)} %`);
