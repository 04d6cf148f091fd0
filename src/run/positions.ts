/** Positions in a ranking. */

/** Positions of values, 1 for the largest; equal values share the better position. */
export function positionsOf(values: ArrayLike<number>): number[] {
  return Array.from(values, (value) => 1 + Array.from(values).filter((other) => other > value).length);
}
