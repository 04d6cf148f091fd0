/**
 * The error of each elementwise function in units in the last place, against integers of 200 bits: another route than
 * native/test/accuracy_test.cpp, which asks libquadmath at a million points per function.
 */
import t from 'tap';
import { exp, expm1, log, log1p, sigmoid, sigmoidDerivative, tanh } from '../../src/core/arithmetic/index.js';
import { RandomStream } from '../../src/core/random.js';

const BITS = 200n;
const ONE = 1n << BITS; // fixed point: integers count multiples of 2^-200
const multiply = (a: bigint, b: bigint): bigint => (a * b) >> BITS;
const divide = (a: bigint, b: bigint): bigint => (a << BITS) / b;

/** log 2 = 2 atanh(1/3). */
const LN2 = (() => {
  let sum = 0n;
  let power = (2n * ONE) / 3n;
  for (let n = 1n; power > 0n; n += 2n) {
    sum += power / n;
    power /= 9n;
  }
  return sum;
})();

const view = new DataView(new ArrayBuffer(8));

/** x = integer * 2^exponent. */
function decompose(x: number): { integer: bigint; exponent: number } {
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = biased === 0 ? fraction : fraction | (1n << 52n);
  return { integer: x < 0 ? -magnitude : magnitude, exponent: Math.max(biased, 1) - 1075 };
}

/** x in fixed point; exact for the x used here, none of which is below 2^-140. */
function fixed(x: number): bigint {
  const { integer, exponent } = decompose(x);
  const shift = BITS + BigInt(exponent);
  return shift >= 0n ? integer << shift : integer >> -shift;
}

/** m * 2^k. */
interface Scaled {
  readonly m: bigint;
  readonly k: number;
}

/** e^x: x = k log 2 + r, Taylor for r / 256, then eight squarings. */
function exactExp(x: bigint): Scaled {
  const k = (2n * x + LN2) / (2n * LN2) - (x < 0n ? 1n : 0n);
  const r = (x - k * LN2) >> 8n;
  let sum = ONE;
  let term = ONE;
  for (let n = 1n; n < 40n; n++) {
    term = multiply(term, r) / n;
    sum += term;
  }
  for (let squaring = 0; squaring < 8; squaring++) sum = multiply(sum, sum);
  return { m: sum, k: Number(k) };
}

const toFixed = ({ m, k }: Scaled): bigint => (k >= 0 ? m << BigInt(k) : m >> BigInt(-k));

/** log m for fixed-point m > 0: one Halley step from the hardware's logarithm, whose error it cubes. */
function exactLog(m: bigint): bigint {
  const length = BigInt(m.toString(2).length) - 1n;
  const reduced = length >= BITS ? m >> (length - BITS) : m << (BITS - length);
  const guess = fixed(Math.log(Number(reduced) / 2 ** Number(BITS)));
  const e = toFixed(exactExp(guess));
  return guess + divide(2n * (reduced - e), reduced + e) + (length - BITS) * LN2;
}

const flat = (m: bigint): Scaled => ({ m, k: 0 });
const truths: Record<string, (x: number) => Scaled> = {
  exp: (x) => exactExp(fixed(x)),
  expm1: (x) => (x > 40 ? exactExp(fixed(x)) : flat(toFixed(exactExp(fixed(x))) - ONE)),
  log: (x) => flat(exactLog(fixed(x))),
  log1p: (x) => flat(exactLog(ONE + fixed(x))),
  sigmoid: (x) => {
    const { m, k } = exactExp(fixed(-Math.abs(x)));
    const below = ONE + toFixed({ m, k });
    return x < 0 ? { m: divide(m, below), k } : flat(divide(ONE, below));
  },
  sigmoidDerivative: (x) => {
    const { m, k } = exactExp(fixed(-Math.abs(x)));
    const below = ONE + toFixed({ m, k });
    return { m: divide(m, multiply(below, below)), k };
  },
  tanh: (x) => {
    const e = toFixed(exactExp(fixed(2 * x)));
    return flat(divide(e - ONE, e + ONE));
  },
};

/** |found - m 2^k / 2^BITS| in units in the last place of the truth. */
function errorInUnits(found: number, { m, k }: Scaled): number {
  const { integer, exponent } = decompose(found);
  const scale = k - Number(BITS);
  const difference = (integer << BigInt(exponent - scale)) - m;
  const top = m.toString(2).replace('-', '').length - 1 + scale;
  return Number(difference < 0n ? -difference : difference) * 2 ** (scale - Math.max(top, -1022) + 52);
}

const cases = [
  { f: exp, low: -700, high: 700, allowed: 0.9 },
  { f: expm1, low: -36, high: 700, allowed: 0.9 },
  { f: log, low: 0, high: 1e30, allowed: 0.9 },
  { f: log1p, low: -1, high: 1e30, allowed: 0.9 },
  { f: sigmoid, low: -700, high: 36, allowed: 0.9 },
  { f: sigmoidDerivative, low: -700, high: 700, allowed: 0.9 },
  { f: tanh, low: -19, high: 19, allowed: 0.6 },
] as const;

for (const { f, low, high, allowed } of cases) {
  t.test(`${f.name} is within ${allowed} ULP of the truth`, async (t) => {
    const random = new RandomStream(12);
    const truth = truths[f.name];
    let largest = 0;
    let at = 0;
    const count = 20_000;
    for (let done = 0; done < count; ) {
      const scale = 10 ** (12 * random.uniform() - 9);
      const x = scale * (2 * random.uniform() - 1) + (random.integer(3) === 0 ? 1 : 0);
      if (x <= low || x >= high || Math.abs(x) < 1e-9) continue;
      const error = errorInUnits(f(x), truth(x));
      if (error > largest) [largest, at] = [error, x];
      done++;
    }
    t.comment(`${f.name}: largest error ${largest.toFixed(4)} ULP at ${at} (${count} points)`);
    t.ok(largest <= allowed && largest > 0.3, `largest error ${largest} ULP`);
  });
}
