/**
 * Exact fused multiply-add: a * b + c with one rounding, as IEEE 754 defines it.
 *
 * JavaScript has no such instruction. The common range takes Dekker's exact product and Knuth's exact sum, then
 * settles the one case in which two roundings differ from one: a tie. Everything near overflow or underflow goes
 * through integers (BigInt) and is exact there too.
 */
import { powerOfTwo } from './scale.js';

const SPLITTER = 134217729; // 2^27 + 1
const LARGE = 2 ** 990; // below it no step of the exact product or sum overflows
const SMALL = 2 ** -900; // above it the error of the product is itself a normal number
const NEGLIGIBLE = 2 ** -800;
const NOT_NEGLIGIBLE = 2 ** -700;

/** a * b + c, rounded once. */
export function fma(a: number, b: number, c: number): number {
  const product = a * b;
  const size = Math.abs(product);
  if (!(size > SMALL && size < LARGE && Math.abs(a) < LARGE && Math.abs(b) < LARGE && Math.abs(c) < LARGE)) {
    return fmaOutside(a, b, c, product);
  }
  // product + productError = a * b exactly
  const aScaled = a * SPLITTER;
  const aHigh = aScaled - (aScaled - a);
  const aLow = a - aHigh;
  const bScaled = b * SPLITTER;
  const bHigh = bScaled - (bScaled - b);
  const bLow = b - bHigh;
  const productError = aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
  // sum + sumError = product + c exactly
  const sum = product + c;
  const cPart = sum - product;
  const sumError = product - (sum - cPart) + (c - cPart);
  // what remains to be added to sum, rounded; its own rounding matters only where sum + rest is a tie
  const rest = sumError + productError;
  const result = sum + rest;
  const beyond = 2 * (rest - (result - sum));
  if (beyond === 0 || result + beyond - result !== beyond) return result;
  return breakTie(sumError, productError, rest, result, beyond);
}

/** `result` lost half a unit in its last place; the rounding of `rest` says on which side of the tie the truth lies. */
function breakTie(sumError: number, productError: number, rest: number, result: number, beyond: number): number {
  const part = rest - sumError;
  const restError = sumError - (rest - part) + (productError - part);
  if (restError === 0) return result; // a true tie: already rounded to even
  return restError > 0 === beyond > 0 ? result + beyond : result;
}

function fmaOutside(a: number, b: number, c: number, product: number): number {
  if (a === 0 || b === 0) return product + c; // the product is exact, signed zeros and 0 * infinity included
  if (!Number.isFinite(a) || !Number.isFinite(b)) return product + c;
  if (!Number.isFinite(c)) return c;
  if (Math.abs(product) < NEGLIGIBLE && Math.abs(c) > NOT_NEGLIGIBLE) return c; // far below the last place of c
  return fmaExact(a, b, c);
}

/** Through integers: exact over the whole range of finite numbers, slow. */
function fmaExact(a: number, b: number, c: number): number {
  const [aInteger, aExponent] = decompose(a);
  const [bInteger, bExponent] = decompose(b);
  const [cInteger, cExponent] = decompose(c);
  const product = aInteger * bInteger;
  const productExponent = aExponent + bExponent;
  if (cInteger === 0n) return compose(product, productExponent);
  const exponent = Math.min(productExponent, cExponent);
  const total = (product << BigInt(productExponent - exponent)) + (cInteger << BigInt(cExponent - exponent));
  return total === 0n ? 0 : compose(total, exponent);
}

const word = new DataView(new ArrayBuffer(8));

/** x = integer * 2^exponent. */
function decompose(x: number): [bigint, number] {
  word.setFloat64(0, x);
  const bits = word.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = biased === 0 ? fraction : fraction | 0x10000000000000n;
  return [bits >> 63n === 1n ? -magnitude : magnitude, (biased === 0 ? 1 : biased) - 1075];
}

/** integer * 2^exponent rounded to the nearest double, ties to even; the integer is not 0. */
function compose(integer: bigint, exponent: number): number {
  const negative = integer < 0n;
  let magnitude = negative ? -integer : integer;
  // bits to drop so that 53 remain, or as many as a subnormal keeps
  const drop = Math.max(bitLength(magnitude) - 53, -1074 - exponent);
  let scale = exponent;
  if (drop > 0) {
    const shift = BigInt(drop);
    const lost = magnitude & ((1n << shift) - 1n);
    const half = 1n << (shift - 1n);
    magnitude >>= shift;
    scale += drop;
    if (lost > half || (lost === half && (magnitude & 1n) === 1n)) magnitude += 1n;
  }
  const value = multiplyByPowerOfTwo(Number(magnitude), scale);
  return negative ? -value : value;
}

/** Exact, or infinite: the integer was already cut to what the exponent allows. */
function multiplyByPowerOfTwo(integer: number, exponent: number): number {
  if (exponent > 1023) return integer === 0 ? 0 : Number.POSITIVE_INFINITY;
  if (exponent >= -1022) return integer * powerOfTwo(exponent);
  return integer * powerOfTwo(-1022) * powerOfTwo(exponent + 1022);
}

function bitLength(magnitude: bigint): number {
  const digits = magnitude.toString(16);
  return 4 * digits.length - Math.clz32(Number.parseInt(digits[0], 16)) + 28;
}
