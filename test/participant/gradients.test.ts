/** Every gradient that a participant takes or sends, against finite differences of its own losses. */
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { removalScores } from '../../src/curvature.js';
import { normals, uniforms } from '../../src/participant/draw.js';
import { measure } from '../../src/participant/measure.js';
import { DenseNet } from '../../src/participant/models/dense-net.js';
import { plainModel } from '../../src/participant/models/model.js';
import { applyMask, Participant, type Prepared, type Received } from '../../src/participant/participant.js';
import type { Samples } from '../../src/participant/samples.js';
import { type DistillationObjective, studentLesson } from '../../src/participant/students/student.js';

const backend = createBackend({ kind: 'native' });
const SEED = 11;
const [INPUTS, WIDTH, PEERS, SIZE, INDEX] = [3, 2, 4, 5, 1];
const STEP = 1e-5;

const data: Samples = {
  size: SIZE,
  inputs: Float32Array.from(uniforms(SEED, [1], SIZE * INPUTS)),
  targets: { loss: 'softmaxCrossEntropy', labels: Int32Array.of(0, 1, 2, 1, 0) },
};

/** The same participant every time: nothing has been learnt yet. */
function fresh(k: number): Participant {
  const model = () => plainModel({ inputWidth: INPUTS, width: WIDTH, respond: (x, n) => x.slice(0, n * WIDTH) });
  return new Participant(
    { index: INDEX, name: 'p', data, encoder: model(), proxy: model() },
    {
      ...{ peers: PEERS, width: WIDTH, outputs: 3, headHidden: 4, headRate: 1e-2, gateRate: 1e-2, readoutRate: 1e-2, weightDecay: 0 },
      gate: { kind: 'sparse', k, balance: 0, noise: 0 },
      distillation: { kind: 'forwardKl', temperature: 2, alpha: 0.5, responseWeight: 1 },
      ...{ seed: SEED, backend },
    },
  );
}

for (const [title, k, silent] of [
  ['all are asked', 0, -1],
  ['a gate asks two of three', 2, -1],
  ['one does not answer', 0, 3],
] as const) {
  t.test(`what is sent back to each peer, and to the own encoder, is the slope of the three losses: ${title}`, async (t) => {
    const responses = Float64Array.from(normals(SEED, [2], SIZE * PEERS * WIDTH));
    const maskRow = Float64Array.of(0.5, 0.9, 0.2, 0.7);
    const own = new Float64Array(SIZE * WIDTH);
    for (let s = 0; s < SIZE; s++) own.set(responses.subarray((s * PEERS + INDEX) * WIDTH, (s * PEERS + INDEX + 1) * WIDTH), s * WIDTH);
    const { choice } = await fresh(k).prepare(data, false);
    const answered = new Int32Array(SIZE * PEERS).fill(1);
    if (silent >= 0) for (let s = 0; s < SIZE; s++) answered[s * PEERS + silent] = 0;
    const prepared = (own: Float64Array): Prepared => ({ own, choice });
    const received = (responses: Float64Array): Received => ({ responses, answered });
    const loss = (responses: Float64Array, own: Float64Array): number => {
      const { losses } = fresh(k).receive(data, prepared(own), received(responses), maskRow);
      return losses.head + losses.own + losses.gate;
    };
    const { gradient } = fresh(k).receive(data, prepared(own), received(responses), maskRow);
    let largest = 0;
    for (const at of responses.keys()) {
      const peer = Math.floor(at / WIDTH) % PEERS;
      const moved = (by: number): number => {
        const [there, mine] = [responses.slice(), own.slice()];
        there[at] += by;
        // the own answer is both the block of the head and what the own readout sees
        if (peer === INDEX) mine[Math.floor(at / (PEERS * WIDTH)) * WIDTH + (at % WIDTH)] += by;
        return loss(there, mine);
      };
      const slope = (moved(STEP) - moved(-STEP)) / (2 * STEP);
      largest = Math.max(largest, Math.abs(slope));
      if (Math.abs(slope - gradient[at]!) > 1e-8) t.fail(`dL/dF[${at}] is ${gradient[at]}, finite differences give ${slope}`);
    }
    t.ok(largest > 0.01, 'the slopes are not all small');
  });
}

t.test('what a student learns from is the slope of its loss, divergence and response weighed as asked', (t) => {
  const net = (stream: number) =>
    DenseNet.random({
      ...{ widths: [WIDTH, 3], activation: 'tanh', outputActivation: 'identity', seed: SEED, stream: [stream], backend },
      optimiser: { learningRate: 0.1 },
    });
  const readout = net(3);
  const response = Float64Array.from(normals(SEED, [4], SIZE * WIDTH));
  const target = Float64Array.from(normals(SEED, [5], SIZE * WIDTH));
  const labels = Int32Array.of(2, 0, 1, 1, 0);
  for (const objective of [
    { kind: 'forwardKl', temperature: 2, alpha: 0.3, responseWeight: 1.5 },
    { kind: 'jsd', temperature: 0.7, alpha: 1, responseWeight: 0 },
  ] satisfies DistillationObjective[]) {
    const lesson = (response: Float64Array) => studentLesson(response, { target, batch: SIZE, readout, labels }, objective);
    const loss = (response: Float64Array) => {
      const { logits, response: matched } = lesson(response);
      return logits + objective.responseWeight * matched;
    };
    const { gradient } = lesson(response);
    for (const at of response.keys()) {
      const [up, down] = [response.slice(), response.slice()];
      up[at] += STEP;
      down[at] -= STEP;
      const slope = (loss(up) - loss(down)) / (2 * STEP);
      if (Math.abs(slope - gradient[at]!) > 1e-8) t.fail(`${objective.kind}[${at}]: ${gradient[at]} but ${slope}`);
    }
  }
  t.end();
});

t.test('the linear share of a measurement is the mean over the peers of |l| / (|l| + q/2), by finite differences', (t) => {
  const responses = Float64Array.from(normals(SEED, [6], SIZE * PEERS * WIDTH));
  const head = DenseNet.random({
    ...{ widths: [PEERS * WIDTH, 4, 3], activation: 'tanh', outputActivation: 'identity', seed: SEED, stream: [7], backend },
    optimiser: { learningRate: 0.1 },
  });
  const call = { head, responses, batch: SIZE, peers: PEERS, width: WIDTH, backend } as const;
  const measured = measure({ ...call, targets: data.targets, estimator: 'gaussNewton', seed: SEED });
  const labels = data.targets.loss === 'softmaxCrossEntropy' ? data.targets.labels : new Int32Array(0);
  /** Mean loss with one peer's block scaled. */
  const loss = (peer: number, scale: number): number => {
    const mask = new Float64Array(PEERS).fill(1);
    mask[peer] = scale;
    const logits = head.forward(applyMask(responses, mask, WIDTH), SIZE);
    let total = 0;
    for (let s = 0; s < SIZE; s++) {
      const row = [...logits.subarray(s * 3, s * 3 + 3)];
      total += Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0)) - row[labels[s]!]!;
    }
    return total / SIZE;
  };
  const { scores } = removalScores({ ...call, labels, reduction: 'mean' });
  const shares = Array.from({ length: PEERS }, (_, peer) => {
    const linear = Math.abs((loss(peer, 1 + STEP) - loss(peer, 1 - STEP)) / (2 * STEP));
    return linear / (linear + scores[peer]! / 2);
  });
  const mean = shares.reduce((sum, share) => sum + share, 0) / PEERS;
  t.ok(Math.abs(measured.linearShare - mean) < 1e-6, `${measured.linearShare}, by finite differences ${mean}`);
  t.end();
});
