/** Numbers on the wire: 32-bit floats, 16-bit floats, or 8-bit integers in blocks that share a scale. */
import { InputError } from '../core/errors.js';
import type { WireType } from './types.js';

/** Values that share one scale in the `int8` format. */
export const INT8_BLOCK = 64;

/** The largest magnitude a 16-bit float holds. */
export const F16_MAX = 65504;

/** Bytes that `count` numbers take. */
export function encodedLength(type: WireType, count: number): number {
  if (type === 'f32') return 4 * count;
  if (type === 'f16') return 2 * count;
  return count + 4 * Math.ceil(count / INT8_BLOCK);
}

/**
 * The largest error that one round trip adds to a number.
 *
 * @param type wire format.
 * @param value the number that travels.
 * @param blockMax largest magnitude among the 64 numbers that share its block (`int8` only).
 * @returns an absolute bound: 0 for `f32`; 2^-11 |value| or 2^-25, the larger, for `f16`; blockMax / 254 for `int8`, plus the rounding of the scale itself (2^-22 of blockMax, or 2^-142 among denormals).
 * @example errorBound('int8', 0.1, 1) // returns ~0.00394
 */
export function errorBound(type: WireType, value: number, blockMax: number): number {
  if (type === 'f32') return 0;
  if (type === 'f16') return Math.max(Math.abs(value) * 2 ** -11, 2 ** -25);
  return blockMax / 254 + blockMax * 2 ** -22 + 2 ** -142;
}

/** Writes `data` at `offset` of `target`; the caller has made room of {@link encodedLength} bytes. */
export function encodeNumbers(type: WireType, data: Float32Array, target: DataView, offset: number): void {
  if (type === 'f32') encodeF32(data, target, offset);
  else if (type === 'f16') encodeF16(data, target, offset);
  else encodeInt8(data, target, offset);
}

/** Reads `count` numbers from `offset` of `source` into a new array. */
export function decodeNumbers(type: WireType, source: DataView, offset: number, count: number): Float32Array {
  if (type === 'f32') return decodeF32(source, offset, count);
  if (type === 'f16') return decodeF16(source, offset, count);
  return decodeInt8(source, offset, count);
}

function encodeF32(data: Float32Array, target: DataView, offset: number): void {
  if (LITTLE_ENDIAN) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    new Uint8Array(target.buffer, target.byteOffset + offset, bytes.length).set(bytes);
    return;
  }
  for (let i = 0; i < data.length; i++) target.setFloat32(offset + 4 * i, data[i], true);
}

function decodeF32(source: DataView, offset: number, count: number): Float32Array {
  const out = new Float32Array(count);
  if (LITTLE_ENDIAN) {
    new Uint8Array(out.buffer).set(new Uint8Array(source.buffer, source.byteOffset + offset, 4 * count));
    return out;
  }
  for (let i = 0; i < count; i++) out[i] = source.getFloat32(offset + 4 * i, true);
  return out;
}

function encodeF16(data: Float32Array, target: DataView, offset: number): void {
  for (let i = 0; i < data.length; i++) {
    if (Math.abs(data[i]) > F16_MAX) {
      throw new InputError('BTM_DOMAIN', `is ${data[i]}, beyond what a 16-bit float holds`, {
        argument: 'tensor.data',
        index: i,
        value: data[i],
        remedy: `Keep magnitudes at or below ${F16_MAX}, or send 'f32'.`,
      });
    }
    target.setUint16(offset + 2 * i, toHalf(data[i]), true);
  }
}

function decodeF16(source: DataView, offset: number, count: number): Float32Array {
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) out[i] = fromHalf(source.getUint16(offset + 2 * i, true));
  return out;
}

function encodeInt8(data: Float32Array, target: DataView, offset: number): void {
  let at = offset;
  for (let start = 0; start < data.length; start += INT8_BLOCK) {
    const end = Math.min(start + INT8_BLOCK, data.length);
    let largest = 0;
    for (let i = start; i < end; i++) largest = Math.max(largest, Math.abs(data[i]));
    const scale = Math.fround(largest / 127);
    target.setFloat32(at, scale, true);
    at += 4;
    for (let i = start; i < end; i++) {
      // A block of denormals rounds its scale to 0: every value is then below 2^-143 and travels as 0.
      const level = scale === 0 ? 0 : Math.round(data[i] / scale);
      target.setInt8(at++, Math.max(-127, Math.min(127, level)));
    }
  }
}

function decodeInt8(source: DataView, offset: number, count: number): Float32Array {
  const out = new Float32Array(count);
  let at = offset;
  for (let start = 0; start < count; start += INT8_BLOCK) {
    const end = Math.min(start + INT8_BLOCK, count);
    const scale = source.getFloat32(at, true);
    at += 4;
    for (let i = start; i < end; i++) out[i] = source.getInt8(at++) * scale;
  }
  return out;
}

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
const floatView = new Float32Array(1);
const bitView = new Uint32Array(floatView.buffer);

/** Nearest 16-bit float, ties to even. */
function toHalf(value: number): number {
  floatView[0] = value;
  const bits = bitView[0];
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x7f800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
  if (magnitude < 0x38800000) return sign | roundToEven(Math.abs(value) * 2 ** 24); // below 2^-14: a multiple of 2^-24
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Exact for magnitudes below 2^52: the product with a power of two loses nothing. */
function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
