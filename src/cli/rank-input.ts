/** The input of `intermodel rank`: one JSON file, whose arrays may lie beside it as .npy files (docs/concepts/curvature.md, docs/rank-input.md). */
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../core/errors.js';
import { readUserFile, readUserJson } from '../core/user-files.js';
import { parseNpy } from '../data/npy.js';
import type { Activation, Head, Loss } from '../head.js';

/** A user's data, read and laid out flat; sizes agree with the arrays. */
export interface RankInput {
  readonly names: readonly string[];
  readonly loss: Loss;
  readonly head: Head;
  /** [batch, peers, width]. */
  readonly responses: Float64Array;
  readonly labels: Float64Array | undefined;
  readonly targets: Float64Array | undefined;
  readonly batch: number;
  readonly peers: number;
  readonly width: number;
}

const size = z.int().min(1);
const numbers = z.unknown().refine((value) => value !== undefined, 'is missing');

const schema = z.strictObject({
  formatVersion: z.literal(1),
  names: z.array(z.string()).optional(),
  batch: size.optional(),
  peers: size.optional(),
  width: size.optional(),
  loss: z.enum(['softmaxCrossEntropy', 'binaryCrossEntropy', 'squaredError']).default('softmaxCrossEntropy'),
  responses: numbers,
  labels: z.unknown().optional(),
  targets: z.unknown().optional(),
  head: z.strictObject({
    layers: z
      .array(z.strictObject({ weights: numbers, bias: numbers, activation: z.enum(['identity', 'relu', 'tanh', 'gelu', 'sigmoid']) }))
      .min(1),
  }),
});

/** Numbers with the sizes that their nesting or their file gives; a flat list has one size. */
interface Numbers {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/**
 * Reads the input of `intermodel rank`.
 *
 * @param path - The JSON file; .npy files named in it are looked for beside it.
 * @throws EnvironmentError BTM_IO when a file cannot be read; InputError, naming file and field, when one does not fit the format.
 */
export async function readRankInput(path: string): Promise<RankInput> {
  const given = parseInput(path, await readUserJson(path));
  const read = (name: string, value: unknown): Promise<Numbers> => readNumbers(path, name, value);
  const responses = await read('responses', given.responses);
  const sizes = sizesOf(path, given, responses);
  const layers = [];
  for (const [index, layer] of given.head.layers.entries()) {
    const at = `head.layers[${index}]`;
    layers.push({
      weights: (await read(`${at}.weights`, layer.weights)).data,
      bias: (await read(`${at}.bias`, layer.bias)).data,
      activation: layer.activation as Activation,
    });
  }
  const optional = async (name: 'labels' | 'targets') => (given[name] === undefined ? undefined : (await read(name, given[name])).data);
  return {
    ...sizes,
    names: namesOf(path, given.names, sizes.peers),
    loss: given.loss,
    head: { layers },
    responses: responses.data,
    labels: await optional('labels'),
    targets: await optional('targets'),
  };
}

function parseInput(path: string, value: unknown): z.infer<typeof schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new InputError('BTM_TYPE', describeIssue(issue), {
    argument: fieldOf(path, fieldName(issue.path)),
    remedy: 'docs/rank-input.md describes the format.',
  });
}

function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `has the unknown field '${issue.keys[0]}'`;
  return `does not fit the format: ${issue.message}`;
}

/** `head.layers[2].bias` from the parts of a path. */
function fieldName(parts: readonly PropertyKey[]): string {
  return parts.reduce<string>(
    (name, part) => (typeof part === 'number' ? `${name}[${part}]` : `${name}${name === '' ? '' : '.'}${String(part)}`),
    '',
  );
}

function fieldOf(path: string, field: string): string {
  return field === '' ? path : `${path}: ${field}`;
}

async function readNumbers(path: string, name: string, value: unknown): Promise<Numbers> {
  const argument = fieldOf(path, name);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const reference = z.strictObject({ npy: z.string().min(1) }).safeParse(value);
    if (!reference.success) throw wrongKind(argument, value);
    const file = join(dirname(path), reference.data.npy);
    return parseNpy(`${argument} (${file})`, await readUserFile(file));
  }
  if (!Array.isArray(value)) throw wrongKind(argument, value);
  const shape = nesting(value);
  const data = new Float64Array(shape.reduce((product, count) => product * count, 1));
  const filled = fill(argument, data, value, shape, 0, 0);
  if (filled !== data.length) throw new InputError('BTM_SHAPE', 'is empty or ragged', { argument });
  return { shape, data };
}

function wrongKind(argument: string, value: unknown): InputError {
  return new InputError('BTM_TYPE', 'must be a list of numbers, lists of lists, or { "npy": "file.npy" }', { argument, value });
}

/** Sizes of nested lists, read along their first entries. */
function nesting(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...nesting(value[0])] : [];
}

/** Copies nested lists row by row; each level must have the size that the first entry gave. Returns the number of values so far. */
function fill(argument: string, out: Float64Array, value: unknown, shape: readonly number[], depth: number, at: number): number {
  if (depth === shape.length) {
    if (typeof value !== 'number')
      throw new InputError('BTM_TYPE', `must be a number, got ${JSON.stringify(value)}`, { argument, index: at, value });
    out[at] = value;
    return at + 1;
  }
  if (!Array.isArray(value) || value.length !== shape[depth]) {
    const got = Array.isArray(value) ? `a list of ${value.length}` : JSON.stringify(value);
    throw new InputError('BTM_SHAPE', `is ragged: a list of ${shape[depth]} was expected, got ${got}`, { argument, index: at });
  }
  return value.reduce((next: number, entry) => fill(argument, out, entry, shape, depth + 1, next), at);
}

/** batch, peers and width, from the file's fields or from the shape of the responses; where both are given they must agree. */
function sizesOf(path: string, given: z.infer<typeof schema>, responses: Numbers): { batch: number; peers: number; width: number } {
  const names = ['batch', 'peers', 'width'] as const;
  const shaped = responses.shape.length === 3;
  const [batch, peers, width] = names.map((name, place) => {
    const stated = given[name];
    const found = shaped ? responses.shape[place]! : undefined;
    if (stated === undefined && found === undefined) {
      throw new InputError('BTM_SHAPE', 'is needed because responses are not nested as [batch][peers][width]', {
        argument: fieldOf(path, name),
      });
    }
    if (stated !== undefined && found !== undefined && stated !== found) {
      throw new InputError('BTM_SHAPE', `is ${stated}, but responses have shape (${responses.shape.join(', ')})`, {
        argument: fieldOf(path, name),
      });
    }
    return stated ?? found!;
  }) as [number, number, number];
  if (responses.data.length !== batch * peers * width) {
    throw new InputError('BTM_SHAPE', `must hold batch * peers * width = ${batch * peers * width} numbers, got ${responses.data.length}`, {
      argument: fieldOf(path, 'responses'),
    });
  }
  return { batch, peers, width };
}

function namesOf(path: string, names: readonly string[] | undefined, peers: number): readonly string[] {
  if (names === undefined) return Array.from({ length: peers }, (_, index) => `peer-${index}`);
  if (names.length !== peers) {
    throw new InputError('BTM_SHAPE', `must hold ${peers} names, one a peer, got ${names.length}`, { argument: fieldOf(path, 'names') });
  }
  return names;
}
