// Which changes are tried: drawn by a seed over the areas, listed by hand, or what survived an earlier run.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as cpp from './cpp.mjs';
import * as typescript from './typescript.mjs';

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, '..', '..');
export const areas = JSON.parse(readFileSync(join(here, 'areas.json'), 'utf8'));

const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
export const under = (prefixes) => tracked.filter((path) => prefixes.some((prefix) => path.startsWith(prefix)));

/** Sources of an area. Where several areas name a file, it is in the one with the longest prefix. */
function filesOf(name) {
  const longest = (prefixes, path) => Math.max(0, ...prefixes.filter((prefix) => path.startsWith(prefix)).map((prefix) => prefix.length));
  const { sources, except = [] } = areas[name];
  return under(sources).filter((path) => {
    const own = longest(sources, path);
    const others = Object.entries(areas).filter(([other]) => other !== name);
    return /\.(ts|hpp|cpp)$/.test(path) && longest(except, path) === 0 && others.every(([, area]) => longest(area.sources, path) < own);
  });
}

/** A source that no area holds would never be drawn. */
function checkAreas() {
  const held = new Set(Object.values(areas).flatMap(({ sources, except = [] }) => [...under(sources), ...under(except)]));
  const kinds = ['src/', 'native/src/', 'native/addon/', 'native/cuda/', 'native/include/'];
  const missed = under(kinds).filter((path) => /\.(ts|hpp|cpp)$/.test(path) && !held.has(path));
  if (missed.length > 0) throw new Error(`test/mutation/areas.json: no area holds ${missed.join(', ')}`);
}

/** Every mutation of an area: { path, source, ... }. */
function candidates(name, only) {
  return filesOf(name)
    .filter((path) => (only ?? path) === path)
    .flatMap((path) => {
      const source = readFileSync(join(root, path), 'utf8');
      const language = path.endsWith('.ts') ? typescript : cpp;
      return language.mutationsOf(source, path).map((mutation) => ({ ...mutation, area: name, path, source }));
    });
}

/** mulberry32: a small seeded generator, so that a draw can be repeated. */
function generator(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

/** A number that depends on a name only. */
const hashOf = (name) => [...name].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) % 1_000_003, 7);

/** Draws files evenly first and then a place in the file, so that long files do not take all. */
function draw(pool, wanted, random) {
  const byFile = pool.reduce((all, m) => all.set(m.path, [...(all.get(m.path) ?? []), m]), new Map());
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

export const describe = ({ path, line, kind, source, start, end, text }) =>
  `${path}:${line} ${kind}: ${source.slice(start, end).trim().slice(0, 60).replaceAll('\n', ' ')} -> ${text.trim().slice(0, 60)}`;

/** What stays the same about a mutation when lines are added elsewhere in its file. */
export function placeOf({ path, kind, source, start, text }) {
  const from = source.lastIndexOf('\n', start - 1) + 1;
  const line = source.slice(from, source.indexOf('\n', start));
  return { path, kind, text, within: line.trim(), column: start - from - (line.length - line.trimStart().length) };
}

/** What survived the run that was saved at `path`. */
export function survivors(path) {
  const { results } = JSON.parse(readFileSync(path, 'utf8'));
  return results
    .filter(({ killer }) => killer === undefined)
    .flatMap(({ area, mutation, place }) => {
      const found = candidates(area, place.path).filter((one) => JSON.stringify(placeOf(one)) === JSON.stringify(place));
      if (found.length === 0) console.log(`gone     ${mutation}`);
      const line = Number(mutation.match(/:(\d+) /)[1]);
      return found.sort((a, b) => Math.abs(a.line - line) - Math.abs(b.line - line)).slice(0, 1);
    });
}

/** Mutations written out by hand: { what, path, from, to, tests }. */
export function listed(path) {
  return JSON.parse(readFileSync(path, 'utf8')).map((entry) => {
    const source = readFileSync(join(root, entry.path), 'utf8');
    const start = source.indexOf(entry.from);
    if (start < 0) throw new Error(`${path}: ${entry.path} no longer holds the text of '${entry.what}'`);
    const line = source.slice(0, start).split('\n').length;
    const tests = under(['test/']).filter((file) => file.endsWith('.test.ts') && entry.tests.some((prefix) => file.startsWith(prefix)));
    return {
      kind: entry.what,
      path: entry.path,
      source,
      start,
      end: start + entry.from.length,
      text: entry.to,
      line,
      area: entry.what,
      tests,
    };
  });
}

/** `count` mutations over the areas. Each draws from a stream of its own, and they take turns: a run cut short is balanced. */
export function drawn({ count, seed, chosen, only }) {
  checkAreas();
  const found = chosen.map((name) => ({ name, pool: candidates(name, only) })).filter(({ pool }) => pool.length > 0);
  const share = found.map((_, k) => Math.floor(((k + 1) * count) / found.length) - Math.floor((k * count) / found.length));
  const lists = found.map(({ name, pool }, k) => draw(pool, share[k], generator(seed + 1000 * hashOf(name))));
  const turns = Math.max(...lists.map(({ length }) => length));
  return Array.from({ length: turns }, (_, turn) => lists.flatMap((list) => list.slice(turn, turn + 1))).flat();
}
