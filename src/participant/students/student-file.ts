/** Students as bytes: deterministic CBOR with 32-bit parameters, named by the SHA-256 of those bytes. */

import { createHash } from 'node:crypto';
import { encode, rfc8949EncodeOptions } from 'cborg';
import { decodeCbor } from '../../core/cbor.js';
import { ACTIVATIONS, type Activation } from '../../core/closed-lists.js';
import { InputError } from '../../core/errors.js';
import { isUint8Array } from '../../core/typed-arrays.js';
import { type DenseLayer, DenseNet } from '../models/dense-net.js';

const FORMAT = 'intermodel-student/1';
/** Largest number of parameters that is accepted from a peer: 16 MiB of them. */
const MOST_PARAMETERS = 4 * 1024 * 1024;

/** The bytes that a student is published as. Parameters are rounded to 32 bits. */
export function encodeStudent(student: DenseNet): Uint8Array {
  const layers = student.layers.map(({ weights, bias, activation }) => ({
    inputs: weights.length / bias.length,
    outputs: bias.length,
    activation,
    weights: littleEndian(weights),
    bias: littleEndian(bias),
  }));
  return encode({ format: FORMAT, layers }, rfc8949EncodeOptions);
}

/** The name of a student's bytes: 64 hex digits of their SHA-256. */
export function contentHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Reads a student that came from another participant.
 *
 * @throws InputError BTM_TYPE, BTM_SHAPE or BTM_NONFINITE naming what is wrong with it
 */
export function decodeStudent(bytes: Uint8Array): DenseNet {
  const file = parse(bytes);
  const given: unknown = file?.['layers'];
  if (file?.['format'] !== FORMAT || !Array.isArray(given) || given.length === 0)
    refuse('BTM_TYPE', `is not a file of the format ${FORMAT}`);
  let total = 0;
  let inputs = 0;
  const layers = (given as Record<string, unknown>[]).map((layer, index): DenseLayer => {
    const at = `layers[${index}]`;
    const [fanIn, units] = [size(`${at}.inputs`, layer?.['inputs']), size(`${at}.outputs`, layer['outputs'])];
    if (index > 0 && fanIn !== inputs) refuse('BTM_SHAPE', `has ${at}.inputs ${fanIn} after a layer of ${inputs}`);
    inputs = units;
    total += fanIn * units + units;
    if (total > MOST_PARAMETERS) refuse('BTM_SHAPE', `has more than ${MOST_PARAMETERS} parameters`);
    const activation = ACTIVATIONS.find((known) => known === layer['activation']);
    if (activation === undefined) refuse('BTM_TYPE', `has an unknown ${at}.activation`);
    return {
      weights: numbers(`${at}.weights`, layer['weights'], fanIn * units),
      bias: numbers(`${at}.bias`, layer['bias'], units),
      activation: activation as Activation,
    };
  });
  return new DenseNet(layers);
}

function parse(bytes: Uint8Array): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    value = decodeCbor(bytes, { strict: true });
  } catch (error) {
    refuse('BTM_TYPE', `is not CBOR: ${error instanceof Error ? error.message : String(error)}`);
  }
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}

function size(what: string, value: unknown): number {
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > MOST_PARAMETERS) {
    refuse('BTM_SHAPE', `has ${what} that is not a size`);
  }
  return value as number;
}

function numbers(what: string, value: unknown, length: number): Float64Array {
  if (!isUint8Array(value) || value.length !== 4 * length) {
    throw new InputError('BTM_SHAPE', `has ${what} that is not ${length} numbers of 4 bytes`, { argument: 'student' });
  }
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const out = Float64Array.from({ length }, (_, at) => view.getFloat32(4 * at, true));
  const index = out.findIndex((entry) => !Number.isFinite(entry));
  if (index < 0) return out;
  throw new InputError('BTM_NONFINITE', `has ${what}[${index}] = ${out[index]}`, { argument: 'student', index, value: out[index] });
}

function littleEndian(values: Float64Array): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, at) => {
    view.setFloat32(4 * at, value, true);
  });
  return bytes;
}

function refuse(code: 'BTM_TYPE' | 'BTM_SHAPE', problem: string): never {
  throw new InputError(code, problem, { argument: 'student' });
}
