/** The product-key gate as a participant trains it. */
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { ProductKeyGate } from '../../src/participant/gates/product-key-gate.js';

t.test('query and codebooks learn from the loss which peer knows which context', async (t) => {
  const [peers, batch, width] = [11, 32, 4];
  const gate = new ProductKeyGate({
    peers,
    contextWidth: 3,
    k: 4,
    closed: [0],
    codeWidth: 6,
    optimiser: { learningRate: 0.03 },
    seed: 2,
    stream: [1],
  });
  const stream = new RandomStream(4);
  const answered = new Int32Array(batch * peers).fill(1);
  const knowing = [2, 6, 9]; // peers that know the target of contexts 0, 1 and 2; the others answer noise
  const losses: number[] = [];
  let known = 0;
  for (let step = 0; step < 800; step++) {
    const context = new Float64Array(batch * 3);
    const target = Float64Array.from({ length: batch * width }, () => stream.normal());
    const responses = Float64Array.from({ length: batch * peers * width }, () => stream.normal());
    known = 0;
    const kinds = Array.from({ length: batch }, () => stream.integer(3));
    kinds.forEach((kind, b) => {
      context[b * 3 + kind] = 1;
      responses.set(target.subarray(b * width, (b + 1) * width), (b * peers + knowing[kind]) * width);
    });
    const choice = gate.choose(context, batch);
    if (choice.selected.includes(0)) t.fail('the closed peer was asked');
    const { mixture, shares } = gate.mix(choice, responses, answered);
    kinds.forEach((kind, b) => {
      known += shares[b * peers + knowing[kind]] / batch;
    });
    const difference = mixture.map((value, at) => value - target[at]);
    losses.push(difference.reduce((sum, d) => sum + d * d, 0) / batch);
    gate.learn(
      choice,
      responses,
      shares,
      difference.map((d) => (2 * d) / batch),
    );
  }
  t.ok(losses[799] < 0.5 * losses[0], `loss ${losses[0]} -> ${losses[799]}, share of the knowing peers ${known}`);
});
