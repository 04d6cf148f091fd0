// Links every reading that a page of docs/ names to its section in docs/readings.md. Safe to run again.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const pages = readdirSync('docs', { recursive: true }).filter((name) => name.endsWith('.md') && name !== 'readings.md');
for (const name of pages) {
  const path = join('docs', name);
  const target = relative(dirname(path), 'docs/readings.md');
  const parts = readFileSync(path, 'utf8').split(/(```[\s\S]*?```|`[^`\n]*`|\[R-\d\d\]\([^)]*\))/);
  const linked = parts.map((part, k) => (k % 2 === 1 ? part : part.replace(/\bR-(\d\d)\b/g, (id, n) => `[${id}](${target}#r-${n})`)));
  writeFileSync(path, linked.join(''));
}
