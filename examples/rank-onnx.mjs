/**
 * Ranks ONNX models by their answers to one data set, with no head given: each model answers in onnxruntime-node, `rankPool` fits a head over the
 * answers and says what each model is worth. The models are made here, a matrix each: one sees the first input, one the second, one
 * an input that has nothing to do with the labels.
 * `node rank-onnx.mjs inputs.npy labels.npy A.onnx B.onnx ...` takes your own, with one input [batch, inputs] and one output [batch, width].
 *
 * Needs: `npm install onnxruntime-node`. Without it the example ends with code 3 and says so.
 */
import { basename } from 'node:path';
import { EnvironmentError, rankPool } from 'intermodel';
import { readNpy } from 'intermodel/data';
import { matrixModel, runtime } from './onnx-runtime.mjs';

/** What a model answers to every row of a data set, some rows at a time: [samples, width]. */
async function answersOf({ InferenceSession, Tensor }, model, { data, samples, inputs }) {
  const session = await InferenceSession.create(model);
  const parts = [];
  for (let first = 0; first < samples; first += 256) {
    const rows = data.slice(first * inputs, Math.min(samples, first + 256) * inputs);
    const feeds = { [session.inputNames[0]]: new Tensor('float32', rows, [rows.length / inputs, inputs]) };
    parts.push((await session.run(feeds))[session.outputNames[0]].data);
  }
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

/** Points in space, whose class is told by the first two coordinates, up to some noise; the third has nothing to do with it. */
function points(samples) {
  const random = (k) => 2 * ((Math.sin(12.9898 * (k + 1)) * 43758.5453) % 1);
  const data = Float32Array.from({ length: 3 * samples }, (_, k) => random(k));
  const labels = Int32Array.from({ length: samples }, (_, s) => (data[3 * s] + data[3 * s + 1] + random(3 * samples + s) > 0 ? 1 : 0));
  return { data, samples, inputs: 3, labels };
}

async function ownData([inputsPath, labelsPath]) {
  const { shape, data } = await readNpy(inputsPath);
  const labels = Int32Array.from((await readNpy(labelsPath)).data, Number);
  return { data: Float32Array.from(data, Number), samples: shape[0], inputs: data.length / shape[0], labels };
}

async function main() {
  const ort = await runtime();
  const [inputsPath, labelsPath, ...paths] = process.argv.slice(2);
  const set = inputsPath === undefined ? points(600) : await ownData([inputsPath, labelsPath]);
  const made = { first: [-1, 1, 0, 0, 0, 0], second: [0, 0, -1, 1, 0, 0], unrelated: [0, 0, 0, 0, -1, 1] };
  const models =
    paths.length > 0
      ? paths.map((path) => [basename(path, '.onnx'), path])
      : Object.entries(made).map(([name, matrix]) => [name, matrixModel(matrix, 3, 2)]);
  const pool = [];
  for (const [name, model] of models) pool.push({ name, answers: await answersOf(ort, model, set) });
  const { models: ranked } = await rankPool({ models: pool, labels: set.labels });
  for (const { name, worth, verdict } of ranked.sort((a, b) => a.position - b.position)) {
    console.log(`${name}: worth ${worth.value.toFixed(4)} (${worth.low.toFixed(4)} to ${worth.high.toFixed(4)}) nats, ${verdict.text}`);
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = error instanceof EnvironmentError ? 3 : 1;
});
