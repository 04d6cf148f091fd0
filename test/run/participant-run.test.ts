/** What lives on a network is made of: own losses, saved states, students, gates that ask few. */

import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { EnvironmentError } from '../../src/core/errors.js';
import { memoryStore, type Store } from '../../src/ledger/index.js';
import { createHub, createIdentity, Network } from '../../src/network/index.js';
import { normals, uniforms } from '../../src/participant/draw.js';
import type { GateSettings } from '../../src/participant/gates/gate.js';
import { Participant } from '../../src/participant/index.js';
import { denseEncoder } from '../../src/participant/models/dense-encoder.js';
import { DenseNet } from '../../src/participant/models/dense-net.js';
import { plainModel } from '../../src/participant/models/model.js';
import { pickSamples, type Samples, score, type Targets } from '../../src/participant/samples.js';
import { decodeSaved, encodeSaved, type Saved } from '../../src/participant/saved.js';
import { STAND_IN_STREAM, StandIn } from '../../src/participant/students/stand-in.js';
import { DEFAULT_OBJECTIVE } from '../../src/participant/students/student.js';
import { StudentCache, StudentOffer } from '../../src/participant/students/student-cache.js';
import { contentHash, encodeStudent } from '../../src/participant/students/student-file.js';
import { openLocalRun, runLocally } from '../../src/run/local-run.js';
import type { MemberFactory } from '../../src/run/member.js';

t.setTimeout(280_000);

const SEED = 3;
const [INPUTS, WIDTH] = [4, 2];
const backend = createBackend({ kind: 'native' });

/** What to predict: two sums of the inputs, or which of them is larger. */
function samples(owner: number, size: number, loss: Targets['loss']): Samples {
  const inputs = Float32Array.from(uniforms(SEED, [owner], size * INPUTS));
  const sums = Float64Array.from({ length: 2 * size }, (_, at) => {
    const row = 4 * Math.floor(at / 2) + 2 * (at % 2);
    return inputs[row]! + inputs[row + 1]!;
  });
  if (loss === 'squaredError') return { size, inputs, targets: { loss, targets: sums } };
  const larger = Int32Array.from({ length: size }, (_, row) => Number(sums[2 * row]! > sums[2 * row + 1]!));
  if (loss === 'softmaxCrossEntropy') return { size, inputs, targets: { loss, labels: larger } };
  return { size, inputs, targets: { loss, targets: Float64Array.from(larger) } };
}

/** Answers with two of the inputs, so two peers local know everything and a third only repeats. */
const window = (first: number) =>
  plainModel({
    inputWidth: INPUTS,
    width: WIDTH,
    respond: (x, batch) => Float32Array.from({ length: batch * WIDTH }, (_, k) => x[Math.floor(k / 2) * INPUTS + first + (k % 2)]!),
  });

const ALL: GateSettings = { kind: 'sparse', k: 0, balance: 0, noise: 0 };

function member(index: number, loss: Targets['loss'], gate = ALL): MemberFactory {
  const net = { widths: [INPUTS, 6, WIDTH], activation: 'tanh', outputActivation: 'identity', optimiser: { learningRate: 5e-3 } } as const;
  return () => ({
    participant: new Participant(
      {
        index,
        name: `p${index}`,
        data: samples(index, 120, loss),
        encoder:
          index === 3
            ? plainModel({ inputWidth: INPUTS, width: WIDTH, respond: (_, b) => new Float32Array(b * WIDTH) })
            : window(index % 3),
        proxy: DenseNet.random({ ...net, seed: SEED, stream: [50, index], backend }).asModel(),
      },
      {
        ...{
          peers: 4,
          width: WIDTH,
          outputs: loss === 'binaryCrossEntropy' ? 1 : 2,
          headHidden: 8,
          headRate: 1e-2,
          gateRate: 1e-2,
          readoutRate: 1e-2,
        },
        ...{ weightDecay: 0.01, gate, distillation: DEFAULT_OBJECTIVE, seed: SEED, backend },
      },
    ),
    validation: samples(100 + index, 60, loss),
  });
}

const SETTINGS = {
  ...{ width: WIDTH, rounds: 60, batch: 24, blocks: 3, closingBlocks: 2, validation: 60, blockValidation: 30 },
  ...{ refitSteps: 60, refitBatch: 24, refitSamples: 120 },
};

t.test('every participant has a loss of its own: classes, values, probabilities; one that answers nothing is worth nothing', async (t) => {
  const losses = ['squaredError', 'softmaxCrossEntropy', 'binaryCrossEntropy', 'squaredError'] as const;
  const members = losses.map((loss, index) => member(index, loss));
  const record = await runLocally({ members, settings: SETTINGS, seed: SEED, backend });
  t.ok(record.chainVerified);
  for (const [index, result] of record.results.entries()) {
    if (result === null) throw new Error('a run without a result');
    t.equal(result.measurement.ideal[3], 0, 'zeros are worth exactly nothing');
    t.ok(
      result.losses.at(-1)![1]! < 0.8 * result.losses[0]![1]!,
      `${losses[index]}: ${result.losses[0]![1]} -> ${result.losses.at(-1)![1]}`,
    );
    t.equal(result.evaluation.head.accuracy === null, losses[index] !== 'softmaxCrossEntropy');
  }
  const regression = record.results[0]!.measurement;
  const ablation = regression.ablation.slice(0, 3);
  t.ok(Math.max(...ablation) > 0 && regression.ideal.indexOf(Math.max(...regression.ideal)) === ablation.indexOf(Math.max(...ablation)));
  t.ok(record.ledgerRanking.indexOf(Math.min(...record.ledgerRanking)) === 3, 'and is paid least');
});

t.test('a store that refuses a block ends the runs with its own error', async (t) => {
  const store: Store = memoryStore();
  const full = new EnvironmentError('BTM_IO', 'the disk is full');
  const { append } = store;
  store.append = async (...call) => {
    if (call[0] >= 2) throw full;
    return append.apply(store, call);
  };
  const members = [0, 1, 2, 3].map((index) => member(index, 'squaredError'));
  await t.rejects(runLocally({ members, settings: SETTINGS, seed: SEED, backend, store }), full);
});

t.test('a state is taken up on the ledger it was kept on, and refused on another', async (t) => {
  const open = (seed: number) =>
    openLocalRun({
      members: [0, 1, 2, 3].map((index) => member(index, 'squaredError')),
      settings: { ...SETTINGS, rounds: 3 },
      seed,
      backend,
    });
  const [one, same, other] = [await open(1), await open(1), await open(2)];
  await one.advance('refitting');
  const saved = decodeSaved(encodeSaved(await one.participants[0]!.run.save()));
  await same.participants[0]!.run.restore(saved);
  t.match(same.participants[0]!.run.state, { phase: 'joining', round: 3, blocks: 3 });
  t.same(same.participants[0]!.run.losses, one.participants[0]!.run.losses);
  await t.rejects(other.participants[0]!.run.restore(saved), { code: 'BTM_DOMAIN', argument: 'state' });
  for (const network of [one, same, other]) await network.close();
});

t.test('losses are what they are by hand; a wrong kind of targets is refused', async (t) => {
  const outputs = Float64Array.of(0.5, -1, 2, 0);
  const two = { size: 2 };
  const targets = Float64Array.of(0, -1, 1, 1);
  t.same(score(outputs, { ...two, targets: { loss: 'squaredError', targets } }), { loss: (0.125 + 0 + 0.5 + 0.5) / 2, accuracy: null });
  const binary = score(outputs, { ...two, targets: { loss: 'binaryCrossEntropy', targets: Float64Array.of(0, 0, 1, 1) } });
  const by_hand = (Math.log(1 + Math.exp(0.5)) + Math.log(1 + Math.exp(-1)) + Math.log(1 + Math.exp(-2)) + Math.log(2)) / 2;
  t.ok(Math.abs(binary.loss - by_hand) < 1e-12 && binary.accuracy === null);
  const classes = score(outputs, { ...two, targets: { loss: 'softmaxCrossEntropy', labels: Int32Array.of(0, 1) } });
  t.ok(Math.abs(classes.loss - (Math.log(1 + Math.exp(-1.5)) + Math.log(1 + Math.exp(2))) / 2) < 1e-12);
  t.equal(classes.accuracy, 0.5);
  const all = samples(1, 5, 'squaredError');
  const picked = pickSamples(all, [4, 0]);
  t.same(picked.inputs, Float32Array.of(...all.inputs.subarray(16, 20), ...all.inputs.subarray(0, 4)));
});

t.test('gates that ask one peer of three: less travels, and the same run otherwise', async (t) => {
  const run = (gate: GateSettings) =>
    runLocally({
      members: [0, 1, 2, 3].map((index) => member(index, 'squaredError', gate)),
      settings: { ...SETTINGS, gate: gate.kind, gateK: gate.k },
      seed: SEED,
      backend,
    });
  for (const kind of ['sparse', 'productKey'] as const) {
    const { results, chainVerified } = await run({ kind, k: 1, balance: 0.01, noise: kind === 'sparse' ? 0.3 : 0 });
    t.ok(chainVerified && results.every((result) => result?.measurement.ideal.every(Number.isFinite)), kind);
    for (const result of results) t.ok(result!.losses.at(-1)![3]! < result!.losses[0]![3]!, `${kind}: loss of G(x) falls`);
  }
});

t.test('a tree of numbers and arrays survives its bytes; other bytes are refused', async (t) => {
  const saved: Saved = { a: 1, b: [Float64Array.of(1, Number.MIN_VALUE, -0), Float32Array.of(0.1)], c: { d: Uint8Array.of(1, 2), e: {} } };
  t.same(decodeSaved(encodeSaved(saved)), saved);
  t.same(encodeSaved(decodeSaved(encodeSaved(saved))), encodeSaved(saved));
  t.throws(() => decodeSaved(Uint8Array.of(0xff, 1)), { code: 'BTM_TYPE', argument: 'bytes' });
  t.throws(() => decodeSaved(encodeSaved(saved).slice(0, -1)), { code: 'BTM_TYPE' });
});

t.test('a participant that is saved and taken up again goes on to the bit: heads, gate, optimisers, place in its data', async (t) => {
  const encoder = (stream: number) =>
    denseEncoder({
      ...{ inputWidth: stream === 1 ? INPUTS + WIDTH : INPUTS, hidden: [5], width: WIDTH, activation: 'tanh' },
      ...{ outputActivation: 'tanh', learningRate: 1e-2, seed: SEED, stream: [stream] },
    } as const);
  const build = () =>
    new Participant(
      { index: 0, name: 'p', data: samples(1, 20, 'softmaxCrossEntropy'), encoder: encoder(1), proxy: encoder(2) },
      {
        ...{
          peers: 3,
          width: WIDTH,
          outputs: 2,
          headHidden: 4,
          headRate: 1e-2,
          gateRate: 1e-2,
          readoutRate: 1e-2,
          weightDecay: 0.1,
          seed: SEED,
          backend,
        },
        gate: { kind: 'sparse', k: 1, balance: 0.01, noise: 0.5 },
        distillation: DEFAULT_OBJECTIVE,
      },
    );
  const maskRow = Float64Array.of(1, 0.5, 0.25);
  const round = async (participant: Participant, number: number) => {
    const batch = participant.nextBatch(8);
    const prepared = await participant.prepare(batch, true);
    const received = { responses: normals(SEED, [9, number], 8 * 3 * WIDTH), answered: new Int32Array(24).fill(1) };
    const { losses, gradient, mixture } = participant.receive(batch, prepared, received, maskRow);
    await participant.learn(batch.inputs, Float32Array.from(gradient.subarray(0, 8 * WIDTH)), 8);
    return [...Object.values(losses), await participant.distil(batch, mixture), ...(await participant.answer(batch.inputs, 8))];
  };
  const one = build();
  for (let number = 0; number < 4; number++) await round(one, number);
  const bytes = encodeSaved(await one.save());
  const other = build();
  await other.restore(decodeSaved(bytes));
  t.same(encodeSaved(await other.save()), bytes);
  for (let number = 4; number < 6; number++) {
    const [a, b] = [await round(one, number), await round(other, number)];
    t.same(b, a, `round ${number}`);
  }
  await t.rejects(build().restore({ ...(decodeSaved(bytes) as object), head: {} }), { code: 'BTM_SHAPE' });
  for (const participant of [one, other]) participant.dispose();
});

t.test('a student that a member offers before the first round is kept, and counts as no offence', async (t) => {
  const members = [0, 1, 2, 3].map((index) => member(index, 'squaredError'));
  const local = await openLocalRun({ members, settings: SETTINGS, seed: SEED, backend, standIns: { hidden: 6, learningRate: 1e-2 } });
  try {
    const [early, offering] = local.participants as [(typeof local.participants)[number], (typeof local.participants)[number]];
    t.equal(early.run.state.phase, 'joining');
    await offering.client.publishStudent();
    await early.client.fetchStudents();
    t.equal(early.client.students.hashOf(offering.client.network.self), contentHash(encodeStudent(offering.standIn!.student)));
    t.notMatch(JSON.stringify(early.client.network.refusals()), 'malformed');
  } finally {
    await local.close();
  }
});

t.test('a stand-in learns what its participant answers, keeps a bounded memory, and travels as a student', async (t) => {
  const standIn = new StandIn({ inputWidth: INPUTS, hidden: 12, width: WIDTH, learningRate: 1e-2, seed: SEED, stream: [7], backend });
  t.equal(standIn.learn(), null, 'nothing was served');
  const teacher = window(1);
  let [first, last] = [0, 0];
  for (let step = 0; step < 300; step++) {
    const { inputs } = samples(200 + (step % 20), 16, 'squaredError');
    standIn.watch('asker', inputs, await teacher.respond(inputs, 16), 16);
    last = standIn.learn() as number;
    if (step === 0) first = last;
  }
  t.ok(last < 0.05 * first, `${first} -> ${last}`);
  standIn.watch('asker', new Float32Array(64 * INPUTS), new Float32Array(64 * WIDTH), 64);
  standIn.watch('asker', new Float32Array(INPUTS), new Float32Array(WIDTH).fill(1e6), 1);
  t.ok((standIn.learn() as number) < 10, 'what is beyond 64 samples of one asker is not kept');
  t.equal(standIn.learn(), null, 'what was served is forgotten');

  const students = new StudentCache({ inputWidth: INPUTS, width: WIDTH });
  const bytes = encodeStudent(standIn.student);
  t.match(students.keep('peer', bytes, contentHash(bytes)), { ok: true });
  t.same(students.save(), { peer: new TextEncoder().encode(contentHash(bytes)) }, 'what is saved is the hash');
  const hub = createHub();
  const [holder, restarted] = [createIdentity(), createIdentity()];
  new Network({ transport: hub.join(holder), service: { handlers: { calls: new StudentOffer().calls(students) }, stakeOf: () => 1n } });
  const again = new StudentCache({ inputWidth: INPUTS, width: WIDTH });
  again.restore(students.save());
  t.equal(again.hashOf('peer'), undefined);
  t.ok(await again.recover(new Network({ transport: hub.join(restarted) }), 'peer', [holder.key]), 'another that has it hands it on');
  const { inputs } = samples(300, 4, 'squaredError');
  t.same(again.respond('peer', inputs, 4), students.respond('peer', inputs, 4));
  t.equal(again.hashOf('peer'), contentHash(bytes));
});

t.test('a stand-in learns the same to the bit in whatever order its askers come', async (t) => {
  const taught = (askers: readonly string[]) => {
    const standIn = new StandIn({
      inputWidth: INPUTS,
      hidden: 12,
      width: WIDTH,
      learningRate: 1e-2,
      seed: SEED,
      stream: [7],
      backend,
    });
    for (const asker of askers) {
      const { inputs } = samples(asker.charCodeAt(0), 16, 'squaredError');
      standIn.watch(asker, inputs, Float32Array.from(normals(SEED, [asker.charCodeAt(0)], 16 * WIDTH)), 16);
    }
    standIn.learn();
    return standIn.save(); // all 64 bits: as a student it is rounded to 32
  };
  t.same(taught(['c', 'a', 'b']), taught(['a', 'b', 'c']));
  t.notSame(taught(['a', 'b']), taught(['a', 'b', 'c']), 'and it does depend on what they ask');
});

t.test('a peer that is away without a student when all are measured counts as closed', async (t) => {
  const members = [0, 1, 2, 3].map((index) => member(index, 'squaredError'));
  const local = await openLocalRun({ members, settings: { ...SETTINGS, rounds: 2, blocks: 1 }, seed: SEED, backend });
  try {
    await local.advance('measuring');
    await local.leave(2);
    const { run } = local.participants[0]!;
    await run.step();
    const { mask, measurement } = run.result()!;
    t.equal(mask[2], 0);
    t.ok([0, 1, 3].every((peer) => mask[peer]! > 0));
    t.equal(measurement.ablation[2], 0, 'and it is worth nothing');
  } finally {
    await local.close();
  }
});

t.test('a batch too large for one query is seen as its parts are; a participant leaves and comes back', async (t) => {
  const gate: GateSettings = { kind: 'sparse', k: 1, balance: 0.01, noise: 0.3 };
  const members = [0, 1, 2, 3].map((index) => member(index, 'squaredError', gate));
  const settings = { ...SETTINGS, gate: gate.kind, gateK: gate.k, rounds: 12, blocks: 2 };
  const local = await openLocalRun({ members, settings, seed: SEED, backend, standIns: { hidden: 6, learningRate: 1e-2 } });
  try {
    await local.advance('refitting');
    const { run } = local.participants[0]!;
    t.match(run.state, { phase: 'refitting', round: 12, blocks: 2 });
    const untaught = new StandIn({
      ...{ inputWidth: INPUTS, hidden: 6, width: WIDTH, learningRate: 1e-2, seed: SEED, stream: [STAND_IN_STREAM, 0], backend },
    });
    t.notSame(local.participants[0]!.standIn!.save(), untaught.save(), 'its stand-in has learnt');
    t.same(untaught.student.layers.length, local.participants[0]!.standIn!.student.layers.length);
    t.equal(run.losses.length, 12);
    const whole = samples(400, 700, 'squaredError');
    const rows = (from: number, to: number) =>
      pickSamples(
        whole,
        Array.from({ length: to - from }, (_, at) => from + at),
      );
    const seen = await run.view(whole);
    const [first, second] = [await run.view(rows(0, 400)), await run.view(rows(400, 700))];
    t.same([...seen.shares], [...first.shares, ...second.shares]);
    t.same([...seen.outputs], [...first.outputs, ...second.outputs]);
    t.same([...seen.masked], [...first.masked, ...second.masked]);

    const asked = seen.shares.findIndex((share) => share > 0) % 4; // the peer it asks about the first sample
    const block = (view: typeof seen) => [...view.masked.subarray(asked * WIDTH, (asked + 1) * WIDTH)];
    await local.leave(asked);
    t.same(block(await run.view(whole, false)), [0, 0], 'zeros');
    const stoodIn = await run.view(whole);
    t.equal(stoodIn.answers.origins[asked], 'student');
    t.notSame(block(stoodIn), [0, 0]);
    await local.rejoin(asked);
    const back = await run.view(whole);
    t.equal(back.answers.origins[asked], 'peer');
    t.same(back.outputs, seen.outputs, 'it takes over at once, to the bit');
  } finally {
    await local.close();
  }
});
