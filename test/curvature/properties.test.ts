// Laws that hold for any input, on random and shrinking counterexamples.
import fc from 'fast-check';
import t from 'tap';
import { outputQuadraticForm, peerGram, removalScores } from '../../src/curvature.js';
import { natives } from './backends.js';

const { backend } = natives[0];
const number = fc.integer({ min: -20_000, max: 20_000 }).map((k) => k / 1024); // far from underflow, where the laws hold no more
const settings = { numRuns: 300, seed: 20261122 };

/** An identity-activation head and one batch, all of matching sizes. */
const batches = fc
  .record({ peers: fc.integer({ min: 1, max: 5 }), width: fc.integer({ min: 1, max: 3 }), outputs: fc.integer({ min: 1, max: 5 }) })
  .chain(({ peers, width, outputs }) => {
    const vector = (length: number) => fc.array(number, { minLength: length, maxLength: length });
    return fc.record({
      peers: fc.constant(peers),
      width: fc.constant(width),
      outputs: fc.constant(outputs),
      weights: vector(outputs * peers * width),
      bias: vector(outputs),
      responses: vector(peers * width),
      label: fc.integer({ min: 0, max: outputs - 1 }),
    });
  });

type Batch = typeof batches extends fc.Arbitrary<infer T> ? T : never;

const call = ({ peers, width, weights, bias, responses, label }: Batch) => ({
  head: { layers: [{ weights, bias, activation: 'identity' as const }] },
  responses,
  labels: [label],
  batch: 1,
  peers,
  width,
  backend,
});

t.test('Gauss-Newton forms and relative entropies are never negative, and the ablation is their sum with the slope', (test) => {
  fc.assert(
    fc.property(batches, (batch) => {
      const scores = (estimator: 'gaussNewton' | 'relativeEntropy' | 'firstOrder' | 'ablation') =>
        removalScores({ ...call(batch), estimator }).scores;
      const [form, entropy, first, ablation] = [scores('gaussNewton'), scores('relativeEntropy'), scores('firstOrder'), scores('ablation')];
      return form.every(
        (q, i) =>
          q >= 0 && entropy[i] >= 0 && Math.abs(ablation[i] - first[i] - entropy[i]) <= 1e-12 * (1 + Math.abs(first[i]) + entropy[i]),
      );
    }),
    settings,
  );
  test.pass('held');
  test.end();
});

t.test('a constant added to every output changes no form', (test) => {
  const forms = fc.tuple(fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 12 }), number);
  fc.assert(
    fc.property(forms, ([pairs, shift]) => {
      const logits = pairs.map(([z]) => z);
      const q = (by: number) =>
        outputQuadraticForm({
          loss: 'softmaxCrossEntropy',
          logits,
          vectors: pairs.map(([, v]) => v + by),
          batch: 1,
          outputs: pairs.length,
          peers: 1,
          backend,
        })[0];
      return Math.abs(q(shift) - q(0)) <= 1e-12 * (1 + Math.abs(shift)) * (1 + q(0));
    }),
    settings,
  );
  test.pass('held');
  test.end();
});

t.test('reordering the peers reorders their scores', (test) => {
  fc.assert(
    fc.property(batches, (batch) => {
      const { peers, width, outputs } = batch;
      const from = (i: number) => peers - 1 - i;
      const responses = Array.from({ length: peers * width }, (_, k) => batch.responses[from(Math.floor(k / width)) * width + (k % width)]);
      const inputs = peers * width;
      const weights = Array.from({ length: outputs * inputs }, (_, k) => {
        const column = k % inputs;
        return batch.weights[Math.floor(k / inputs) * inputs + from(Math.floor(column / width)) * width + (column % width)];
      });
      const a = removalScores(call(batch)).scores;
      const b = removalScores(call({ ...batch, responses, weights })).scores;
      const largest = 1 + Math.max(...a);
      return a.every((q, i) => Math.abs(q - b[from(i)]) <= 1e-9 * largest);
    }),
    settings,
  );
  test.pass('held');
  test.end();
});

t.test('the gram is positive semidefinite, its rank at most outputs - 1, and its shares add up', (test) => {
  fc.assert(
    fc.property(batches, (batch) => {
      const { labels: _, ...rest } = call(batch);
      const { gram, rank, shapley } = peerGram({ ...rest, factor: 'compact' });
      const scale = 1e-12 * (1 + gram.reduce((sum, g) => sum + Math.abs(g), 0));
      const total = gram.reduce((sum, g) => sum + g, 0);
      const norm = (i: number) => Math.sqrt(gram[i * (batch.peers + 1)]);
      const bounded = gram.every((g, k) => Math.abs(g) <= norm(Math.floor(k / batch.peers)) * norm(k % batch.peers) + scale); // Cauchy and Schwarz
      return bounded && rank <= Math.min(batch.peers, batch.outputs) && Math.abs(total - shapley.reduce((a, b) => a + b, 0)) <= scale;
    }),
    settings,
  );
  test.pass('held');
  test.end();
});

t.test('forms grow with the square of a direction', (test) => {
  fc.assert(
    fc.property(batches, (batch) => {
      const logits = batch.bias;
      const vectors = batch.weights.slice(0, batch.outputs);
      const q = (factor: number) =>
        outputQuadraticForm({
          loss: 'binaryCrossEntropy',
          logits,
          vectors: vectors.map((v) => factor * v),
          batch: 1,
          outputs: batch.outputs,
          peers: 1,
          backend,
        })[0];
      return q(2) === 4 * q(1); // powers of two are exact
    }),
    settings,
  );
  test.pass('held');
  test.end();
});
