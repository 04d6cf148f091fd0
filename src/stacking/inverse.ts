/** The inverse of a symmetric positive definite matrix, for preconditioning; plain loops, a few seconds at n = 1,000. */

/**
 * (A + ridge I)^-1 through a Cholesky factor. The ridge starts at 0 and grows tenfold while a pivot is not positive.
 *
 * @shape a [n, n], of which the lower triangle is read; result [n, n]
 */
export function invertSymmetric(a: Float64Array, n: number): Float64Array {
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, a[i * n + i]);
  for (let ridge = 0; ; ridge = ridge === 0 ? 1e-14 * (largest || 1) : 10 * ridge) {
    const factor = cholesky(a, n, ridge);
    if (factor !== null) return inverseOf(factor, n);
  }
}

/** Lower triangular L with L L^T = A + ridge I, or null when a pivot is not positive. */
function cholesky(a: Float64Array, n: number, ridge: number): Float64Array | null {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j] + (i === j ? ridge : 0);
      for (let k = 0; k < j; k++) sum -= l[i * n + k] * l[j * n + k];
      if (i > j) {
        l[i * n + j] = sum / l[j * n + j];
        continue;
      }
      const scale = Math.abs(a[i * n + i]) + ridge;
      if (!(sum > 1e-15 * scale)) return null;
      l[i * n + i] = Math.sqrt(sum);
    }
  }
  return l;
}

/** (L L^T)^-1 = L^-T L^-1. The inverse factor is kept transposed, so that every inner loop runs along rows. */
function inverseOf(l: Float64Array, n: number): Float64Array {
  const columns = new Float64Array(n * n); // row j holds column j of L^-1, from place j on
  for (let j = 0; j < n; j++) {
    columns[j * n + j] = 1 / l[j * n + j];
    for (let i = j + 1; i < n; i++) {
      let sum = 0;
      for (let k = j; k < i; k++) sum += l[i * n + k] * columns[j * n + k];
      columns[j * n + i] = -sum / l[i * n + i];
    }
  }
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < n; k++) sum += columns[i * n + k] * columns[j * n + k];
      out[i * n + j] = sum;
      out[j * n + i] = sum;
    }
  }
  return out;
}
