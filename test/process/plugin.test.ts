/** Participants that somebody brings: what is refused, and that models, losses and data of any kind live together. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { createBackend, packageRoot } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import {
  denseEncoder,
  layersModel,
  loadTensorflow,
  type PluginContext,
  type PluginParticipant,
  plainModel,
  type ResponseModel,
  resolveSettings,
  runLocally,
  type Samples,
  type Targets,
} from '../../src/index-participant.js';
import { loadPlugin } from '../../src/process/plugin.js';
import { checkPlugin, guarded } from '../../src/process/plugin-check.js';

t.setTimeout(240_000);

const [INPUTS, WIDTH] = [6, 3];
const folder = mkdtempSync(join(tmpdir(), 'intermodel-own-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

const truths = (size: number): Record<Targets['loss'], Targets> => ({
  softmaxCrossEntropy: { loss: 'softmaxCrossEntropy', labels: Int32Array.from({ length: size }, (_, s) => s % 2) },
  binaryCrossEntropy: { loss: 'binaryCrossEntropy', targets: Float64Array.from({ length: 2 * size }, (_, k) => (k % 3) / 2) },
  squaredError: { loss: 'squaredError', targets: Float64Array.from({ length: 2 * size }, (_, k) => (k % 5) - 2) },
});

function samples(loss: Targets['loss'], size = 30): Samples {
  const source = new RandomStream(3, size);
  return { size, inputs: Float32Array.from({ length: size * INPUTS }, () => source.uniform()), targets: truths(size)[loss] };
}

const plain = (inputWidth = INPUTS): ResponseModel =>
  plainModel({
    inputWidth,
    width: WIDTH,
    respond: (inputs, batch) =>
      Float32Array.from({ length: batch * WIDTH }, (_, k) => inputs[Math.floor(k / WIDTH) * inputWidth + (k % WIDTH)]!),
  });

const own = (change: object = {}): PluginParticipant => ({
  encoder: plain(),
  data: samples('squaredError'),
  validation: samples('squaredError', 10),
  outputs: 2,
  ...change,
});

t.test('what does not fit is refused by name', async (t) => {
  const context = { width: WIDTH, inputWidth: INPUTS };
  t.equal(checkPlugin(own(), context).outputs, 2);
  t.equal(checkPlugin(own({ encoder: plain(INPUTS + WIDTH) }), context).outputs, 2, 'inputs followed by the proxy');
  const data = samples('squaredError');
  const labelled = (labels: unknown) => ({ ...data, targets: { loss: 'softmaxCrossEntropy', labels } });
  const targets = (loss: string, values: unknown) => ({ ...data, targets: { loss, targets: values } });
  const wrong: [string, object | null, string, string][] = [
    ['no object', null, 'BTM_TYPE', 'participant'],
    ['no outputs', { outputs: undefined }, 'BTM_TYPE', 'participant.outputs'],
    ['no output', { outputs: 0 }, 'BTM_DOMAIN', 'participant.outputs'],
    ['no data', { data: undefined }, 'BTM_TYPE', 'participant.data'],
    ['no samples', { data: { ...data, size: 0, inputs: new Float32Array(0) } }, 'BTM_DOMAIN', 'participant.data.size'],
    ['plain arrays', { data: { ...data, inputs: [...data.inputs] } }, 'BTM_TYPE', 'participant.data.inputs'],
    ['ragged samples', { data: { ...data, size: 7 } }, 'BTM_SHAPE', 'participant.data.inputs'],
    ['samples of another width than the network', { data: { ...data, size: 60 } }, 'BTM_SHAPE', 'participant.data.inputs'],
    ['NaN', { data: { ...data, inputs: data.inputs.map(() => Number.NaN) } }, 'BTM_NONFINITE', 'participant.data.inputs'],
    ['an unknown loss', { data: targets('hinge', new Float64Array(60)) }, 'BTM_DOMAIN', 'participant.data.targets.loss'],
    ['no targets', { data: { ...data, targets: undefined } }, 'BTM_TYPE', 'participant.data.targets'],
    ['a label too large', { data: labelled(new Int32Array(30).fill(2)) }, 'BTM_LABEL', 'participant.data.targets.labels'],
    ['too few labels', { data: labelled(new Int32Array(29)) }, 'BTM_SHAPE', 'participant.data.targets.labels'],
    ['labels of another type', { data: labelled(Array(30).fill(0)) }, 'BTM_TYPE', 'participant.data.targets.labels'],
    ['too few targets', { data: targets('squaredError', new Float64Array(30)) }, 'BTM_SHAPE', 'participant.data.targets.targets'],
    [
      'a probability above 1',
      { data: targets('binaryCrossEntropy', new Float64Array(60).fill(1.5)) },
      'BTM_DOMAIN',
      'participant.data.targets.targets',
    ],
    ['two losses', { validation: samples('binaryCrossEntropy') }, 'BTM_DOMAIN', 'participant.validation.targets.loss'],
    ['an encoder of other inputs', { encoder: plain(INPUTS + 1) }, 'BTM_SHAPE', 'participant.encoder.inputWidth'],
    ['an encoder of another width', { encoder: { ...plain(), width: 4 } }, 'BTM_SHAPE', 'participant.encoder.width'],
    ['an encoder that cannot answer', { encoder: { ...plain(), respond: undefined } }, 'BTM_TYPE', 'participant.encoder.respond'],
    ['an encoder without dispose', { encoder: { ...plain(), dispose: 1 } }, 'BTM_TYPE', 'participant.encoder.dispose'],
    ['a train that is no function', { encoder: { ...plain(), train: true } }, 'BTM_TYPE', 'participant.encoder.train'],
    ['a proxy that wants a proxy', { proxy: plain(INPUTS + WIDTH) }, 'BTM_SHAPE', 'participant.proxy.inputWidth'],
  ];
  for (const [what, change, code, argument] of wrong) {
    t.throws(() => checkPlugin(change === null ? null : own(change), context), { code, argument }, what);
  }
});

t.test('a model that breaks its word is named at once', async (t) => {
  const answering = (answer: unknown) => guarded('participant.encoder', { ...plain(), respond: async () => answer as Float32Array });
  const ask = (answer: unknown) => answering(answer).respond(new Float32Array(2 * INPUTS), 2);
  const argument = 'participant.encoder.respond()';
  await t.rejects(ask(new Float32Array(5)), { code: 'BTM_SHAPE', argument });
  await t.rejects(ask(undefined), { code: 'BTM_TYPE', argument });
  await t.rejects(ask(new Float32Array(6).fill(Number.NaN)), { code: 'BTM_NONFINITE', argument });
  const kept = new Float32Array(6);
  t.not(await ask(kept), kept, 'a model may use its buffer again');
});

const backend = createBackend({ kind: 'native', threads: 1 });
const settings = resolveSettings({
  ...{ participants: 4, width: WIDTH, rounds: 4, batch: 8, headHidden: 4, refitSteps: 4, refitBatch: 8, refitSamples: 20 },
  ...{ blocks: 2, closingBlocks: 1, validation: 10, blockValidation: 10 },
});
const contextOf = (index: number): PluginContext => ({
  ...{ index, peers: 4, width: WIDTH, seed: 3, settings, backend },
  relay: async (_, __, batch) => new Float32Array(batch * WIDTH),
});

t.test('a module that cannot be used is refused', async (t) => {
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  await t.rejects(loadPlugin(join(folder, 'none.mjs'), contextOf(0)), { code: 'BTM_IO' });
  await t.rejects(loadPlugin(file('broken.mjs', 'export default ('), contextOf(0)), { code: 'BTM_IO' });
  await t.rejects(loadPlugin(file('value.mjs', 'export default 3;'), contextOf(0)), { code: 'BTM_TYPE' });
  await t.rejects(loadPlugin(file('empty.mjs', 'export default () => undefined;'), contextOf(0)), {
    code: 'BTM_TYPE',
    argument: 'participant',
  });
});

t.test('plain functions and tensorflow.js, with and without the proxy, every loss: all live together', async (t) => {
  const { tf } = await loadTensorflow('tfjs-wasm');
  const dense = (inputWidth: number) =>
    denseEncoder({
      ...{ tf, inputWidth, hidden: [5], width: WIDTH, learningRate: 1e-2, seed: 3, stream: [77] },
      ...{ activation: 'tanh', outputActivation: 'tanh' },
    });
  const layers = () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: WIDTH, inputShape: [INPUTS], kernelInitializer: 'ones' })] });
    return layersModel({ tf, model, learningRate: 1e-2 });
  };
  const all: PluginParticipant[] = [
    own({ name: 'regression, plain' }),
    own({ encoder: dense(INPUTS + WIDTH), data: samples('binaryCrossEntropy'), validation: samples('binaryCrossEntropy', 10) }),
    own({ encoder: layers(), proxy: dense(INPUTS), data: samples('softmaxCrossEntropy'), validation: samples('softmaxCrossEntropy', 10) }),
    own({ encoder: plain(INPUTS + WIDTH) }),
  ];
  (globalThis as { ownParticipants?: PluginParticipant[] }).ownParticipants = all;
  writeFileSync(join(folder, 'all.mjs'), 'export default ({ index }) => globalThis.ownParticipants[index];');
  const members = await Promise.all(all.map((_, index) => loadPlugin(join(folder, 'all.mjs'), contextOf(index))));
  const { results, chainVerified } = await runLocally({ members: members.map((member) => () => member), settings, seed: 3, backend });
  t.ok(chainVerified);
  for (const result of results) {
    t.ok(result!.measurement.ideal.every(Number.isFinite));
    t.ok(result!.losses.flat().every(Number.isFinite));
  }
  t.same(
    results.map((result) => result!.evaluation.head.accuracy === null),
    [true, true, false, true],
    'only classes have an accuracy',
  );
});

t.test('the example is a participant of any network', async (t) => {
  const path = join(packageRoot, 'lib/examples/own-participant.js');
  const { default: create } = await import(pathToFileURL(path).href);
  t.equal(checkPlugin(await create({ ...contextOf(2), inputWidth: 20 }), { width: WIDTH, inputWidth: 20 }).data.inputs.length, 200 * 20);
  t.equal((await loadPlugin(path, contextOf(2))).participant.name, 'brightness-2');
});
