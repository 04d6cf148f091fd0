/** Peers that answer the same: found by their answers, removed together, and paid together (fact 4 of docs/concepts/scenario.md). */
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { measure, measureRow } from '../../src/participant/measure.js';
import { DenseNet } from '../../src/participant/models/dense-net.js';
import { sameAnswers } from '../../src/participant/same-answers.js';
import { resolveSettings } from '../../src/run/settings.js';

const backend = createBackend({ kind: 'native' });
const [batch, peers, width, classes] = [12, 5, 3, 4];

/** Peers 1 and 4 answer the same; 3 answers nearly what 0 does. */
function answers(): Float64Array {
  const random = new RandomStream(31, 0);
  const out = Float64Array.from({ length: batch * peers * width }, () => random.normal());
  for (let b = 0; b < batch; b++) {
    for (let m = 0; m < width; m++) {
      const at = (peer: number) => (b * peers + peer) * width + m;
      out[at(4)] = out[at(1)]!;
      out[at(3)] = 1.001 * out[at(0)]!;
    }
  }
  return out;
}

const responses = answers();
const head = DenseNet.random({
  ...{ widths: [peers * width, 6, classes], activation: 'tanh', outputActivation: 'identity', seed: 3, stream: [1] },
  ...{ optimiser: { learningRate: 0.1 }, backend },
});
const labels = Int32Array.from({ length: batch }, (_, b) => b % classes);
const call = { head, responses, targets: { loss: 'softmaxCrossEntropy', labels }, batch, peers, width, seed: 1, backend } as const;

t.test('groups by distance: to the last bit, near, and in a chain', async (t) => {
  const shape = { responses, batch, peers, width };
  t.same(sameAnswers(shape, 0), [[0], [1, 4], [2], [3]]);
  t.same(sameAnswers(shape, 0.0009), [[0], [1, 4], [2], [3]], 'just below the distance of 1 part in 1,001');
  t.same(sameAnswers(shape, 0.001), [[0, 3], [1, 4], [2]]);
  const line = { responses: Float64Array.of(100, 300, 101, 102, 301.5), batch: 1, peers: 5, width: 1 };
  t.same(sameAnswers(line, 0.01), [
    [0, 2, 3],
    [1, 4],
  ]);
  t.same(
    sameAnswers({ responses: Float64Array.of(103, 100, 101.5), batch: 1, peers: 3, width: 1 }, 0.015),
    [[0, 1, 2]],
    'joined by the last',
  );
  t.same(sameAnswers({ responses: Float64Array.of(0, 1, 0), batch: 1, peers: 3, width: 1 }, 0), [[0, 2], [1]], 'peers that say nothing');
});

/** Mean cross-entropy of the head over some answers, by hand. */
function lossOver(answers: Float64Array): number {
  const logits = head.forward(answers, batch);
  let sum = 0;
  for (let b = 0; b < batch; b++) {
    const row = logits.subarray(b * classes, (b + 1) * classes);
    sum += Math.log(row.reduce((total, z) => total + Math.exp(z), 0)) - row[labels[b]!]!;
  }
  return sum / batch;
}

t.test('a group is removed together and shares what that costs; a peer alone keeps its bits', async (t) => {
  const groups = sameAnswers({ responses, batch, peers, width }, 0);
  const alone = measure({ ...call, estimator: 'taylor2' });
  const { ideal, ablation, linearShare } = measure({ ...call, estimator: 'taylor2', groups });
  for (const peer of [0, 2, 3]) t.equal(ideal[peer], alone.ideal[peer]);
  t.equal(ideal[1], ideal[4], 'shared evenly');
  t.same(ablation, alone.ablation, 'the truth removes one peer at a time, as before');
  t.not(linearShare, alone.linearShare, 'that of the pair is not that of its parts');
  // For Gauss-Newton the pair costs G_11 + G_44 + 2 G_14.
  const { gram } = alone;
  const pair = gram[1 * peers + 1]! + gram[4 * peers + 4]! + 2 * gram[1 * peers + 4]!;
  const gauss = measureRow({ ...call, estimator: 'gaussNewton', groups });
  t.ok(Math.abs(gauss[1]! + gauss[4]! - pair) < 1e-12 * pair, `${gauss[1]! + gauss[4]!} against ${pair}`);
  // Where answers are small the second order is the loss itself.
  const small = responses.map((x) => x / 1000);
  const scores = measureRow({ ...call, responses: small, estimator: 'taylor2', groups });
  const cost = lossOver(small.map((x, at) => ([1, 4].includes(Math.floor(at / width) % peers) ? 0 : x))) - lossOver(small);
  t.ok(Math.abs(scores[1]! + scores[4]! - cost) < 1e-4 * Math.abs(cost), `${scores[1]! + scores[4]!} against ${cost}`);
});

t.test('the diagonal scores no group, and says so before a run begins', async (t) => {
  t.throws(() => resolveSettings({ estimator: 'diagonal', copyDistance: 0.01 }), { code: 'BTM_DOMAIN', argument: 'estimator' });
  t.equal(resolveSettings({ estimator: 'diagonal' }).copyDistance, 0);
  t.throws(() => measureRow({ ...call, estimator: 'diagonal', groups: [[0], [1, 4], [2], [3]] }), {
    code: 'BTM_DOMAIN',
    argument: 'estimator',
  });
});
