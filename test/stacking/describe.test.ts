/** Accuracy of heads, counted by hand. */
import t from 'tap';
import { accuracyOf } from '../../src/stacking/describe.js';
import type { Design } from '../../src/stacking/design.js';

t.test('a row is right where the label has the largest logit alone; rows count by their weights', async (t) => {
  const design = {
    ...{ loss: 'softmaxCrossEntropy', outputs: 3, samples: 4 },
    labels: Int32Array.of(0, 2, 1, 1),
    weights: Float64Array.of(1, 2, 4, 8),
  } as unknown as Design;
  // Right, wrong, a tie, right: each first logit is larger than the logit of the label above it.
  const logits = Float64Array.of(1, 0, -1, 5, 0, 4, 7, 7, 0, 9, 9.5, 9);
  t.equal(accuracyOf(design, logits), (1 + 8) / 15);
  t.equal(accuracyOf({ ...design, loss: 'squaredError' }, logits), null);
});
