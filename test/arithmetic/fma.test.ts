import t from 'tap';
import { fma } from '../../src/core/arithmetic/index.js';
import { RandomStream } from '../../src/core/random.js';

const view = new DataView(new ArrayBuffer(8));
const UNIT = 1n << 2200n; // integers count multiples of 2^-2200, enough for any product of two doubles

function exact(x: number): bigint {
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const biased = (bits >> 52n) & 0x7ffn;
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = biased === 0n ? fraction : fraction | (1n << 52n);
  const scaled = magnitude << ((biased === 0n ? 1n : biased) - 1075n + 2200n);
  return bits >> 63n === 1n ? -scaled : scaled;
}

function neighbour(x: number, step: 1n | -1n): number {
  view.setFloat64(0, x);
  view.setBigUint64(0, view.getBigUint64(0) + step);
  return view.getFloat64(0);
}

/** Whether `result` is a * b + c correctly rounded: by distance to its neighbours, not by rounding again. */
function isCorrect(a: number, b: number, c: number, result: number): boolean {
  const truth = (exact(a) * exact(b)) / UNIT + exact(c);
  if (truth === 0n) return Object.is(result, a * b + c) || result === 0;
  const negative = truth < 0n;
  if (result === 0 ? Object.is(result, -0) !== negative : result < 0 !== negative) return false;
  const magnitude = negative ? -truth : truth;
  const found = Math.abs(result);
  const overflow = (1n << (1024n + 2200n)) - (1n << (970n + 2200n));
  if (found === Number.POSITIVE_INFINITY) return magnitude >= overflow;
  if (magnitude >= overflow) return false;
  const distance = (x: number): bigint => {
    const d = exact(x) - magnitude;
    return d < 0n ? -d : d;
  };
  view.setFloat64(0, found);
  const even = (view.getBigUint64(0) & 1n) === 0n;
  const own = distance(found);
  const others = [found === Number.MAX_VALUE ? found : neighbour(found, 1n), found === 0 ? found : neighbour(found, -1n)];
  return others.every((other) => other === found || own < distance(other) || (own === distance(other) && even));
}

/** Random bits with exponents near each other, so that cancellation, ties and carries are common. */
function hostile(random: RandomStream, around: number, spread: number): number {
  const exponent = Math.min(2046, Math.max(0, around + random.integer(2 * spread + 1) - spread));
  const pattern = random.integer(4);
  let high = random.nextUint32() & 0xfffff;
  let low = random.nextUint32();
  if (pattern === 0) low = 0;
  if (pattern === 1) low = random.integer(3) === 0 ? 1 : 0xffffffff;
  if (pattern === 2) high &= 0xf0000;
  view.setUint32(0, (((random.integer(2) << 31) | (exponent << 20)) >>> 0) + high);
  view.setUint32(4, low);
  return view.getFloat64(0);
}

t.test('the software fused multiply-add rounds once, over the whole range', async (t) => {
  const random = new RandomStream(2, 1);
  const ranges = [
    ['ordinary', 1023, 1023, 1023, 3],
    ['far apart', 1023, 1023, 1000, 70],
    ['subnormal results', 512, 512, 2, 60],
    ['subnormal factors', 1, 1090, 20, 50],
    ['overflow', 1530, 1530, 2040, 20],
    ['anything', 1023, 1023, 1023, 1023],
  ] as const;
  for (const [name, a, b, c, spread] of ranges) {
    let wrong = 0;
    const count = 30_000;
    for (let trial = 0; trial < count; trial++) {
      const x = hostile(random, a, spread);
      const y = hostile(random, b, spread);
      let z = hostile(random, c, spread);
      const shape = random.integer(4);
      if (shape === 0 && Number.isFinite(x * y)) z = -(x * y); // the rounding error of the product alone
      if (shape === 1 && Number.isFinite(x * y)) z = x * y * 2 ** (random.integer(110) - 55); // ties of product against c
      if (!isCorrect(x, y, z, fma(x, y, z))) {
        wrong++;
        if (wrong < 4) t.comment(`wrong: fma(${x}, ${y}, ${z}) gave ${fma(x, y, z)}`);
      }
    }
    t.equal(wrong, 0, `${name}: ${count} points`);
  }
});

t.test('ties between two doubles are broken by the last bit of the exact product', async (t) => {
  const random = new RandomStream(2, 2);
  let wrong = 0;
  for (let trial = 0; trial < 50_000; trial++) {
    // c has an odd or even last bit, a * b is half a unit of c plus or minus next to nothing
    const c = 2 ** 52 + random.integer(2 ** 52);
    const tiny = (random.integer(3) - 1) * 2 ** -(20 + random.integer(32));
    const a = (random.integer(2) === 0 ? 0.5 : -0.5) * (1 + tiny);
    const b = 1 + (random.integer(3) - 1) * 2 ** -(20 + random.integer(32));
    if (!isCorrect(a, b, c, fma(a, b, c))) wrong++;
  }
  t.equal(wrong, 0);
});

t.test('signed zeros, infinities and NaN follow IEEE 754', async (t) => {
  const infinity = Number.POSITIVE_INFINITY;
  t.ok(Object.is(fma(0, 1, -0), 0));
  t.ok(Object.is(fma(-0, 1, -0), -0));
  t.ok(Object.is(fma(3, 5, -15), 0));
  t.ok(Object.is(fma(-1e-200, 1e-200, 0), -0), 'an underflow keeps its sign');
  t.equal(fma(infinity, 2, -5), infinity);
  t.equal(fma(1e300, 1e300, -infinity), -infinity, 'an overflowing product does not meet the infinity');
  t.equal(fma(1e300, 1e10, -1.7e308), infinity);
  t.equal(fma(1e200, 1e200, -infinity), -infinity);
  t.ok(Number.isNaN(fma(0, infinity, 1)));
  t.ok(Number.isNaN(fma(infinity, 1, -infinity)));
  t.ok(Number.isNaN(fma(1, 1, Number.NaN)));
  t.equal(fma(2 ** 1023, 2, -(2 ** 1023)), 2 ** 1023, 'a product above the range may come back into it');
});
