/**
 * Models that run in onnxruntime-node as peers: each answers a batch, a head of yours turns the answers into logits, and the measure says
 * what each model is worth to it. The two models are made here, one matrix each; `node onnx-models.mjs A.onnx B.onnx` takes your own,
 * with one input [batch, inputs] and one output [batch, width].
 *
 * Needs: `npm install onnxruntime-node`. Without it the example ends with code 3 and says so.
 */
import { EnvironmentError, removalScores } from 'intermodel';

const [BATCH, INPUTS, WIDTH] = [64, 4, 3];

/** The parts of the protobuf format that a one-operator model takes. */
const varint = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const field = (number, bytes) => [...varint((number << 3) | 2), ...varint(bytes.length), ...bytes];
const whole = (number, value) => [...varint(number << 3), ...varint(value)];
const text = (number, value) => field(number, [...Buffer.from(value)]);
const tensorType = (...shape) =>
  field(1, [
    ...whole(1, 1),
    ...field(
      2,
      shape.flatMap((size) => field(1, whole(1, size))),
    ),
  ]);
const valueInfo = (name, ...shape) => [...text(1, name), ...field(2, tensorType(...shape))];

/** An ONNX model that multiplies its input by a matrix [inputs, width]. */
function matrixModel(matrix) {
  const data = new Uint8Array(Float32Array.from(matrix).buffer);
  const initializer = [...whole(1, INPUTS), ...whole(1, WIDTH), ...whole(2, 1), ...text(8, 'w'), ...field(9, data)];
  const node = [...text(1, 'x'), ...text(1, 'w'), ...text(2, 'y'), ...text(4, 'MatMul')];
  const graph = [
    ...field(1, node),
    ...text(2, 'matrix'),
    ...field(5, initializer),
    ...field(11, valueInfo('x', BATCH, INPUTS)),
    ...field(12, valueInfo('y', BATCH, WIDTH)),
  ];
  return Uint8Array.from([...whole(1, 8), ...field(7, graph), ...field(8, whole(2, 13))]);
}

async function runtime() {
  try {
    const module = await import('onnxruntime-node');
    return module.default ?? module;
  } catch (error) {
    throw new EnvironmentError(
      'BTM_NO_PACKAGE',
      'this example runs ONNX models',
      [{ what: 'onnxruntime-node', reason: error.code ?? error.message }],
      ['npm install onnxruntime-node'],
    );
  }
}

async function main() {
  const { InferenceSession, Tensor } = await runtime();
  const own = process.argv.slice(2);
  const informed = Array.from({ length: INPUTS * WIDTH }, (_, k) => (Math.floor(k / WIDTH) === k % WIDTH ? 3 : 0)); // shows the first inputs
  const blind = new Array(INPUTS * WIDTH).fill(0.01);
  const models = own.length > 0 ? own : [matrixModel(informed), matrixModel(blind)];
  const inputs = Float32Array.from({ length: BATCH * INPUTS }, (_, k) => Math.sin(k * 1.7));
  const answers = [];
  for (const model of models) {
    const session = await InferenceSession.create(model);
    const feeds = { [session.inputNames[0]]: new Tensor('float32', inputs, [BATCH, INPUTS]) };
    answers.push((await session.run(feeds))[session.outputNames[0]].data);
  }
  const [peers, width] = [models.length, answers[0].length / BATCH];
  const responses = Float64Array.from({ length: BATCH * peers * width }, (_, k) => {
    const [sample, peer, number] = [Math.floor(k / (peers * width)), Math.floor(k / width) % peers, k % width];
    return answers[peer][sample * width + number];
  });
  const weights = Float64Array.from({ length: width * peers * width }, (_, k) => (Math.floor(k / (peers * width)) === k % width ? 1 : 0));
  const head = { layers: [{ weights, bias: new Float64Array(width), activation: 'identity' }] };
  const { scores } = removalScores({ head, responses, batch: BATCH, peers, width, estimator: 'relativeEntropy', reduction: 'mean' });
  for (const [peer, score] of scores.entries()) console.log(`model ${peer}: ${score.toFixed(4)} nats`);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = error instanceof EnvironmentError ? 3 : 1;
});
