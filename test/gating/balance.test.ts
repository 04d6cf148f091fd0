import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { gate, gateBalance } from '../../src/gating.js';
import { errorRatio, flat, knownAnswer } from '../curvature/known-answers.js';
import { awkwardSizes, firstDifference, misaligned, nameOf, natives, reference } from '../support/backends.js';

/** Scores of two peers whose softmax gives the first one probability p. */
const scoresFor = (p: number): number[] => [Math.log(p), Math.log(1 - p)];

for (const backend of [reference, ...natives]) {
  t.test(`known answer G04: ${nameOf(backend)}`, async (t) => {
    const { inputs, expected, tolerance } = knownAnswer('G04');
    // three of four samples go to peer 0, so f = [3/4, 1/4]; the mean of the probabilities is P = [1/2, 1/2], then [3/4, 1/4]
    const even = gateBalance({ scores: [0.6, 0.6, 0.6, 0.2].flatMap(scoresFor), k: 1, batch: 4, backend });
    t.ok(errorRatio(even.dispatch, flat(inputs['f']), tolerance) <= 1);
    t.ok(errorRatio(even.importance, flat(inputs['P']), tolerance) <= 1);
    t.ok(errorRatio([even.loss], flat(expected['loss']), tolerance) <= 1);
    const skewed = gateBalance({ scores: [0.9, 0.9, 0.9, 0.3].flatMap(scoresFor), k: 1, batch: 4, backend });
    t.ok(errorRatio(skewed.importance, flat(inputs['P2']), tolerance) <= 1);
    t.ok(errorRatio([skewed.loss], flat(expected['loss2']), tolerance) <= 1);
  });
}

t.test('the loss depends on the routing: same P, other choices', async (t) => {
  // P is [1/2, 1/2] both times; only who is chosen differs
  const balanced = gateBalance({ scores: [0.8, 0.2].flatMap(scoresFor), k: 1, batch: 2 });
  const routed = gateBalance({ scores: [0.6, 0.6, 0.6, 0.2].flatMap(scoresFor), k: 1, batch: 4 });
  t.strictSame([...balanced.dispatch], [0.5, 0.5]);
  t.strictSame([...routed.dispatch], [0.75, 0.25]);
  const bothWays = [0.9, 0.9, 0.9].flatMap(scoresFor);
  const one = gateBalance({ scores: bothWays, k: 1, batch: 3 });
  const two = gateBalance({ scores: bothWays, k: 2, batch: 3 });
  t.ok(one.loss > 1.79 && Math.abs(two.loss - 1) < 1e-15, `k = 1: ${one.loss}, k = 2: ${two.loss}`);
});

t.test('the loss by counting, and its gradient by central difference', async (t) => {
  const [batch, peers, k] = [9, 5, 2];
  const stream = new RandomStream(8);
  const scores = Array.from({ length: batch * peers }, () => 2 * stream.normal());
  const answered = [1, 1, 1, 0, 1];
  const value = (s: readonly number[]): number => {
    const { selected } = gate({ scores: s, k, answered, batch, peers });
    const share = answered.map((_, peer) => selected.filter((chosen) => chosen === peer).length / selected.length);
    let loss = 0;
    for (let b = 0; b < batch; b++) {
      const row = s.slice(b * peers, (b + 1) * peers);
      const sum = row.reduce((total, z, i) => total + (answered[i] === 1 ? Math.exp(z) : 0), 0);
      row.forEach((z, i) => {
        loss += answered[i] === 1 ? (4 * share[i] * Math.exp(z)) / sum / batch : 0;
      });
    }
    return loss;
  };
  const { loss, gradient } = gateBalance({ scores, k, answered, batch, peers });
  t.ok(Math.abs(loss - value(scores)) < 1e-14);
  const h = 1e-6;
  let worst = 0;
  scores.forEach((score, i) => {
    const shifted = (by: number): number => value(scores.map((s, j) => (i === j ? score + by : s)));
    worst = Math.max(worst, Math.abs(gradient[i] - (shifted(h) - shifted(-h)) / (2 * h)));
  });
  t.ok(worst < 1e-9, `worst difference ${worst}`);
});

t.test('descending the loss spreads a collapsed routing', async (t) => {
  const [batch, peers, k] = [64, 8, 2];
  const stream = new RandomStream(9);
  const scores = Float64Array.from({ length: batch * peers }, (_, i) => stream.normal() + (i % peers === 0 ? 3 : 0));
  const before = gateBalance({ scores, k, batch, peers });
  for (let step = 0; step < 200; step++) {
    const { gradient } = gateBalance({ scores, k, batch, peers });
    gradient.forEach((slope, i) => {
      scores[i] -= 20 * slope;
    });
  }
  const after = gateBalance({ scores, k, batch, peers });
  t.ok(before.loss > 1.8 && after.loss < 1.1, `${before.loss} -> ${after.loss}`);
  t.ok(Math.max(...after.dispatch) < 0.25, `largest share ${Math.max(...before.dispatch)} -> ${Math.max(...after.dispatch)}`);
});

t.test('native equals the reference to the bit', async (t) => {
  for (const peers of awkwardSizes) {
    for (const batch of peers === 97 ? [301] : [0, 1, 11]) {
      const stream = new RandomStream(78, peers, batch);
      const answered = Int32Array.from({ length: batch * peers }, (_, i) => (i % peers === 0 ? 1 : stream.integer(2)));
      const input = { scores: misaligned(stream, batch * peers, 3), answered, k: Math.min(3, peers), batch, peers };
      const oracle = gateBalance({ ...input, backend: reference });
      for (const backend of natives) {
        const result = gateBalance({ ...input, backend });
        const same =
          Object.is(result.loss, oracle.loss) &&
          firstDifference(result.dispatch, oracle.dispatch) < 0 &&
          firstDifference(result.importance, oracle.importance) < 0 &&
          firstDifference(result.gradient, oracle.gradient) < 0;
        if (!same) t.fail(`[${batch}, ${peers}], ${nameOf(backend)}`);
      }
    }
  }
  t.ok(natives.length >= 3, `${natives.length} native configurations compared`);
});

t.test('a peer that is away is not an imbalance: N counts those that answered', async (t) => {
  for (const backend of [reference, ...natives]) {
    const { loss } = gateBalance({ scores: [1, 0, 5, 0, 1, 5], answered: [1, 1, 0], k: 1, batch: 2, backend });
    t.equal(loss, 1, nameOf(backend));
    const sometimes = gateBalance({ scores: [1, 0, 5, 0, 1, 5], answered: [1, 0, 0, 0, 1, 0], k: 1, batch: 2, backend });
    t.equal(sometimes.loss, 1, nameOf(backend));
  }
});
