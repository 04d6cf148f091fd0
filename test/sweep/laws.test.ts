import fc from 'fast-check';
import t from 'tap';
import { drawHessian, drawInitial, drawStake, HESSIAN_LAWS, INITIAL_LAWS, idealRankingOf, STAKE_LAWS } from '../../src/sweep/laws.js';

const name = { seed: 11, trial: 4, n: 7 };

t.test('a draw depends on its name alone, and different names give different numbers', async (t) => {
  for (const law of HESSIAN_LAWS) {
    const first = drawHessian(law, name);
    t.same(drawHessian(law, name), first);
    for (const other of [
      { ...name, seed: 12 },
      { ...name, trial: 5 },
    ]) {
      t.not(drawHessian(law, other).data[0], first.data[0]);
    }
  }
  t.not(drawHessian('wishart', name).data[0], drawHessian('wishart-quality', name).data[0]);
  t.not(drawInitial('uniform', name)[0], drawStake('uniform', name)[0]);
});

t.test('every Hessian is symmetric to the bit and positive semi-definite', async () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.integer({ min: 1, max: 6 }), fc.constantFrom(...HESSIAN_LAWS), (trial, n, law) => {
      const { kind, data } = drawHessian(law, { seed: 3, trial, n });
      if (kind === 'diagonal') {
        if (data.length !== n * n || (data as Float64Array).some((value) => !(value >= 0 && value < 1))) throw new Error('not in [0, 1)');
        return;
      }
      if (data.length !== n * n * n) throw new Error('wrong size');
      for (let rater = 0; rater < n; rater++) {
        const h = (i: number, j: number): number => data[(rater * n + i) * n + j]!;
        const v = Array.from({ length: n }, (_, i) => Math.sin(1 + i * 3 + trial));
        let form = 0;
        for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) form += v[i]! * h(i, j) * v[j]!;
        for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) if (h(i, j) !== h(j, i)) throw new Error('not symmetric');
        if (form < -1e-12) throw new Error(`v H v = ${form}`);
      }
    }),
    { numRuns: 100, seed: 4 },
  );
});

t.test('the laws have the moments they are named for', async (t) => {
  const n = 4;
  const mean = new Map<string, number>();
  const draws = 2000;
  for (const law of HESSIAN_LAWS) {
    let sum = 0;
    for (let trial = 0; trial < draws; trial++)
      sum += idealRankingOf(drawHessian(law, { seed: 5, trial, n }), n).reduce((a, b) => a + b, 0) / n;
    mean.set(law, sum / draws);
  }
  // Wishart A A^T / n has a mean of the identity; quality and diagonal multiply by a uniform of mean 1/2.
  t.ok(Math.abs(mean.get('wishart')! - 1) < 0.02, String(mean.get('wishart')));
  t.ok(Math.abs(mean.get('wishart-quality')! - 0.5) < 0.02, String(mean.get('wishart-quality')));
  t.ok(Math.abs(mean.get('diagonal-uniform')! - 0.5) < 0.02, String(mean.get('diagonal-uniform')));
});

t.test('peers of the quality law differ for all raters alike, those of plain Wishart do not', async (t) => {
  const n = 6;
  const spread = (law: 'wishart' | 'wishart-quality'): number => {
    let sum = 0;
    for (let trial = 0; trial < 300; trial++) {
      const ranking = idealRankingOf(drawHessian(law, { seed: 6, trial, n }), n);
      sum += (Math.max(...ranking) - Math.min(...ranking)) / (ranking.reduce((a, b) => a + b, 0) / n);
    }
    return sum / 300;
  };
  t.ok(spread('wishart-quality') > 1.5 * spread('wishart'));
});

t.test('first weights lie on the simplex, stake has a mean of one', async (t) => {
  for (const law of INITIAL_LAWS) {
    const weights = drawInitial(law, name);
    for (let row = 0; row < name.n; row++) {
      const entries = weights.subarray(row * name.n, (row + 1) * name.n);
      t.ok(Math.abs(entries.reduce((a, b) => a + b, 0) - 1) < 1e-12 && entries.every((entry) => entry >= 0), law);
    }
  }
  for (const law of STAKE_LAWS) t.ok(Math.abs(drawStake(law, name).reduce((a, b) => a + b, 0) / name.n - 1) < 1e-12, law);
});

t.test('the ideal ranking is the mean of the diagonals, for both storages', async (t) => {
  t.same(idealRankingOf({ kind: 'dense', data: [1, 9, 9, 2, 3, 9, 9, 4] }, 2), new Float64Array([2, 3]));
  t.same(idealRankingOf({ kind: 'diagonal', data: [1, 2, 3, 4] }, 2), new Float64Array([2, 3]));
});
