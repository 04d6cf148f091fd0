/** Pivoted Cholesky factorisation of a positive semidefinite matrix. */

/**
 * A [rank, n] with A^T A = G, the largest remaining pivot first; stops when what remains is rounding,
 * so a rank-deficient G gives fewer than n rows.
 */
export function pivotedCholesky(gram: Float64Array, n: number): Float64Array {
  const diagonal = Float64Array.from({ length: n }, (_, i) => gram[i * n + i]);
  const used = new Uint8Array(n);
  const rows: Float64Array[] = [];
  const tolerance = n * Number.EPSILON * Math.max(0, ...diagonal);
  while (rows.length < n) {
    const pivot = largestUnused(diagonal, used);
    if (!(diagonal[pivot] > tolerance)) break;
    used[pivot] = 1;
    const root = Math.sqrt(diagonal[pivot]);
    const row = new Float64Array(n);
    for (let j = 0; j < n; j++) {
      if (used[j] === 1 && j !== pivot) continue;
      let rest = gram[pivot * n + j];
      for (const earlier of rows) rest -= earlier[pivot] * earlier[j];
      row[j] = j === pivot ? root : rest / root;
    }
    for (let j = 0; j < n; j++) diagonal[j] -= row[j] * row[j];
    rows.push(row);
  }
  const factor = new Float64Array(rows.length * n);
  rows.forEach((row, k) => {
    factor.set(row, k * n);
  });
  return factor;
}

function largestUnused(diagonal: Float64Array, used: Uint8Array): number {
  let best = -1;
  for (let j = 0; j < diagonal.length; j++) if (used[j] === 0 && (best < 0 || diagonal[j] > diagonal[best])) best = j;
  return best;
}
