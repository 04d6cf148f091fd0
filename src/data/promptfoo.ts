/** The result file of promptfoo: a score, a cost and a latency for each test and provider. */
import { InputError } from '../core/errors.js';
import { parseJson } from '../core/user-files.js';
import type { Answers } from './answers.js';
import { readWhole } from './bytes.js';

interface Result {
  /** Where its provider and prompt stand among all columns of the file; results stand in the order in which they were done. */
  readonly column: number;
  readonly provider: string;
  readonly test: string;
  readonly score: number;
  readonly cost: number | null;
}

/** Whether a file holds what promptfoo writes; also false where it cannot be read or parsed, which its reader will say better. */
export async function isPromptfoo(path: string): Promise<boolean> {
  try {
    return listOf(JSON.parse(new TextDecoder().decode(await readWhole(path)))) !== null;
  } catch {
    return false;
  }
}

/** Reads the file. A model is a provider, and with several prompts a provider with one of them. */
export async function readPromptfoo(path: string): Promise<Answers[]> {
  const value = parseJson(path, new TextDecoder().decode(await readWhole(path)));
  const list = listOf(value);
  if (list === null) {
    throw new InputError('BTM_TYPE', 'is not a result file of promptfoo: it has no results with providers', {
      argument: path,
      remedy: 'Write one with promptfoo eval --output results.json.',
    });
  }
  const prompts = promptsOf(list);
  const results = list.map((entry, index) => parseResult(`${path}: results[${index}]`, entry, prompts)).sort((a, b) => a.column - b.column);
  const tests = [...new Set(results.map(({ test }) => test))];
  const place = new Map(tests.map((test, at) => [test, at]));
  return [...new Set(results.map(({ provider }) => provider))].map((name) => {
    const values = new Float64Array(tests.length).fill(Number.NaN);
    const own = results.filter(({ provider }) => provider === name);
    for (const { test, score } of own) {
      const at = place.get(test) as number;
      if (!Number.isNaN(values[at]))
        throw new InputError('BTM_DOMAIN', `has two results of '${name}' for test ${test}`, { argument: path });
      values[at] = score;
    }
    const costs = own.flatMap(({ cost }) => (cost === null ? [] : [cost]));
    return {
      name,
      source: path,
      samples: tests.length,
      width: 1,
      values,
      ids: tests,
      columns: null,
      kind: 'scores' as const,
      ...(costs.length === 0 ? {} : { cost: costs.reduce((sum, cost) => sum + cost, 0) / costs.length }),
    };
  });
}

/** `results.results` of newer files, `results` of older ones. */
function listOf(value: unknown): Record<string, unknown>[] | null {
  const outer = fieldOf(value, 'results');
  const list = Array.isArray(outer) ? outer : fieldOf(outer, 'results');
  if (!Array.isArray(list) || list.length === 0) return null;
  return list.every((entry) => fieldOf(entry, 'provider') !== undefined) ? (list as Record<string, unknown>[]) : null;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** The prompts in their order. `promptIdx` counts pairs of provider and prompt, so prompts are told apart by their hash or text. */
function promptsOf(list: readonly Record<string, unknown>[]): unknown[] {
  const ordered = [...list].sort((a, b) => columnOf(a) - columnOf(b));
  return [...new Set(ordered.map(promptOf))];
}

function promptOf(entry: Record<string, unknown>): unknown {
  return entry['promptId'] ?? fieldOf(entry['prompt'], 'raw') ?? entry['promptIdx'];
}

function columnOf(entry: Record<string, unknown>): number {
  return typeof entry['promptIdx'] === 'number' ? entry['promptIdx'] : 0;
}

function parseResult(argument: string, entry: Record<string, unknown>, prompts: readonly unknown[]): Result {
  const provider = entry['provider'];
  const label = typeof provider === 'string' ? provider : fieldOf(provider, 'label') || fieldOf(provider, 'id');
  if (typeof label !== 'string' || label === '') throw new InputError('BTM_TYPE', 'has no name of a provider', { argument });
  const { score, success, cost } = entry;
  const value = typeof score === 'number' ? score : typeof success === 'boolean' ? Number(success) : undefined;
  if (value === undefined) throw new InputError('BTM_TYPE', 'has neither score nor success', { argument });
  const test = entry['testIdx'] ?? JSON.stringify(entry['vars'] ?? argument);
  return {
    column: columnOf(entry),
    provider: prompts.length > 1 ? `${label} #${prompts.indexOf(promptOf(entry))}` : label,
    test: String(test),
    score: value,
    cost: typeof cost === 'number' ? cost : null,
  };
}
