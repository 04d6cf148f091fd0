// What very large pools use, on small ones: fewer rows for the choice of L2, and one Newton step in the place of a refit.
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { crossFit, lossesOf } from '../../src/stacking/cross-fit.js';
import { buildDesign, thinned } from '../../src/stacking/design.js';
import { eliminate } from '../../src/stacking/eliminate.js';
import { dealFolds } from '../../src/stacking/folds.js';
import { checkPool } from '../../src/stacking/pool.js';
import { refitWithout } from '../../src/stacking/refit.js';
import { skilledPool } from './skilled-pool.js';

const { kernels } = createBackend({ kind: 'native' });
const SAMPLES = 400;

function design() {
  const pool = checkPool(skilledPool(SAMPLES, 3, [0, 0.5, 1, 1.5, 2], 12));
  return buildDesign(kernels, pool, dealFolds({ folds: 4, seed: 1, labels: pool.labels }), 4);
}

t.test('every third row of each fold', async (t) => {
  const whole = design();
  const some = thinned(whole, 3);
  t.same([...some.foldStarts], [0, 34, 68, 102, 136]);
  for (const [r, row] of [
    [0, 0],
    [1, 3],
    [33, 99],
    [34, 100],
    [135, 399],
  ]) {
    t.equal(some.order[r], whole.order[row]);
    t.equal(some.labels[r], whole.labels[row]);
    t.same(some.features.subarray(r * some.width, (r + 1) * some.width), whole.features.subarray(row * some.width, (row + 1) * some.width));
  }
});

t.test('one Newton step is close to a refit, and eliminating by it keeps the best models', async (t) => {
  const whole = design();
  const base = crossFit(kernels, whole, { l2: 'auto', penalty: 'adaptive', tolerance: 1e-6, maxSteps: 300 });
  const sets = [[0], [1], [2], [3], [4]];
  const mean = (losses: Float64Array) => losses.reduce((sum, loss) => sum + loss, 0) / SAMPLES;
  const changes = (maxSteps: number) => {
    const found: number[] = [];
    refitWithout(kernels, whole, base, sets, { tolerance: 1e-6, maxSteps }, ({ losses }) => found.push(mean(losses) - mean(base.losses)));
    return found;
  };
  const fitted = changes(300);
  const stepped = changes(0);
  fitted.forEach((change, i) => {
    t.ok(Math.abs(stepped[i] - change) < 0.1 * change + 0.003, `model ${i}: ${stepped[i]} in one step, ${change} fitted`);
  });
  t.ok(Math.abs(mean(lossesOf(kernels, whole, base.logits)) - mean(base.losses)) < 1e-15);
  const { bySize } = await eliminate(kernels, whole, base, [1, 1, 1, 1, 1], async () => {});
  t.same(
    bySize.slice(0, 3).map(({ models }) => models),
    [[4], [3, 4], [2, 3, 4]],
  );
});
