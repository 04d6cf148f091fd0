/** The trainable gate: it finds the peers that help, keeps to k, leaves out the silent, and stays within a budget in bytes. */
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { bytesPerPeer, peersWithinBudget } from '../../src/participant/gates/gate-budget.js';
import { SparseGate, type SparseGateOptions } from '../../src/participant/gates/sparse-gate.js';
import { DenseNet } from '../../src/participant/models/dense-net.js';

const base: SparseGateOptions = {
  peers: 6,
  contextWidth: 3,
  k: 2,
  closed: [0],
  balance: 0,
  noise: 0,
  optimiser: { learningRate: 0.05 },
  seed: 1,
  stream: [0],
};

/** Context one-hot in 3; peers 1, 2 and 3 know the target of contexts 0, 1 and 2; the others answer noise. */
function scene(stream: RandomStream, batch: number, peers: number, width: number) {
  const context = new Float64Array(batch * 3);
  const target = Float64Array.from({ length: batch * width }, () => stream.normal());
  const responses = Float64Array.from({ length: batch * peers * width }, () => stream.normal());
  for (let b = 0; b < batch; b++) {
    const kind = stream.integer(3);
    context[b * 3 + kind] = 1;
    responses.set(target.subarray(b * width, (b + 1) * width), (b * peers + 1 + kind) * width);
  }
  return { context, target, responses };
}

t.test('trained with the loss of its owner, it asks the peer that knows, context by context', async (t) => {
  for (const noise of [0, 0.5]) {
    const gate = new SparseGate({ ...base, noise });
    const stream = new RandomStream(4);
    const [batch, width] = [32, 4];
    const answered = new Int32Array(batch * base.peers).fill(1);
    const squared = (mixture: Float64Array, target: Float64Array): number =>
      mixture.reduce((sum, value, at) => sum + (value - target[at]) ** 2, 0) / batch;
    let [first, last] = [0, 0];
    for (let step = 0; step < 400; step++) {
      const { context, target, responses } = scene(stream, batch, base.peers, width);
      const choice = gate.choose(context, batch, true);
      const { mixture, shares } = gate.mix(choice, responses, answered);
      last = squared(mixture, target);
      if (step === 0) first = last;
      gate.learn(
        choice,
        responses,
        shares,
        mixture.map((value, at) => (2 * (value - target[at])) / batch),
      );
    }
    const { context, responses } = scene(stream, batch, base.peers, width);
    const choice = gate.choose(context, batch, false);
    const { shares } = gate.mix(choice, responses, answered);
    let known = 0;
    for (let b = 0; b < batch; b++) known += shares[b * base.peers + 1 + context.subarray(b * 3, b * 3 + 3).indexOf(1)] / batch;
    t.ok(noise === 0 || known > 0.95, `noise ${noise}: share of the knowing peer ${known}, loss ${first} -> ${last}`);
    t.notOk(choice.selected.includes(0), 'the closed peer is never asked');
  }
});

t.test('dL/dF is the central difference through mixture and shares', async (t) => {
  const gate = new SparseGate({ ...base, seed: 3 });
  const stream = new RandomStream(5);
  const [batch, width] = [4, 3];
  const { context, responses } = scene(stream, batch, base.peers, width);
  const upstream = Float64Array.from({ length: batch * width }, () => stream.normal());
  const answered = new Int32Array(batch * base.peers).fill(1);
  const choice = gate.choose(context, batch, false);
  const value = (f: Float64Array): number =>
    gate.mix(choice, f, answered).mixture.reduce((sum, entry, at) => sum + entry * upstream[at], 0);
  const slopes = gate.learn(choice, responses, gate.mix(choice, responses, answered).shares, upstream);
  const h = 1e-6;
  const worst = Math.max(
    ...responses.map((entry, at) => {
      const shifted = (by: number): number => value(responses.map((x, i) => (i === at ? entry + by : x)));
      return Math.abs(slopes[at] - (shifted(h) - shifted(-h)) / (2 * h));
    }),
  );
  t.ok(worst < 1e-8, `worst difference ${worst}`);
});

t.test('silent peers: mass exactly 0, the rest renormalised; no peer at all gives a zero mixture', async (t) => {
  const gate = new SparseGate({ ...base, k: 3, closed: [] });
  const context = new Float64Array(6).fill(1);
  const choice = gate.choose(context, 2, false);
  t.strictSame([...choice.selected], [0, 1, 2, 0, 1, 2], 'equal scores: the lower indices');
  const answered = new Int32Array(12);
  answered[0] = 1;
  answered[2] = 1;
  answered[3] = 1; // not chosen: an unrequested answer has no weight
  const { mixture, shares } = gate.mix(choice, new Float64Array(24).fill(7), answered);
  t.strictSame([...shares.subarray(0, 6)], [0.5, 0, 0.5, 0, 0, 0]);
  t.strictSame([...shares.subarray(6)], [0, 0, 0, 0, 0, 0]);
  t.strictSame([...mixture], [7, 7, 0, 0]);
});

t.test('the balance loss spreads a gate that asks one peer about everything', async (t) => {
  const stream = new RandomStream(6);
  const [batch, width] = [64, 2];
  const largestShare = (balance: number): number => {
    const gate = new SparseGate({ ...base, balance, noise: 1 });
    const answered = new Int32Array(batch * base.peers).fill(1);
    for (let step = 0; step < 150; step++) {
      // peer 1 is better than the others, which are all alike
      const context = Float64Array.from({ length: batch * 3 }, () => stream.normal());
      const responses = Float64Array.from({ length: batch * base.peers * width }, (_, at) => (Math.floor(at / width) % 6 === 1 ? 3 : 1));
      const choice = gate.choose(context, batch, true);
      const { shares } = gate.mix(choice, responses, answered);
      gate.learn(choice, responses, shares, new Float64Array(batch * width).fill(-1 / batch));
    }
    const context = Float64Array.from({ length: batch * 3 }, () => stream.normal());
    const { selected } = gate.choose(context, batch, true);
    const counts = Array.from({ length: base.peers }, (_, peer) => selected.filter((chosen) => chosen === peer).length);
    return Math.max(...counts) / selected.length;
  };
  const [without, balanced] = [largestShare(0), largestShare(5)];
  t.ok(without > 0.45 && balanced < 0.35, `largest share ${without} without, ${balanced} with the balance loss`);
});

t.test('a budget in bytes decides k', async (t) => {
  const cost = { batch: 32, inputWidth: 784, width: 16, backward: true };
  t.equal(bytesPerPeer(cost), 32 * (784 + 784 + 16) * 4);
  t.equal(peersWithinBudget(4 * bytesPerPeer(cost), cost, 15), 4);
  t.equal(peersWithinBudget(4 * bytesPerPeer(cost) - 1, cost, 15), 3);
  t.equal(peersWithinBudget(1e12, cost, 15), 15);
  t.throws(() => peersWithinBudget(bytesPerPeer(cost) - 1, cost, 15), { code: 'BTM_DOMAIN', argument: 'budget' });
  t.throws(() => peersWithinBudget(Number.NaN, cost, 15), { code: 'BTM_NONFINITE', argument: 'budget' });
  t.throws(() => new SparseGate({ ...base, k: 6 }), { code: 'BTM_DOMAIN', argument: 'k' });
  t.throws(() => new SparseGate({ ...base, noise: -1 }), { code: 'BTM_NEGATIVE', argument: 'noise' });
});

t.test('a dense net learns on the backend: loss falls, the same seed gives the same bits', async (t) => {
  const train = (): { first: number; last: number; net: DenseNet } => {
    const net = DenseNet.random({
      widths: [2, 8, 2],
      activation: 'tanh',
      outputActivation: 'identity',
      seed: 9,
      stream: [1],
      optimiser: { learningRate: 0.05 },
    });
    const stream = new RandomStream(10);
    const losses = Array.from({ length: 150 }, () => {
      const inputs = Float64Array.from({ length: 64 }, () => stream.normal());
      const labels = Int32Array.from({ length: 32 }, (_, b) => Number(inputs[2 * b] * inputs[2 * b + 1] > 0));
      return net.learnTargets(inputs, { loss: 'softmaxCrossEntropy', labels }, 32).loss;
    });
    return { first: losses[0], last: losses[149], net };
  };
  const [one, two] = [train(), train()];
  t.ok(one.last < 0.5 * one.first, `exclusive or: ${one.first} -> ${one.last}`);
  t.equal(one.last, two.last);
  t.notOk(one.net.copy().layers[0].weights === one.net.layers[0].weights, 'a copy owns its parameters');
});
