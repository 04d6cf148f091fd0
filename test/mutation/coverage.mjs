// Which lines of the sources each test file executes, its child processes included, so that a mutation is tried only by tests
// that can notice it. Kept in a file, because measuring it takes as long as the test suite.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './draw.mjs';
import { sourceMap } from './typescript.mjs';

/** A test that was never measured may take as long as this. */
const UNMEASURED_S = 60;

const git = (parameters) => execFileSync('git', parameters, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 });

/** One byte per character of a script: 1 where it was executed. Inner ranges come after the outer ones that hold them. */
function executedCharacters(length, functions) {
  const executed = new Uint8Array(length);
  for (const { ranges } of functions)
    for (const { startOffset, endOffset, count } of ranges) executed.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  return executed;
}

/** The lines of a TypeScript source (from 1) that were executed, given the compiled script and what of it was. */
function sourceLines(source, script, executed) {
  const map = new SourceMap(sourceMap(readFileSync(source, 'utf8')));
  const lines = new Set();
  let offset = 0;
  for (const [index, text] of readFileSync(script, 'utf8').split('\n').entries()) {
    for (let column = 0; column < text.length; column++) {
      if (executed[offset + column] === 0 || text[column] === ' ') continue;
      const { originalLine } = map.findEntry(index, column);
      if (originalLine !== undefined) lines.add(originalLine + 1);
    }
    offset += text.length + 1;
  }
  return lines;
}

/** Adds what the reports of one folder say to `characters`: script -> executed characters, over all processes. */
function addReports(folder, prefix, characters) {
  for (const name of readdirSync(folder)) {
    const { result } = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    for (const { url, functions } of result) {
      if (!url.startsWith('file:')) continue;
      const path = fileURLToPath(url);
      if (!path.startsWith(prefix)) continue;
      const known = characters.get(path);
      const executed = executedCharacters(known?.length ?? readFileSync(path, 'utf8').length, functions);
      if (known === undefined) characters.set(path, executed);
      else for (let k = 0; k < known.length; k++) known[k] |= executed[k];
    }
  }
}

/** Names the text of a file. */
const blobOf = (path) => git(['hash-object', path]).trim();

/** Runs one test file in the sandbox: { commit, written, seconds, passed, lines: { 'src/a.ts': [1, 2, ...] } }. */
async function measure(sandbox, test) {
  const commit = git(['rev-parse', 'HEAD']).trim();
  const written = blobOf(test);
  const folder = mkdtempSync(join(tmpdir(), 'intermodel-coverage-'));
  try {
    const { outcome, seconds } = await sandbox.run(test, UNMEASURED_S, { NODE_V8_COVERAGE: folder });
    const characters = new Map();
    addReports(folder, join(sandbox.folder, 'lib', 'src'), characters);
    const lines = {};
    for (const [script, executed] of characters) {
      const source = script.slice(sandbox.folder.length + '/lib/'.length).replace(/\.js$/, '.ts');
      lines[source] = [...sourceLines(join(sandbox.root, source), script, executed)].sort((a, b) => a - b);
    }
    return { commit, written, seconds, passed: outcome === 'passed', lines };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Measures the tests that the file at `path` does not hold yet, or that were changed since, and returns all of it: test -> what `measure` says. */
export async function coverageOf(sandboxFor, tests, path) {
  let known = {};
  try {
    known = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  const isKnown = (test) => known[test] !== undefined && (known[test].written ?? blobOf(test)) === blobOf(test);
  for (const test of tests.filter((test) => !isKnown(test))) {
    known[test] = await measure(sandboxFor(), test);
    console.log(`measured ${test}: ${known[test].seconds.toFixed(1)} s${known[test].passed ? '' : ', FAILED'}`);
    writeFileSync(path, JSON.stringify(known));
  }
  return known;
}

const hunks = new Map();
/** The changes of a file since a commit: [first line then, lines then, first line now, lines now]. */
function changesSince(commit, path) {
  const key = `${commit} ${path}`;
  if (!hunks.has(key)) {
    const found = git(['diff', '--unified=0', commit, '--', path]).matchAll(/^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/gm);
    hunks.set(
      key,
      [...found].map(([, ...numbers]) => numbers.map((number) => Number(number ?? 1))),
    );
  }
  return hunks.get(key);
}

const mapped = new Map();
/**
 * The lines of a file today that a test executed when it was measured. What was changed since counts as executed where the
 * test executed a line that it replaced, or the line above it.
 */
export function linesNow(measured, path) {
  const ofTest = mapped.get(measured) ?? mapped.set(measured, new Map()).get(measured);
  if (ofTest.has(path)) return ofTest.get(path);
  const then = new Set(measured.lines[path]);
  const now = new Set();
  const changes = changesSince(measured.commit, path);
  for (const [from, removed, to, added] of changes) {
    const old = Array.from({ length: removed + 1 }, (_, k) => from + k - (removed > 0 ? 1 : 0));
    if (old.some((line) => then.has(line))) for (let k = 0; k < added; k++) now.add(to + k);
  }
  for (const line of then) {
    const earlier = changes.filter(([from, removed]) => from + removed <= line && !(removed === 0 && from >= line));
    const replaced = changes.some(([from, removed]) => line >= from && line < from + removed);
    if (!replaced) now.add(line + earlier.reduce((shift, [, removed, , added]) => shift + added - removed, 0));
  }
  ofTest.set(path, now);
  return now;
}
