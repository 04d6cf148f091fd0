/**
 * Valid calls of every public function and every native method, recorded while the printed examples run. The hostile tables are made from them:
 * they have the right number of arguments and every option that the documentation shows, and grow with it.
 */
import ts from 'typescript';
import type { Backend } from '../../../src/backend/index.js';
import { createBackend, setDefaultBackend } from '../../../src/backend/index.js';
import { allExamples } from '../../project/examples.js';

/** One call as it was made. */
export interface RecordedCall {
  readonly name: string;
  readonly target: (...args: unknown[]) => unknown;
  readonly args: readonly unknown[];
}

type Names = Record<string, unknown>;

const isClass = (value: unknown) => typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));

/** A module whose functions note what they are called with. */
function recording(module: Names, calls: Map<string, RecordedCall>, prefix = ''): Names {
  const out: Names = {};
  for (const [name, value] of Object.entries(module)) {
    out[name] = value;
    if (typeof value !== 'function' || isClass(value)) continue;
    const target = value as (...args: unknown[]) => unknown;
    out[name] = (...args: unknown[]) => {
      // The longest call says most about what a function takes.
      if (sizeOf(args) >= sizeOf(calls.get(prefix + name)?.args)) calls.set(prefix + name, { name: prefix + name, target, args });
      return target(...args);
    };
  }
  return out;
}

function sizeOf(args: readonly unknown[] | undefined): number {
  if (args === undefined) return -1;
  const first = args[0];
  return args.length + (typeof first === 'object' && first !== null ? Object.keys(first).length : 0);
}

/** The examples of one entry, run as functions whose imports are the recording modules. */
async function runExamples(modules: Record<string, Names>): Promise<void> {
  const AsyncFunction = (async () => {}).constructor as new (...names: string[]) => (...values: unknown[]) => Promise<unknown>;
  const quiet = { log: () => {}, error: () => {}, table: () => {} };
  for (const { code } of await allExamples()) {
    const wanted = [...code.matchAll(/from '([^']+)'/g)].map(([, from = '']) => from);
    if (wanted.length === 0 || !wanted.every((from) => from in modules)) continue;
    const { outputText } = ts.transpileModule(code, { compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext } });
    const body = outputText.replace(/^import \{([^}]*)\} from ['"]([^'"]+)['"];?$/gm, (_, names: string, from: string) => {
      return `const {${names.replaceAll(' as ', ': ')}} = modules['${from}'];`;
    });
    await new AsyncFunction('modules', 'console', body)(modules, quiet);
  }
}

/** Everything recorded: public calls by name, and the kernels' calls behind them. */
export async function recordCalls(entries: Record<string, Names>): Promise<{ functions: RecordedCall[]; kernels: RecordedCall[] }> {
  const functions = new Map<string, RecordedCall>();
  const kernels = new Map<string, RecordedCall>();
  const native = createBackend({ kind: 'native', threads: 2 });
  const watched: Backend = { describe: () => native.describe(), kernels: recording(native.kernels as unknown as Names, kernels) as never };
  setDefaultBackend(watched);
  try {
    const modules = Object.fromEntries(
      Object.entries(entries).map(([from, module]) => [
        from,
        recording(module, functions, from === 'intermodel' ? '' : `${from.slice(11)}.`),
      ]),
    );
    await runExamples(modules);
  } finally {
    setDefaultBackend(native);
  }
  return { functions: [...functions.values()], kernels: [...kernels.values()] };
}
