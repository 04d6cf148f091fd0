/**
 * Models that run in onnxruntime-node as peers: each answers a batch, a head of yours turns the answers into logits, and the measure says
 * what each model is worth to it. The two models are made here, one matrix each; `node onnx-models.mjs A.onnx B.onnx` takes your own,
 * with one input [batch, inputs] and one output [batch, width].
 *
 * Needs: `npm install onnxruntime-node`. Without it the example ends with code 3 and says so.
 */
import { EnvironmentError, removalScores } from 'intermodel';
import { matrixModel, runtime } from './onnx-runtime.mjs';

const [BATCH, INPUTS, WIDTH] = [64, 4, 3];

async function main() {
  const { InferenceSession, Tensor } = await runtime();
  const own = process.argv.slice(2);
  const informed = Array.from({ length: INPUTS * WIDTH }, (_, k) => (Math.floor(k / WIDTH) === k % WIDTH ? 3 : 0)); // shows the first inputs
  const blind = new Array(INPUTS * WIDTH).fill(0.01);
  const models = own.length > 0 ? own : [informed, blind].map((matrix) => matrixModel(matrix, INPUTS, WIDTH));
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
