import t from 'tap';
import { EnvironmentError, InputError } from '../../src/core/errors.js';
import { checkLabels, checkSymmetric, checkVector, checkWeights } from '../../src/core/validate.js';

t.test('an input error names the argument, the index, the value and the remedy', async (t) => {
  const values = new Float64Array([1, Number.NaN]);
  t.throws(() => checkVector('logits', values, 2), { code: 'BTM_NONFINITE', argument: 'logits', index: 1, value: Number.NaN });
  t.match(
    new InputError('BTM_DOMAIN', 'must be above 0, got 0', { argument: 'temperature', remedy: 'Try 1.' }).message,
    /temperature.*Try 1\./,
  );
});

t.test('shapes, labels, row sums and symmetry are refused with their index', async (t) => {
  t.throws(() => checkVector('logits', new Float64Array(3), 2), { code: 'BTM_SHAPE' });
  t.throws(() => checkVector('logits', 'text', 2), { code: 'BTM_TYPE' });
  t.throws(() => checkLabels('labels', [0, 3], 2, 3), { code: 'BTM_LABEL', index: 1 });
  t.throws(() => checkWeights('weights', [0.5, 0.5, 0.6, 0.41], 2), { code: 'BTM_ROWSUM', index: 1 });
  t.throws(() => checkWeights('weights', [1.5, -0.5, 0.5, 0.5], 2), { code: 'BTM_NEGATIVE', index: 1 });
  t.throws(() => checkSymmetric('hessian', new Float64Array([1, 2, 3, 4]), 2), { code: 'BTM_SYMMETRY', index: 1 });
});

t.test('an environment error lists every attempt and every cure', async (t) => {
  const error = new EnvironmentError('BTM_NO_BINARY', 'no addon', [{ what: 'a.node', reason: 'missing' }], ['build it']);
  t.match(error.message, /tried a\.node: missing[\s\S]*cure: build it/);
});

t.test('every non-finite entry is found wherever it stands, and no finite one is refused', async (t) => {
  const finite = [0, -0, 5e-324, -5e-324, 2 ** -1022, 1, -1, Number.MAX_VALUE, -Number.MAX_VALUE];
  for (const value of finite) t.doesNotThrow(() => checkVector('x', new Float64Array(21).fill(value), 21), `${value}`);
  const bits = new BigUint64Array([0x7ff0000000000001n, 0xffffffffffffffffn]);
  const strange = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, ...new Float64Array(bits.buffer)];
  for (const value of strange) {
    for (let index = 0; index < 21; index++) {
      const array = new Float64Array(22).subarray(1);
      array[index] = value;
      t.throws(() => checkVector('x', array, 21), { code: 'BTM_NONFINITE', index }, `${value} at ${index}`);
    }
  }
});
