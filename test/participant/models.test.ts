import t from 'tap';
import { normals, uniforms } from '../../src/participant/draw.js';
import { type DenseEncoderOptions, denseEncoder } from '../../src/participant/models/dense-encoder.js';
import { layersModel } from '../../src/participant/models/layers-model.js';
import { plainModel } from '../../src/participant/models/model.js';
import { loadTensorflow } from '../../src/participant/models/tensorflow.js';
import { labelsOf } from '../../src/participant/samples.js';

t.setTimeout(280_000);

const SEED = 7;

t.test('an engine that cannot be loaded is an error listing what was tried', async (t) => {
  await t.resolves(loadTensorflow('tfjs-wasm'));
  const engine = await loadTensorflow();
  t.ok(engine.name === 'tfjs-node' || engine.attempts.some((attempt) => attempt.what === 'tfjs-node' && attempt.reason.length > 0));
});

t.test('a dense encoder follows from its seed, and computes the network it describes', async (t) => {
  const options = {
    inputWidth: 5,
    hidden: [4],
    width: 3,
    activation: 'relu',
    outputActivation: 'tanh',
    learningRate: 1e-2,
    seed: SEED,
    stream: [3],
  } as const;
  const [a, b, other] = [denseEncoder(options), denseEncoder(options), denseEncoder({ ...options, stream: [4] })];
  const inputs = Float32Array.from(uniforms(SEED, [9], 10));
  const response = await a.respond(inputs, 2);
  t.same(response, await b.respond(inputs, 2));
  t.notSame(response, await other.respond(inputs, 2));

  const first = normals(SEED, [3, 1], 20).map((z) => z * Math.sqrt(2 / 5));
  const second = normals(SEED, [3, 2], 12).map((z) => z * Math.sqrt(2 / 7));
  for (let row = 0; row < 2; row++) {
    const hidden = [0, 1, 2, 3].map((u) =>
      Math.max(
        0,
        [0, 1, 2, 3, 4].reduce((sum, k) => sum + inputs[row * 5 + k] * first[k * 4 + u], 0),
      ),
    );
    for (let o = 0; o < 3; o++) {
      const expected = Math.tanh(hidden.reduce((sum, h, u) => sum + h * second[u * 3 + o], 0));
      t.ok(Math.abs(response[row * 3 + o] - expected) < 1e-5, `response ${row},${o}`);
    }
  }
  for (const model of [a, b, other]) model.dispose();
});

const TRAINED: DenseEncoderOptions = {
  inputWidth: 6,
  hidden: [8],
  width: 2,
  activation: 'tanh',
  outputActivation: 'linear',
  learningRate: 2e-2,
  seed: SEED,
  stream: [1],
};

/** The same network in tensorflow.js, from the same initial weights. */
async function twinOf(options: DenseEncoderOptions) {
  const { tf } = await loadTensorflow('tfjs-wasm');
  const widths = [options.inputWidth, ...options.hidden, options.width];
  const layers = widths.slice(1).map((units, l) => {
    const activation = l === widths.length - 2 ? options.outputActivation : options.activation;
    return tf.layers.dense({ units, activation, ...(l === 0 ? { inputShape: [options.inputWidth] } : {}) });
  });
  const model = tf.sequential({ layers });
  const weights = widths.slice(1).flatMap((units, l) => {
    const fanIn = widths[l]!;
    const relu = l < widths.length - 2 && options.activation === 'relu';
    const scale = Math.sqrt(2 / (relu ? fanIn : fanIn + units));
    const kernel = normals(options.seed, [...options.stream, l + 1], fanIn * units).map((z) => scale * z);
    return [tf.tensor2d(Float32Array.from(kernel), [fanIn, units]), tf.zeros([units])];
  });
  model.setWeights(weights);
  tf.dispose(weights);
  return { tf, model: layersModel({ tf, model, learningRate: options.learningRate }) };
}

t.test('sixty steps are those of tensorflow.js: the loss falls alike, inputs stay, and no tensor leaks', async (t) => {
  for (const activation of ['tanh', 'relu'] as const) {
    const options = { ...TRAINED, activation };
    const { tf, model: twin } = await twinOf(options);
    const model = denseEncoder(options);
    const batch = 16;
    const inputs = Float32Array.from(uniforms(SEED, [2], batch * 6), (x, k) => (k % 3 === 0 ? 0 : x));
    const before = inputs.slice();
    const target = Float32Array.from({ length: batch * 2 }, (_, k) => (inputs[Math.floor(k / 2) * 6 + (k % 2)]! > 0.5 ? 1 : -1));
    const losses: number[] = [];
    let tensors = 0;
    for (let step = 0; step < 60; step++) {
      const [response, expected] = [await model.respond(inputs, batch), await twin.respond(inputs, batch)];
      const worst = Math.max(...response.map((f, k) => Math.abs(f - expected[k]!)));
      t.ok(worst < 2e-4, `step ${step}: ${worst}`);
      losses.push(response.reduce((sum, f, k) => sum + (f - target[k]!) ** 2, 0) / (2 * batch));
      await model.train?.(
        inputs,
        response.map((f, k) => (f - target[k]!) / batch),
        batch,
      );
      await twin.train?.(
        inputs,
        expected.map((f, k) => (f - target[k]!) / batch),
        batch,
      );
      if (step === 1) tensors = tf.memory().numTensors;
    }
    t.ok(losses[59]! < 0.5 * losses[0]!, `loss fell from ${losses[0]!.toFixed(3)} to ${losses[59]!.toFixed(3)}`);
    t.equal(tf.memory().numTensors, tensors);
    t.same(inputs, before);
    model.dispose();
    twin.dispose();
  }
});

t.test('inputs in two parts are the same as joined, and sizes that do not fit are refused', async (t) => {
  const [joined, apart] = [denseEncoder(TRAINED), denseEncoder(TRAINED)];
  const inputs = Float32Array.from(uniforms(SEED, [4], 3 * 6));
  const first = Float32Array.from({ length: 12 }, (_, k) => inputs[Math.floor(k / 4) * 6 + (k % 4)]!);
  const second = Float32Array.from({ length: 6 }, (_, k) => inputs[Math.floor(k / 2) * 6 + 4 + (k % 2)]!);
  const gradient = Float32Array.from(uniforms(SEED, [5], 6));
  for (let step = 0; step < 3; step++) {
    t.same(await apart.split?.respond(first, second, 3), await joined.respond(inputs, 3));
    await joined.train?.(inputs, gradient, 3);
    await apart.split?.train(first, second, gradient, 3);
  }
  const saved = (await joined.save?.())!;
  t.same(saved, await apart.save?.());
  const other = denseEncoder({ ...TRAINED, stream: [2] });
  await other.restore?.(saved);
  await joined.train?.(inputs, gradient, 3);
  await other.train?.(inputs, gradient, 3);
  t.same(await other.save?.(), await joined.save?.(), 'a restored one goes on to the bit');
  await t.rejects(denseEncoder({ ...TRAINED, width: 3 }).restore!(saved), { code: 'BTM_SHAPE' });
  await t.rejects(joined.respond(inputs.subarray(1), 3), { code: 'BTM_SHAPE' });
  await t.rejects(joined.train!(inputs, gradient.subarray(1), 3), { code: 'BTM_SHAPE' });
  t.same(await joined.respond(new Float32Array(0), 0), new Float32Array(0));
});

t.test('plain functions are models, and a layers model of the wrong shape is refused', async (t) => {
  const seen: Float32Array[] = [];
  const model = plainModel({ inputWidth: 2, width: 1, respond: (x, n) => x.slice(0, n), train: (_, gradient) => void seen.push(gradient) });
  t.same(await model.respond(new Float32Array([3, 4]), 1), new Float32Array([3]));
  await model.train?.(new Float32Array(2), new Float32Array([5]), 1);
  t.same(seen, [new Float32Array([5])]);
  t.equal(plainModel({ inputWidth: 1, width: 1, respond: (x) => x }).train, undefined);
  const wrong = { inputWidth: 0, width: 1.5, respond: 1 };
  const codes = { inputWidth: 'BTM_DOMAIN', width: 'BTM_TYPE', respond: 'BTM_TYPE' };
  for (const argument of ['inputWidth', 'width', 'respond'] as const) {
    const options = { inputWidth: 1, width: 1, respond: (x: Float32Array) => x, [argument]: wrong[argument] };
    t.throws(() => plainModel(options as never), { code: codes[argument], argument }, argument);
  }

  const { tf } = await loadTensorflow('tfjs-wasm');
  const image = tf.sequential({ layers: [tf.layers.flatten({ inputShape: [2, 2] })] });
  t.throws(() => layersModel({ tf, model: image, learningRate: 1e-3 }), { code: 'BTM_SHAPE', argument: 'model' });
});

t.test('samples without classes have no labels to give', async (t) => {
  const labels = Int32Array.of(1, 0);
  const inputs = new Float32Array(4);
  t.equal(labelsOf({ size: 2, inputs, targets: { loss: 'softmaxCrossEntropy', labels } }), labels);
  const targets = { loss: 'squaredError', targets: new Float64Array(2) } as const;
  t.throws(() => labelsOf({ size: 2, inputs, targets }), { code: 'BTM_DOMAIN', argument: 'samples' });
});
