import fc from 'fast-check';
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { removalScores } from '../../src/curvature.js';
import { take } from '../../src/data/shards.js';
import { agreementOf, ranking } from '../../src/demo/rankings.js';
import { buildRoster } from '../../src/demo/roster.js';
import { normals, permutation, uniforms } from '../../src/participant/draw.js';
import { createGate } from '../../src/participant/gates/gate.js';
import type { TrainableGate } from '../../src/participant/gates/mixture.js';
import { Adam } from '../../src/participant/models/adam.js';
import { DenseNet } from '../../src/participant/models/dense-net.js';
import { plainModel } from '../../src/participant/models/model.js';
import { applyMask, Participant } from '../../src/participant/participant.js';
import { refitHead } from '../../src/participant/refit-head.js';
import { type Samples, score } from '../../src/participant/samples.js';
import { DEFAULT_OBJECTIVE } from '../../src/participant/students/student.js';
import { positionsOf } from '../../src/run/positions.js';

t.setTimeout(280_000);

const SEED = 11;
const backend = createBackend({ kind: 'reference' });

t.test('a gate that asks every peer mixes by a softmax over the open peers, and its gradient is that of finite differences', async (t) => {
  const [peers, width, contextWidth, batch] = [4, 3, 2, 3];
  const optimiser = { learningRate: 1e-2 };
  const gate = () =>
    createGate(
      { kind: 'sparse', k: 0, balance: 0, noise: 0 },
      { peers, contextWidth, closed: [1], optimiser, seed: SEED, stream: [1], backend },
    );
  const contexts = normals(SEED, [1], batch * contextWidth);
  const responses = normals(SEED, [2], batch * peers * width);
  const direction = normals(SEED, [3], batch * width);
  const answered = new Int32Array(batch * peers).fill(1);
  const mix = (one: TrainableGate, f: Float64Array) => one.mix(one.choose(contexts, batch, false), f, answered);
  const learn = (one: TrainableGate) => one.learn(one.choose(contexts, batch, true), responses, mix(one, responses).shares, direction);
  const value = (one: TrainableGate, f: Float64Array) => mix(one, f).mixture.reduce((sum, g, k) => sum + g * direction[k], 0);
  t.ok(
    mix(gate(), responses).shares.every((share, at) => Math.abs(share - (at % peers === 1 ? 0 : 1 / 3)) < 1e-15),
    'it starts even',
  );

  const trained = gate();
  for (let step = 0; step < 30; step++) learn(trained);
  const { shares } = mix(trained, responses);
  for (let b = 0; b < batch; b++) {
    const row = shares.subarray(b * peers, (b + 1) * peers);
    t.equal(row[1], 0, 'a closed peer has no share');
    t.ok(Math.abs(row.reduce((a, s) => a + s, 0) - 1) < 1e-12);
  }
  const again = gate();
  again.restore(trained.save());
  t.same(mix(again, responses), mix(trained, responses), 'a saved gate goes on where it was');
  const before = value(trained, responses);
  const gradient = learn(trained);
  t.ok(value(trained, responses) < before, 'a step goes down');
  for (const k of [0, 5, 17, 35]) {
    const [up, down] = [responses.slice(), responses.slice()];
    up[k] += 1e-5;
    down[k] -= 1e-5;
    t.ok(Math.abs((value(again, up) - value(again, down)) / 2e-5 - gradient[k]) < 1e-8, `dL/dF[${k}]`);
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
  const head = DenseNet.random({
    widths: [peers * width, 4, outputs],
    activation: 'relu',
    outputActivation: 'identity',
    optimiser: { learningRate: 1e-2, weightDecay: 0.5 },
    seed: SEED,
    stream: [5],
    backend,
  });
  const samples: Samples = { size: batch, inputs: new Float32Array(batch), targets: { loss: 'softmaxCrossEntropy', labels } };
  const call = { head, responses, labels, batch, peers, width, backend, reduction: 'mean' } as const;
  const share = () => removalScores(call).linearShare!.reduce((a, b) => a + b, 0) / peers;
  const untrained = share();
  const loss = refitHead(head, { responses, samples, steps: 150, batch: 60, seed: SEED, stream: [6] });
  t.ok(loss < 0.75 * Math.log(outputs), `loss ${loss.toFixed(3)}`);
  t.ok(share() < untrained, `linear share fell from ${untrained.toFixed(3)} to ${share().toFixed(3)}`);
  const measured = removalScores(call).scores;
  const targets = removalScores({ ...call, estimator: 'ablation' }).scores;
  t.same(positionsOf(measured)[4], positionsOf(targets)[4]);
  t.ok((score(head.forward(responses, batch), samples).accuracy as number) > 0.6);
});

t.test('a participant answers from its own input and proxy alone, and returns gradients that lower its loss', async (t) => {
  const [pixels, width, peers, size] = [4, 2, 3, 12];
  const data: Samples = {
    size: 20,
    inputs: Float32Array.from(uniforms(SEED, [7], 20 * pixels)),
    targets: { loss: 'softmaxCrossEntropy', labels: Int32Array.from({ length: 20 }, (_, s) => s % 2) },
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
    { index: 1, name: 'p', data, encoder, proxy },
    {
      ...{
        peers,
        width,
        outputs: 2,
        headHidden: 4,
        headRate: 1e-2,
        gateRate: 1e-2,
        readoutRate: 1e-2,
        weightDecay: 0,
        seed: SEED,
        backend,
      },
      gate: { kind: 'sparse', k: 0, balance: 0, noise: 0 },
      distillation: DEFAULT_OBJECTIVE,
    },
  );
  const batch = participant.nextBatch(size);
  t.same(await participant.answer(batch.inputs, size), await proxy.respond(batch.inputs, size), 'the proxy is what the encoder saw');
  const rest = participant.nextBatch(8);
  const seen = [...batch.inputs, ...rest.inputs].sort((a, b) => a - b);
  t.same(
    seen,
    [...data.inputs].sort((a, b) => a - b),
    'one epoch shows every sample once',
  );

  const maskRow = Float64Array.of(0.5, 1, 0.25);
  const received = { responses: normals(SEED, [8], size * peers * width), answered: new Int32Array(size * peers).fill(1) };
  const prepared = await participant.prepare(batch, true);
  const { losses, gradient, mixture } = participant.receive(batch, prepared, received, maskRow);
  t.equal(gradient.length, received.responses.length);
  t.ok([losses.head, losses.own, losses.gate].every((loss) => loss > 0));
  t.equal(asked.length, 0, 'nothing that peers see has changed yet');
  t.ok((await participant.distil(batch, mixture)) > 0);
  t.equal(asked.length, 1, 'the proxy was distilled once');
  const stepped = { ...received, responses: received.responses.map((f, k) => f - 2 * gradient[k]) };
  const after = participant.receive(batch, await participant.prepare(batch, true), stepped, maskRow).losses;
  t.ok(after.head + after.gate + after.own < losses.head + losses.gate + losses.own);
  t.same(applyMask(Float64Array.of(1, 2, 3, 4, 5, 6), maskRow, 2), Float64Array.of(0.5, 1, 3, 4, 1.25, 1.5));
});

t.test('every roster plays every role, and the scarce one has a tenth', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 6, max: 40 }), fc.nat(100), (participants, seed) => {
      const roster = buildRoster({ participants, classes: 10, largestShard: 1000, seed });
      t.equal(roster.length, participants);
      t.equal(new Set(roster.map((member) => member.name)).size, participants);
      t.equal(new Set(roster.map((member) => member.role)).size, 6);
      t.equal(roster.find((member) => member.role === 'scarce')?.samples, roster[0].samples / 10);
      t.ok(roster.every((member) => new Set(member.classes).size === member.classes.length));
    }),
    { numRuns: 20 },
  );
  t.throws(() => buildRoster({ participants: 2, classes: 10, largestShard: 1000, seed: 1 }), {
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
