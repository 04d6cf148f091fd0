import t from 'tap';
import { normals, uniforms } from '../../src/participant/draw.js';
import { denseEncoder, layersModel } from '../../src/participant/models/layers-model.js';
import { plainModel } from '../../src/participant/models/model.js';
import { loadTensorflow } from '../../src/participant/models/tensorflow.js';

t.setTimeout(280_000);

const SEED = 7;

t.test('an engine that cannot be loaded is an error listing what was tried', async (t) => {
  await t.resolves(loadTensorflow('tfjs-wasm'));
  const engine = await loadTensorflow();
  t.ok(engine.name === 'tfjs-node' || engine.attempts.some((attempt) => attempt.what === 'tfjs-node' && attempt.reason.length > 0));
});

t.test('a dense encoder follows from its seed, and computes the network it describes', async (t) => {
  const { tf } = await loadTensorflow('tfjs-wasm');
  const options = {
    tf,
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

t.test('training on dL/df lowers the loss, leaves the inputs alone and leaks no tensor', async (t) => {
  const { tf } = await loadTensorflow('tfjs-wasm');
  const model = denseEncoder({
    tf,
    inputWidth: 6,
    hidden: [8],
    width: 2,
    activation: 'tanh',
    outputActivation: 'linear',
    learningRate: 2e-2,
    seed: SEED,
    stream: [1],
  });
  const batch = 16;
  const inputs = Float32Array.from(uniforms(SEED, [2], batch * 6));
  const before = inputs.slice();
  const target = Float32Array.from({ length: batch * 2 }, (_, k) => (inputs[Math.floor(k / 2) * 6 + (k % 2)] > 0.5 ? 1 : -1));
  const losses: number[] = [];
  let tensors = 0;
  for (let step = 0; step < 60; step++) {
    const response = await model.respond(inputs, batch);
    const gradient = response.map((f, k) => (f - target[k]) / batch);
    losses.push(response.reduce((sum, f, k) => sum + (f - target[k]) ** 2, 0) / (2 * batch));
    await model.train?.(inputs, gradient, batch);
    if (step === 1) tensors = tf.memory().numTensors;
  }
  t.ok(losses[59] < 0.5 * losses[0], `loss fell from ${losses[0].toFixed(3)} to ${losses[59].toFixed(3)}`);
  t.equal(tf.memory().numTensors, tensors);
  t.same(inputs, before);
  model.dispose();
});

t.test('plain functions are models, and a layers model of the wrong shape is refused', async (t) => {
  const seen: Float32Array[] = [];
  const model = plainModel({ inputWidth: 2, width: 1, respond: (x, n) => x.slice(0, n), train: (_, gradient) => void seen.push(gradient) });
  t.same(await model.respond(new Float32Array([3, 4]), 1), new Float32Array([3]));
  await model.train?.(new Float32Array(2), new Float32Array([5]), 1);
  t.same(seen, [new Float32Array([5])]);
  t.equal(plainModel({ inputWidth: 1, width: 1, respond: (x) => x }).train, undefined);

  const { tf } = await loadTensorflow('tfjs-wasm');
  const image = tf.sequential({ layers: [tf.layers.flatten({ inputShape: [2, 2] })] });
  t.throws(() => layersModel({ tf, model: image, learningRate: 1e-3 }), { code: 'BTM_SHAPE', argument: 'model' });
});
