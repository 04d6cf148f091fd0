/** docs/readings.md has one section for every reading; whatever names a reading names one that exists, and no reading is dead. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';

const READINGS = 26;
const page = readFileSync(join(packageRoot, 'docs', 'readings.md'), 'utf8');
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section): [string, string] => [section.slice(0, 4), section.slice(4).trim()]),
);
const tracked = execFileSync('git', ['ls-files', '--', 'src', 'docs', 'native', 'test', 'examples', 'README.md'], {
  cwd: packageRoot,
  encoding: 'utf8',
}).trim();
const files = tracked
  .split('\n')
  .filter((name) => /\.(ts|md|hpp|cpp|cu)$/.test(name) && name !== 'docs/readings.md' && existsSync(join(packageRoot, name)));

/** Which files name each reading. */
function namedIn(paths: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const path of paths) {
    for (const [id] of readFileSync(join(packageRoot, path), 'utf8').matchAll(/\bR-\d\d\b/g)) {
      found.set(id, [...(found.get(id) ?? []), path]);
    }
  }
  return found;
}

t.test('every reading has a section with a statement', async (t) => {
  const expected = Array.from({ length: READINGS }, (_, k) => `R-${String(k + 1).padStart(2, '0')}`);
  t.same([...sections.keys()], expected);
  for (const [id, text] of sections) t.match(text, /^\*\*[^*]+\.\*\* /, `${id} opens with its statement`);
});

t.test('every reading that is named exists, and none is dead', async (t) => {
  const named = namedIn(files);
  for (const [id, paths] of named) t.ok(sections.has(id), `${id}, named in ${paths[0]}, has a section`);
  const alive = namedIn(files.filter((path) => path.startsWith('src/') || path === 'docs/paper-map.md'));
  for (const id of sections.keys()) t.ok(alive.has(id), `${id} is cited by the source or the map of the paper`);
});

t.test('docs/ links its readings', async (t) => {
  for (const path of files.filter((name) => name.startsWith('docs/'))) {
    const text = readFileSync(join(packageRoot, path), 'utf8').replace(/\[R-\d\d\]\([^)]*readings\.md#r-\d\d\)/g, '');
    t.notMatch(text.replace(/`R-\d\d`/g, ''), /\bR-\d\d\b/, `${path} links every reading it names`);
  }
});

t.test('links between the pages lead somewhere', async (t) => {
  const pages = files.filter((name) => name.endsWith('.md')).concat('docs/readings.md');
  for (const path of pages) {
    const text = readFileSync(join(packageRoot, path), 'utf8').replace(/```[\s\S]*?```/g, '');
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const at = file === '' ? path : join(dirname(path), file);
      t.ok(existsSync(join(packageRoot, at)), `${path}: ${target}`);
      if (anchor === undefined || !at.endsWith('.md')) continue;
      const titles = [...readFileSync(join(packageRoot, at), 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replace(/[^\w\- ]/g, '')
          .replaceAll(' ', '-'),
      );
      t.ok(titles.includes(anchor), `${path}: ${target} names a heading`);
    }
  }
});
