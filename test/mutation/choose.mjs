// Which tests are tried against a mutation, and in which order: those that notice most often and cost least come first.
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { linesNow } from './coverage.mjs';
import { areas, root, under } from './draw.mjs';

export const testFiles = under(['test/']).filter((file) => file.endsWith('.test.ts'));
const nativeTests = under(['native/test/']).filter((path) => /^native\/test\/\w+_test\.cpp$/.test(path));

const DULL = new Set(['ts', 'hpp', 'cpp', 'src', 'index', 'test', 'kernels', 'batch']);
const wordsOf = (file) => file.replace(/^(src|native|test)\//, '').split(/[^a-z0-9]+/);

/** How many words of its name a test shares with a source. */
function nearness(test, path) {
  const own = new Set(wordsOf(path).filter((word) => !DULL.has(word)));
  return new Set(wordsOf(test).filter((word) => own.has(word))).size;
}

const includes = new Map();
/** The files of native/ that a C++ file includes, directly or not, by name. */
function included(path, seen = new Set()) {
  for (const name of includes.get(path) ?? includes.set(path, includesOf(path)).get(path)) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const file of under(['native/src/', 'native/test/', 'native/cuda/', 'native/include/']).filter((file) => basename(file) === name))
      included(file, seen);
  }
  return seen;
}
const includesOf = (path) => [...readFileSync(join(root, path), 'utf8').matchAll(/#include "([^"]+)"/g)].map(([, name]) => basename(name));

/** Tests of the C++ library for a source: one that is named alike first, then those that compile it in. */
function nativeTestsFor(path) {
  const near = nativeTests.filter((test) => nearness(test, path) > 0);
  const holding = nativeTests.filter((test) => included(test).has(basename(path)));
  const targets = (tests) => tests.map((test) => basename(test, '.cpp'));
  return { near: targets(near), rest: targets(holding.filter((test) => !near.includes(test))) };
}

/** Orders tests of the suite: near before far, quick before slow among the equally near. */
function ordered(tests, path, secondsOf) {
  return [...tests].sort((a, b) => nearness(b, path) - nearness(a, path) || secondsOf(a) - secondsOf(b));
}

/** As many as fit the budget; the first always does, and a slow one does not keep quicker ones out. */
function withinBudget(tests, secondsOf, budget) {
  let seconds = 0;
  return tests.filter((test, k) => {
    if (k > 0 && seconds + secondsOf(test) > budget) return false;
    seconds += secondsOf(test);
    return true;
  });
}

export function chooser(coverage, budget) {
  const secondsOf = (test) => coverage?.[test]?.seconds ?? 10;
  const inArea = (area) => testFiles.filter((file) => areas[area].tests.some((prefix) => file.startsWith(prefix)));
  const reaches = (test, { path, line }) => {
    const known = coverage[test];
    if (known === undefined || !known.passed || known.lines[path] === undefined) return false;
    return linesNow(known, path).has(line);
  };
  /** A test that was measured before its source or itself was written is judged by its area. */
  const unknown = (test, { area }) => coverage[test] === undefined && inArea(area).includes(test);

  function suite(mutation) {
    if (coverage === undefined || !mutation.path.endsWith('.ts')) return inArea(mutation.area);
    const reaching = testFiles.filter((test) => reaches(test, mutation) || unknown(test, mutation));
    return reaching.length > 0 ? reaching : inArea(mutation.area);
  }

  return {
    secondsOf,
    testsFor(mutation) {
      if (mutation.tests !== undefined) return mutation.tests;
      const tests = withinBudget(ordered(suite(mutation), mutation.path, secondsOf), secondsOf, budget);
      if (mutation.path.endsWith('.ts')) return tests;
      const { near, rest } = nativeTestsFor(mutation.path);
      return [...near, ...tests, ...rest];
    },
  };
}
