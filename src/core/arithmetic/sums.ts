/**
 * Sums in the one fixed order of the arithmetic contract (docs/concepts/arithmetic.md).
 *
 * Eight virtual lanes start at +0; element r joins lane r mod 8; the lanes are folded (0+4) (1+5) (2+6) (3+7), then +2,
 * then +1. A lane that gets no element is left as it is. More than 256 elements: blocks of 256, each folded so, added
 * up in ascending order. No elements: +0.
 */
import { fma } from './fma.js';

const LANES = 8;
/** Elements per block of a long sum. */
export const TREE_BLOCK = 256;

const lanes = new Float64Array(LANES);

function foldLanes(): number {
  return lanes[0] + lanes[4] + (lanes[2] + lanes[6]) + (lanes[1] + lanes[5] + (lanes[3] + lanes[7]));
}

function foldBlocks(n: number, block: (begin: number, end: number) => number): number {
  let total = block(0, Math.min(n, TREE_BLOCK));
  for (let begin = TREE_BLOCK; begin < n; begin += TREE_BLOCK) total += block(begin, Math.min(n, begin + TREE_BLOCK));
  return total;
}

/**
 * Sum of `n` elements from `offset`, in the fixed tree.
 * @numerics same bits as the native kernels
 * @example treeSum([1, 2, 3]) // returns 6
 */
export function treeSum(x: ArrayLike<number>, offset = 0, n = x.length - offset): number {
  return foldBlocks(n, (begin, end) => {
    lanes.fill(0);
    for (let r = begin; r < end; r++) lanes[(r - begin) % LANES] += x[offset + r];
    return foldLanes();
  });
}

/**
 * Dot product of `n` elements, in the fixed tree: each lane is a chain of fused multiply-adds.
 * @numerics same bits as the native kernels
 * @example treeDot([1, 2], [3, 4]) // returns 11
 */
export function treeDot(a: ArrayLike<number>, b: ArrayLike<number>, aOffset = 0, bOffset = 0, n = a.length - aOffset): number {
  return foldBlocks(n, (begin, end) => {
    lanes.fill(0);
    for (let r = begin; r < end; r++) {
      const lane = (r - begin) % LANES;
      lanes[lane] = fma(a[aOffset + r], b[bOffset + r], lanes[lane]);
    }
    return foldLanes();
  });
}

/**
 * Sum of `term(0) ... term(n - 1)`, in the fixed tree.
 * @example treeSumOf(3, (r) => r) // returns 3
 */
export function treeSumOf(n: number, term: (r: number) => number): number {
  const values = new Float64Array(n);
  for (let r = 0; r < n; r++) values[r] = term(r);
  return treeSum(values);
}
