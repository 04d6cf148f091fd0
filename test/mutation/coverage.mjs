// Which lines of the sources each test file executes, its child processes included, so that a mutation is tried only by tests
// that can notice it. Kept in a file, because measuring it takes as long as the test suite.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sourceMap } from './typescript.mjs';

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

/** Runs one test file in the sandbox: { seconds, passed, lines: { 'src/a.ts': [1, 2, ...] } }. */
async function measure(sandbox, test) {
  const folder = mkdtempSync(join(tmpdir(), 'intermodel-coverage-'));
  try {
    const began = Date.now();
    const failed = await sandbox.firstFailure([test], { NODE_V8_COVERAGE: folder });
    const characters = new Map();
    addReports(folder, join(sandbox.folder, 'lib', 'src'), characters);
    const lines = {};
    for (const [script, executed] of characters) {
      const source = script.slice(sandbox.folder.length + '/lib/'.length).replace(/\.js$/, '.ts');
      lines[source] = [...sourceLines(join(sandbox.root, source), script, executed)].sort((a, b) => a - b);
    }
    return { seconds: (Date.now() - began) / 1000, passed: failed === undefined, lines };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Measures the tests that the file at `path` does not hold yet and returns all of it: test -> what `measure` says. */
export async function coverageOf(sandbox, tests, path) {
  let known = {};
  try {
    known = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  for (const test of tests.filter((test) => known[test] === undefined)) {
    known[test] = await measure(sandbox, test);
    console.log(`measured ${test}: ${known[test].seconds.toFixed(1)} s${known[test].passed ? '' : ', FAILED'}`);
    writeFileSync(path, JSON.stringify(known));
  }
  return known;
}
