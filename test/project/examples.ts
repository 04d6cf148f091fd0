/**
 * The printed examples: every ```ts fence of README.md, docs/ and src/, and every one-line `@example expression // returns value`.
 * A one-line example sees what its own module exports.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { packageRoot } from '../../src/backend/index.js';

export interface Example {
  readonly from: string;
  readonly code: string;
}

const FENCE = /^```ts\n([\s\S]*?)^```/gm;
const ONE_LINE = /^@example (\S.*?) *\/\/ returns (.*?)(?: \*\/)?$/gm;

async function filesUnder(folder: string, extension: string): Promise<string[]> {
  const entries = await readdir(join(packageRoot, folder), { recursive: true });
  return entries
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => join(packageRoot, folder, name));
}

/** The code of a one-line example: what its module exports, and the promised value behind the call. */
function whole(expression: string, value: string, names: readonly string[], module: string): string {
  const used = names.filter((name) => new RegExp(`\\b${name}\\b`).test(expression));
  const promise = value.startsWith('~') ? `about ${value.slice(1)}` : value;
  return `import { ${used.join(', ')} } from '${module}';\nconsole.log(${expression}); // ${promise}\n`;
}

async function examplesOf(path: string): Promise<Example[]> {
  const text = await readFile(path, 'utf8');
  const from = relative(packageRoot, path);
  if (!path.endsWith('.ts')) return [...text.matchAll(FENCE)].map(([, code = ''], k) => ({ from: `${from} #${k + 1}`, code }));
  const plain = text.replace(/^[ \t]*\* ?/gm, '');
  const fences = [...plain.matchAll(FENCE)].map(([, code = ''], k) => ({ from: `${from} #${k + 1}`, code }));
  const lines = [...plain.matchAll(ONE_LINE)];
  if (lines.length === 0) return fences;
  const module = `../${from.replace(/\.ts$/, '.js')}`;
  const names = Object.keys(await import(join(packageRoot, 'lib', module.slice(3))));
  return [...fences, ...lines.map(([, call = '', value = '']) => ({ from: `${from}: ${call}`, code: whole(call, value, names, module) }))];
}

/** Every `@example` tag that neither opens a fence nor says what it returns, as "path: tag". */
export async function unrunnable(): Promise<string[]> {
  const found: string[] = [];
  for (const path of await filesUnder('src', '.ts')) {
    const plain = (await readFile(path, 'utf8')).replace(/^[ \t]*\* ?/gm, '');
    for (const [tag, rest = ''] of plain.matchAll(/^@example(.*\n.*)$/gm)) {
      if (!/^\s*\n```ts/.test(rest) && !/\/\/ returns /.test(rest.split('\n')[0] ?? ''))
        found.push(`${relative(packageRoot, path)}: ${tag}`);
    }
  }
  return found;
}

export async function allExamples(): Promise<Example[]> {
  const paths = [join(packageRoot, 'README.md'), ...(await filesUnder('docs', '.md')), ...(await filesUnder('src', '.ts'))];
  return (await Promise.all(paths.map(examplesOf))).flat();
}
