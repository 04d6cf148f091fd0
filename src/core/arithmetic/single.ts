/** Single precision: numbers that Math.fround leaves as they are, and the exact fused multiply-add of them. */

const value = new Float64Array(1);
const words = new Uint32Array(value.buffer);
const [LOW, HIGH] = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? [0, 1] : [1, 0];

/** a * b + c of three floats, rounded once to a float: their product is exact, and a sum rounded to odd may be rounded again. */
export function fmaSingle(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const part = sum - product;
  const lost = product - (sum - part) + (c - part);
  if (lost === 0 || !Number.isFinite(lost)) return Math.fround(sum);
  value[0] = sum;
  if (words[LOW] % 2 === 1) return Math.fround(sum);
  if (lost > 0 === sum > 0) {
    words[LOW] += 1;
  } else {
    if (words[LOW] === 0) words[HIGH] -= 1;
    words[LOW] -= 1; // wraps to 2^32 - 1
  }
  return Math.fround(value[0]);
}

/** Sum of what term(k, lane) makes of each virtual lane, k = begin .. end - 1: the fixed tree of treeSum, every step in single precision. */
export function treeSingle(begin: number, end: number, term: (k: number, lane: number) => number): number {
  const lane = new Float32Array(8);
  for (let k = begin; k < end; k++) lane[(k - begin) % 8] = term(k, lane[(k - begin) % 8]);
  const add = (a: number, b: number) => Math.fround(a + b);
  return add(
    add(add(lane[0], lane[4]), add(lane[2], lane[6])), //
    add(add(lane[1], lane[5]), add(lane[3], lane[7])),
  );
}
