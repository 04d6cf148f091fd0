/**
 * Every ```ts fence of README.md and docs/, and every @example of src/, runs as printed.
 * Where a line ends in `console.log(...); // text`, that text is what it must print. A fence marked ```ts ignore is a sketch.
 */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import ts from 'typescript';
import { packageRoot } from '../../src/backend/index.js';

interface Example {
  readonly from: string;
  readonly code: string;
}

async function filesUnder(folder: string, extension: string): Promise<string[]> {
  const entries = await readdir(join(packageRoot, folder), { recursive: true });
  return entries
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => join(packageRoot, folder, name));
}

async function examplesOf(path: string): Promise<Example[]> {
  const text = await readFile(path, 'utf8');
  const plain = path.endsWith('.ts') ? text.replace(/^[ \t]*\* ?/gm, '') : text;
  const fences = [...plain.matchAll(/^```ts\n([\s\S]*?)^```/gm)];
  return fences.map((match, index) => ({ from: `${relative(packageRoot, path)} #${index + 1}`, code: match[1] ?? '' }));
}

/** Spaces, quotes and the lengths that Node prints beside arrays carry no meaning here. */
const bare = (text: string) => text.replace(/Array\(\d+\)/g, 'Array').replace(/[\s'"`]/g, '');

const numbers = (text: string) =>
  [...text.replace(/Array\(\d+\)/g, '').matchAll(/-?\d+(\.\d+)?(e-?\d+)?/g)].map(([digits]) => Number(digits));

/** Whether a printed line is the promised one: the same text, or after "about" the same numbers to three digits. */
function keeps(promise: string, line: string): boolean {
  if (!promise.startsWith('about ')) return bare(promise) === bare(line);
  const wanted = numbers(promise);
  const found = numbers(line).slice(-wanted.length);
  return (
    wanted.length > 0 && wanted.every((value, k) => Math.abs(value - (found[k] ?? Number.NaN)) <= 1e-3 * Math.max(1e-6, Math.abs(value)))
  );
}

/** What the example says it prints, in order. */
function promised(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\);? *\/\/ (.*)$/gm)].map((match) => (match[1] ?? '').trim());
}

const folder = join(packageRoot, 'lib', 'examples-of-docs');

/** One process runs all: loading the package once per example would take most of the time. */
const RUNNER = `
import { inspect } from 'node:util';
const results = [];
for (const file of process.argv.slice(2)) {
  const printed = [];
  console.log = (...values) => printed.push(values.map((v) => (typeof v === 'string' ? v : inspect(v, { breakLength: Infinity }))).join(' '));
  try {
    await import('./' + file);
    results.push({ printed });
  } catch (error) {
    results.push({ printed, error: String(error?.stack ?? error) });
  }
}
process.stdout.write(JSON.stringify(results), () => process.exit(0));
`;

async function runAll(examples: readonly Example[]): Promise<{ printed: string[]; error?: string }[]> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const files = await Promise.all(
    examples.map(async ({ code }, index) => {
      const { outputText } = ts.transpileModule(code, {
        compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
      });
      await writeFile(join(folder, `example-${index}.mjs`), outputText);
      return `example-${index}.mjs`;
    }),
  );
  await writeFile(join(folder, 'run.mjs'), RUNNER);
  const { stdout } = await promisify(execFile)(process.execPath, ['run.mjs', ...files], { cwd: folder, maxBuffer: 1 << 26 });
  return JSON.parse(stdout);
}

t.test('every printed example runs and prints what it says', async (t) => {
  const paths = [join(packageRoot, 'README.md'), ...(await filesUnder('docs', '.md')), ...(await filesUnder('src', '.ts'))];
  const examples = (await Promise.all(paths.map(examplesOf))).flat();
  t.ok(examples.length > 0, `${examples.length} examples were found`);
  for (const [index, { printed, error }] of (await runAll(examples)).entries()) {
    const { from, code } = examples[index] as Example;
    if (error !== undefined) {
      t.fail(`${from}: ${error}`);
      continue;
    }
    const lines = promised(code);
    let next = 0;
    for (const line of printed) if (next < lines.length && keeps(lines[next] as string, line)) next++;
    t.equal(next, lines.length, `${from} prints ${printed.join(' | ')}`);
  }
});
