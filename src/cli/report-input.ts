/** Reads the JSON of a run back for its report: a file from elsewhere is checked before anything is drawn from it. */
import { z } from 'zod';
import { InputError } from '../core/errors.js';
import { readUserJson } from '../core/user-files.js';
import type { DemoResult } from '../demo/result.js';

const text = z.string();
const number = z.number();
const count = z.int().min(0);
const numbers = z.array(number);
const correlation = number.nullable();

const participant = z.looseObject({
  index: count,
  name: text,
  role: text,
  description: text,
  classes: numbers,
  trainSamples: count,
  validationSamples: count,
  encoder: text,
  headAccuracy: number,
  ownAccuracy: number,
  gateAccuracy: number,
  proxyAccuracy: number,
  linearShare: number,
  topPeer: text,
});

const schema = z.looseObject({
  kind: z.literal('intermodel-demo'),
  formatVersion: z.literal(1),
  version: text,
  seed: count,
  backend: z.looseObject({ kind: text, isa: text, version: text }),
  data: z.looseObject({ name: text, samples: count, classes: count }),
  command: text.optional(),
  settings: z.record(text, z.union([number, text])),
  assumptions: z.array(text),
  participants: z.array(participant).min(1),
  curves: z.array(z.looseObject({ title: text, rounds: numbers, values: z.array(z.array(number.nullable())) })),
  blocks: z.array(
    z.looseObject({
      height: count,
      round: count,
      ranking: numbers,
      stake: numbers,
      minted: number,
      accepted: count,
      refused: z.array(z.looseObject({ participant: text, code: text })),
    }),
  ),
  weights: z.array(numbers),
  rankings: z.array(z.looseObject({ name: text, title: text, description: text, values: numbers, unit: text, positions: numbers })),
  agreement: z.array(z.looseObject({ a: text, b: text, pearson: correlation, spearman: correlation, kendall: correlation })),
  findings: z.array(z.looseObject({ participant: text, text })),
  checks: z.array(z.looseObject({ name: text, held: z.boolean(), measured: text })),
});

/** A result as `intermodel demo --json` prints it: with the command that made it; a program of its own has none. */
export type SavedDemo = DemoResult & { readonly command?: string };

/**
 * Reads what `intermodel demo --json` printed.
 *
 * @throws EnvironmentError BTM_IO when the file cannot be read; InputError BTM_TYPE or BTM_SHAPE, naming file and field, when it is something else.
 */
export async function readDemoResult(path: string): Promise<SavedDemo> {
  const parsed = schema.safeParse(await readUserJson(path));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new InputError('BTM_TYPE', `is not what intermodel demo --json prints: ${issue.message}`, {
      argument: `${path}: ${issue.path.join('.')}`,
    });
  }
  checkSizes(path, parsed.data);
  return parsed.data as unknown as SavedDemo;
}

/** Everything that is told participant by participant must be told for each. */
function checkSizes(path: string, result: z.infer<typeof schema>): void {
  const n = result.participants.length;
  const check = (field: string, found: number, expected = n): void => {
    if (found !== expected)
      throw new InputError('BTM_SHAPE', `must hold ${expected} entries, got ${found}`, { argument: `${path}: ${field}`, value: found });
  };
  check('weights', result.weights.length);
  for (const [index, row] of result.weights.entries()) check(`weights.${index}`, row.length);
  for (const [index, ranking] of result.rankings.entries()) {
    check(`rankings.${index}.values`, ranking.values.length);
    check(`rankings.${index}.positions`, ranking.positions.length);
  }
  for (const [index, block] of result.blocks.entries()) {
    check(`blocks.${index}.stake`, block.stake.length);
    check(`blocks.${index}.ranking`, block.ranking.length);
  }
  for (const [index, curve] of result.curves.entries()) {
    check(`curves.${index}.values`, curve.values.length, curve.rounds.length);
    for (const [point, row] of curve.values.entries()) check(`curves.${index}.values.${point}`, row.length);
  }
}
