/** How outputs are scored against targets of each kind, by closed forms. */
import t, { type Test } from 'tap';
import { score, scoreClasses } from '../../src/participant/samples.js';

const close = (t: Test, found: number, wanted: number, what: string) =>
  t.ok(Math.abs(found - wanted) <= 1e-12 * Math.max(1, Math.abs(wanted)), `${what}: ${found} against ${wanted}`);

t.test('binary cross-entropy is -t log p - (1 - t) log(1 - p), summed over outputs, a mean over samples', async (t) => {
  const outputs = Float64Array.from([0.5, -1.25, 3, -2, 0, 7]);
  const targets = Float64Array.from([1, 0, 0.25, 0.75, 0.5, 1]);
  const probability = (z: number) => 1 / (1 + Math.exp(-z));
  const terms = [...outputs].map((z, k) => -targets[k]! * Math.log(probability(z)) - (1 - targets[k]!) * Math.log(probability(-z)));
  const wanted = terms.reduce((sum, term) => sum + term, 0) / 3;
  const found = score(outputs, { size: 3, targets: { loss: 'binaryCrossEntropy', targets } });
  close(t, found.loss, wanted, 'loss');
  t.equal(found.accuracy, null);
  const far = score(Float64Array.of(1000, -1000), { size: 1, targets: { loss: 'binaryCrossEntropy', targets: Float64Array.of(0, 1) } });
  t.equal(far.loss, 2000, 'a saturated output does not overflow');
});

t.test('squared error is half the squared distance', async (t) => {
  const targets = Float64Array.of(1, 5, -2, 0);
  const { loss, accuracy } = score(Float64Array.of(0, 3, -2, 4), { size: 2, targets: { loss: 'squaredError', targets } });
  t.equal(loss, (1 + 4 + 0 + 16) / 2 / 2);
  t.equal(accuracy, null);
});

t.test('classes: the mean cross-entropy, and the share of rows whose first largest output is the label', async (t) => {
  const outputs = Float64Array.of(2, 0, 1, 0, 3, -1, 1, 1, 0, -4, -4, -3);
  const labels = Int32Array.of(0, 2, 1, 2);
  const { loss, accuracy } = scoreClasses(outputs, labels);
  const rows = [0, 1, 2, 3].map((row) => [...outputs.subarray(3 * row, 3 * row + 3)]);
  const wanted = rows.map((row, k) => Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0)) - row[labels[k]!]!);
  close(t, loss, wanted.reduce((sum, term) => sum + term, 0) / 4, 'loss');
  t.equal(accuracy, 0.5, 'of two equal outputs the first counts');
});
