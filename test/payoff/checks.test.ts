// The checks that kernels make over whole arrays: every place where an entry can be wrong, at sizes around the vector width.
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { projectBoundedStep } from '../../src/projection.js';
import { backends } from './backends.js';
import { hessianOf, misaligned, simplexRows } from './states.js';

t.test('areSymmetric sees any entry that is not finite or not mirrored', (test) => {
  for (const { name, backend } of backends) {
    for (const n of [1, 2, 7, 9, 17]) {
      const clean = Float64Array.from(hessianOf(new RandomStream(1, n), n, 0).data);
      const check = (change: (data: Float64Array) => void) => {
        const data = misaligned(clean);
        change(data);
        return backend.kernels.areSymmetric(data, n, n);
      };
      test.equal(
        check(() => undefined),
        true,
        `clean, n = ${n}, ${name}`,
      );
      const last = (n - 1) * n * n;
      for (let at = 0; at < n * n; at += 1 + Math.floor((n * n) / 50)) {
        for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
          const [i, j] = [Math.floor(at / n), at % n];
          const found = check((data) => {
            data[last + i * n + j] = data[last + j * n + i] = bad;
          });
          if (found) test.fail(`${bad} at ${at}, n = ${n}, ${name}`);
        }
        const moved = check((data) => {
          data[last + at] += 1e-9;
        });
        if (moved !== (at % (n + 1) === 0)) test.fail(`asymmetry at ${at}, n = ${n}, ${name}`);
      }
    }
  }
  test.end();
});

t.test('areWeights sees any entry that is negative or not finite, and any sum that is not 1', (test) => {
  for (const { name, backend } of backends) {
    for (const n of [1, 2, 7, 8, 15, 16, 17, 33]) {
      const clean = simplexRows(new RandomStream(2, n), 3, n);
      const check = (change: (rows: Float64Array) => void) => {
        const rows = misaligned(clean);
        change(rows);
        return backend.kernels.areWeights(rows, 1e-9, 3, n);
      };
      test.equal(
        check(() => undefined),
        true,
        `clean, n = ${n}, ${name}`,
      );
      for (let at = 0; at < 3 * n; at++) {
        for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, -1e-12]) {
          const found = check((rows) => {
            if (bad < 0 && n > 1) rows[at - (at % n) + ((at + 1) % n)] += rows[at] - bad;
            rows[at] = bad;
          });
          if (found) test.fail(`${bad} at ${at}, n = ${n}, ${name}`);
        }
        const off = check((rows) => {
          rows[at] += 2e-9;
        });
        if (off) test.fail(`a sum off by 2e-9 at ${at}, n = ${n}, ${name}`);
      }
    }
  }
  test.end();
});

t.test('a result goes where it is asked to go, and not over what is still read', (test) => {
  const rows = Float64Array.of(0.5, 0.5);
  const steps = Float64Array.of(1, -1);
  const out = new Float64Array(2);
  const options = { rows, steps, epsilon: Math.SQRT1_2 / 2, n: 2 };
  test.equal(projectBoundedStep({ ...options, out }), out);
  test.same([...out], [...projectBoundedStep(options)]);
  for (const bad of [rows, steps, new Float64Array(3)])
    test.throws(() => projectBoundedStep({ ...options, out: bad }), { argument: 'out', name: 'InputError' });
  test.end();
});
