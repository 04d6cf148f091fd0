/**
 * Every printed example type-checks, runs and prints what it says.
 * Where a line ends in `console.log(...); // text`, that text is what it must print. A fence marked ```ts ignore is a sketch.
 */
import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import ts from 'typescript';
import { packageRoot } from '../../src/backend/index.js';
import { allExamples, type Example, unrunnable } from './examples.js';

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

const nameOf = (index: number) => `example-${index}`;

/** Writes the examples as TypeScript, checks them against the built declarations and emits them; returns the complaints. */
async function compile(examples: readonly Example[]): Promise<string[]> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const files = examples.map((_, index) => join(folder, `${nameOf(index)}.mts`));
  await Promise.all(examples.map(({ code }, index) => writeFile(files[index] as string, code)));
  const program = ts.createProgram(files, {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    strict: true,
    skipLibCheck: true,
    types: ['node'],
  });
  program.emit();
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const index = Number(/example-(\d+)/.exec(basename(file?.fileName ?? ''))?.[1] ?? -1);
    const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start ?? 0).line + 1;
    return `${examples[index]?.from ?? file?.fileName}, line ${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

async function runAll(examples: readonly Example[]): Promise<{ printed: string[]; error?: string }[]> {
  await writeFile(join(folder, 'run.mjs'), RUNNER);
  const files = examples.map((_, index) => `${nameOf(index)}.mjs`);
  const { stdout } = await promisify(execFile)(process.execPath, ['run.mjs', ...files], { cwd: folder, maxBuffer: 1 << 26 });
  return JSON.parse(stdout);
}

t.test('every @example opens a fence or says what it returns', async (t) => {
  t.same(await unrunnable(), []);
});

t.test('every printed example type-checks, runs and prints what it says', async (t) => {
  const examples = await allExamples();
  t.ok(examples.length > 0, `${examples.length} examples were found`);
  t.same(await compile(examples), []);
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
