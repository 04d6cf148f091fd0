/** The input of `intermodel rank`: one JSON file, whose arrays may lie beside it as .npy files (docs/concepts/curvature.md, docs/rank-input.md). */
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ACTIVATIONS, type Activation, LOSSES, type Loss } from '../core/closed-lists.js';
import { InputError } from '../core/errors.js';
import { readUserFile, readUserJson } from '../core/user-files.js';
import { parseNpy } from '../data/npy.js';
import type { Head } from '../head.js';

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
  /** Of every peer; or `widths`. */
  readonly width?: number;
  /** [peers]. */
  readonly widths?: readonly number[];
  /** [sum of widths]: what stands in for a peer that is removed or did not answer. Zeros where it is absent. */
  readonly baseline?: Float64Array;
  /** [batch, peers], 0 where a peer did not answer. */
  readonly answered?: Uint8Array;
}

/** A head of the user's own and its loss. */
export interface HeadFile {
  readonly head: Head;
  readonly loss: Loss;
}

const size = z.int().min(1);
const numbers = z.unknown().refine((value) => value !== undefined, 'is missing');

const headSchema = z.strictObject({
  formatVersion: z.literal(1),
  loss: z.enum(LOSSES).default('softmaxCrossEntropy'),
  head: z.strictObject({
    layers: z.array(z.strictObject({ weights: numbers, bias: numbers, activation: z.enum(ACTIVATIONS) })).min(1),
  }),
});

const schema = headSchema.extend({
  names: z.array(z.string()).optional(),
  batch: size.optional(),
  peers: size.optional(),
  width: size.optional(),
  responses: numbers,
  labels: z.unknown().optional(),
  targets: z.unknown().optional(),
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
  const given = parseInput(path, schema, await readUserJson(path));
  const read = (name: string, value: unknown): Promise<Numbers> => readNumbers(path, name, value);
  const responses = await read('responses', given.responses);
  const sizes = sizesOf(path, given, responses);
  const head = await readHead(path, given.head, sizes.peers * sizes.width);
  const outputs = head.layers.at(-1)!.bias.length;
  const optional = async (name: 'labels' | 'targets', axes: readonly string[], wanted: readonly number[]) =>
    given[name] === undefined ? undefined : flat(path, name, await read(name, given[name]), axes, wanted);
  return {
    ...sizes,
    names: namesOf(path, given.names, sizes.peers),
    loss: given.loss,
    head,
    responses: responses.data,
    labels: await optional('labels', ['batch'], [sizes.batch]),
    targets: await optional('targets', ['batch', 'outputs'], [sizes.batch, outputs]),
  };
}

/**
 * Reads a file that holds a head alone: the same format without responses.
 *
 * @param inputs - Numbers that the first layer reads: the widths of all answers.
 */
export async function readHeadFile(path: string, inputs: number): Promise<HeadFile> {
  const value = await readUserJson(path);
  if (typeof value === 'object' && value !== null && 'responses' in value) {
    throw new InputError('BTM_DOMAIN', 'holds the responses too: name no other files', { argument: '--head', value: path });
  }
  const given = parseInput(path, headSchema, value);
  return { head: await readHead(path, given.head, inputs), loss: given.loss };
}

/** The layers, each of which must fit what the one before gives. */
async function readHead(path: string, { layers }: z.infer<typeof headSchema>['head'], inputs: number): Promise<Head> {
  const read = (name: string, value: unknown): Promise<Numbers> => readNumbers(path, name, value);
  const found = [];
  let width = inputs;
  for (const [index, layer] of layers.entries()) {
    const at = `head.layers[${index}]`;
    const bias = flat(path, `${at}.bias`, await read(`${at}.bias`, layer.bias), ['outputs']);
    const weights = flat(path, `${at}.weights`, await read(`${at}.weights`, layer.weights), ['outputs', 'inputs'], [bias.length, width]);
    found.push({ weights, bias, activation: layer.activation as Activation });
    width = bias.length;
  }
  return { layers: found };
}

function parseInput<T>(path: string, format: z.ZodType<T>, value: unknown): T {
  const parsed = format.safeParse(value);
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

/** The numbers of an array that is flat or has these axes; a transposed one holds as many numbers, so the sizes of a nested one count. */
function flat(
  path: string,
  name: string,
  numbers: Numbers,
  axes: readonly string[],
  wanted: readonly number[] = numbers.shape.slice(0, axes.length),
): Float64Array {
  const { shape, data } = numbers;
  const isFlat = shape.length === 1 && data.length === wanted.reduce((product, count) => product * count, 1);
  if (isFlat || (shape.length === wanted.length && shape.every((size, axis) => size === wanted[axis]))) return data;
  const isTransposed = shape.length === 2 && shape[0] === wanted[1] && shape[1] === wanted[0];
  throw new InputError('BTM_SHAPE', `must have shape [${axes.join(', ')}] = (${wanted.join(', ')}), got (${shape.join(', ')})`, {
    argument: fieldOf(path, name),
    remedy: isTransposed ? 'It looks transposed: write one row an output.' : 'docs/rank-input.md lists the shapes.',
  });
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
  if (!shaped && responses.shape.length !== 1) {
    throw new InputError('BTM_SHAPE', `must be flat or have shape [batch, peers, width], got (${responses.shape.join(', ')})`, {
      argument: fieldOf(path, 'responses'),
    });
  }
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
