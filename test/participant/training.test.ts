import fc from 'fast-check';
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { removalScores } from '../../src/curvature.js';
import { take } from '../../src/data/shards.js';
import { Adam } from '../../src/participant/adam.js';
import { buildCast, MINIMUM_CAST } from '../../src/participant/cast.js';
import { normals, permutation, uniforms } from '../../src/participant/draw.js';
import { DenseGate } from '../../src/participant/gate.js';
import { accuracy, TrainableHead } from '../../src/participant/head.js';
import { plainModel } from '../../src/participant/model.js';
import { applyOpening, Participant } from '../../src/participant/participant.js';
import { agreementOf, positionsOf, ranking } from '../../src/participant/rankings.js';
import { settleHead } from '../../src/participant/settle.js';

const SEED = 11;
const backend = createBackend({ kind: 'reference' });

t.test('the gate mixes by a softmax over the open peers, and its gradient is that of finite differences', async (t) => {
  const [peers, width, context, batch] = [4, 3, 2, 3];
  const gate = () => new DenseGate(peers, width, context, new Set([1]), { learningRate: 1e-2 });
  const contexts = normals(SEED, [1], batch * context);
  const responses = normals(SEED, [2], batch * peers * width);
  const direction = normals(SEED, [3], batch * width);
  const trained = gate();
  for (let step = 0; step < 30; step++) trained.learn(contexts, responses, trained.mix(contexts, responses, batch), direction, batch);
  const value = (f: Float64Array) => trained.mix(contexts, f, batch).mixture.reduce((sum, g, k) => sum + g * direction[k], 0);

  const mixed = trained.mix(contexts, responses, batch);
  for (let b = 0; b < batch; b++) {
    const shares = mixed.shares.subarray(b * peers, (b + 1) * peers);
    t.equal(shares[1], 0, 'a closed peer has no share');
    t.ok(Math.abs(shares.reduce((a, s) => a + s, 0) - 1) < 1e-12);
  }
  t.same(gate().mix(contexts, responses, batch).shares.slice(0, 4), new Float64Array([1 / 3, 0, 1 / 3, 1 / 3]));
  const before = value(responses);
  const gradient = trained.learn(contexts, responses, mixed, direction, batch);
  t.ok(value(responses) < before, 'a step goes down');
  const again = gate();
  for (let step = 0; step < 30; step++) again.learn(contexts, responses, again.mix(contexts, responses, batch), direction, batch);
  const at = (f: Float64Array) => again.mix(contexts, f, batch).mixture.reduce((sum, g, k) => sum + g * direction[k], 0);
  for (const k of [0, 5, 17, 35]) {
    const [up, down] = [responses.slice(), responses.slice()];
    up[k] += 1e-5;
    down[k] -= 1e-5;
    t.ok(Math.abs((at(up) - at(down)) / 2e-5 - gradient[k]) < 1e-8, `dL/dF[${k}]`);
  }
});

t.test('Adam finds the minimum of a quadratic, and decay pulls it towards zero', async (t) => {
  const run = (weightDecay: number) => {
    const x = new Float64Array([5, -3]);
    const adam = new Adam([x], { learningRate: 0.05, weightDecay });
    for (let step = 0; step < 2000; step++) adam.step([Float64Array.of(x[0] - 1, 10 * (x[1] - 2))], 1 - step / 2000);
    t.equal(adam.steps, 2000);
    return x;
  };
  const free = run(0);
  t.ok(Math.abs(free[0] - 1) < 1e-3 && Math.abs(free[1] - 2) < 1e-3);
  t.ok(run(1)[0] < free[0]);
});

t.test('a settled head has next to no linear term: the scores of exact ablation and of the measure agree in order', async (t) => {
  const [peers, width, batch, outputs] = [5, 2, 240, 3];
  const labels = Int32Array.from({ length: batch }, (_, s) => s % outputs);
  const noise = normals(SEED, [4], batch * peers * width);
  const responses = Float64Array.from(noise, (z, at) => {
    const [s, j, m] = [Math.floor(at / (peers * width)), Math.floor(at / width) % peers, at % width];
    return z + j * 0.6 * Math.cos(labels[s] + 2 * m);
  });
  const head = new TrainableHead({
    peers,
    width,
    hidden: [4],
    outputs,
    learningRate: 1e-2,
    weightDecay: 0.5,
    seed: SEED,
    stream: [5],
    backend,
  });
  const call = { head: head.parameters, responses, labels, batch, peers, width, backend, reduction: 'mean' } as const;
  const share = () => removalScores(call).linearShare!.reduce((a, b) => a + b, 0) / peers;
  const untrained = share();
  const loss = settleHead(head, { responses, labels, steps: 150, batch: 60, seed: SEED, stream: [6] });
  t.ok(loss < 0.75 * Math.log(outputs), `loss ${loss.toFixed(3)}`);
  t.ok(share() < untrained, `linear share fell from ${untrained.toFixed(3)} to ${share().toFixed(3)}`);
  const measured = removalScores(call).scores;
  const truth = removalScores({ ...call, estimator: 'ablation' }).scores;
  t.same(positionsOf(measured)[4], positionsOf(truth)[4]);
  t.ok(accuracy(head.logits(responses, batch), labels) > 0.6);
});

t.test('a participant answers from its own input and proxy alone, and returns gradients that lower its loss', async (t) => {
  const [pixels, width, peers, size] = [4, 2, 3, 12];
  const shard = {
    samples: 20,
    pixels,
    inputs: Float32Array.from(uniforms(SEED, [7], 20 * pixels)),
    labels: Int32Array.from({ length: 20 }, (_, s) => s % 2),
  };
  const asked: number[] = [];
  const proxy = plainModel({ inputWidth: pixels, width, respond: (x, n) => x.slice(0, n * width), train: () => void asked.push(1) });
  const encoder = plainModel({
    inputWidth: pixels + width,
    width,
    respond: (x, n) =>
      Float32Array.from({ length: n * width }, (_, k) => x[Math.floor(k / width) * (pixels + width) + pixels + (k % width)]),
  });
  const participant = new Participant(
    { index: 1, name: 'p', role: 'generalist', shard, encoder, proxy },
    { peers, width, classes: 2, headHidden: 4, headRate: 1e-2, gateRate: 1e-2, weightDecay: 0, seed: SEED, backend },
  );
  const batch = participant.nextBatch(size);
  t.same(await participant.answer(batch.inputs, size), await proxy.respond(batch.inputs, size), 'the proxy is what the encoder saw');
  const seen = new Set<string>();
  for (let k = 0; k < 2; k++) for (const [row, label] of participant.nextBatch(4).labels.entries()) seen.add(`${k}${row}${label}`);
  t.equal(seen.size, 8);

  const opening = Float64Array.of(0.5, 1, 0.25);
  const responses = normals(SEED, [8], size * peers * width);
  const { losses, gradient } = await participant.receive(batch, responses, opening);
  t.equal(gradient.length, responses.length);
  t.ok([losses.head, losses.own, losses.gate, losses.proxy].every((loss) => loss > 0));
  t.equal(asked.length, 1, 'the proxy was distilled once');
  const stepped = responses.map((f, k) => f - 2 * gradient[k]);
  const after = await participant.receive(batch, stepped, opening);
  t.ok(after.losses.head + after.losses.gate + after.losses.own < losses.head + losses.gate + losses.own);
  t.same(applyOpening(Float64Array.of(1, 2, 3, 4, 5, 6), opening, 2), Float64Array.of(0.5, 1, 3, 4, 1.25, 1.5));
});

t.test('every cast plays every role, and the scarce one has a tenth', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: MINIMUM_CAST, max: 40 }), fc.nat(100), (participants, seed) => {
      const cast = buildCast({ participants, classes: 10, largestShard: 1000, seed });
      t.equal(cast.length, participants);
      t.equal(new Set(cast.map((member) => member.name)).size, participants);
      t.equal(new Set(cast.map((member) => member.role)).size, 6);
      t.equal(cast.find((member) => member.role === 'scarce')?.samples, cast[0].samples / 10);
      t.ok(cast.every((member) => new Set(member.classes).size === member.classes.length));
    }),
    { numRuns: 20 },
  );
  t.throws(() => buildCast({ participants: 5, classes: 10, largestShard: 1000, seed: 1 }), {
    code: 'BTM_DOMAIN',
    argument: 'participants',
  });
});

t.test('positions share the better place on ties, and an undefined correlation is null with a reason', async (t) => {
  t.same(positionsOf([3, 1, 3, 2]), [1, 4, 1, 3]);
  const constant = ranking('ledger', '', '', Float64Array.of(1, 1, 1), '');
  const [pair] = agreementOf([ranking('ideal', '', '', Float64Array.of(1, 2, 3), ''), constant]);
  t.match(pair, { a: 'ideal', b: 'ledger', pearson: null, spearman: null, kendall: null, reason: /.+/ });
  t.same(permutation(SEED, [1], 5).slice().sort(), Uint32Array.of(0, 1, 2, 3, 4));
  const image = { name: 'x', samples: 1, height: 1, width: 2, classes: 1, images: Uint8Array.of(0, 255), labels: Uint8Array.of(0) };
  t.same(take(image, [0]).inputs, new Float32Array([0, 1]));
});
