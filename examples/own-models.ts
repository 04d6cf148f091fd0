/**
 * Three models of your own in one network: two plain functions and a tensorflow.js layers model. Each asks the others about its samples and trains on the answers,
 * measures what each is worth to it, and writes that to a ledger; here is what the first measured, and what the ledger pays.
 *
 * Run: `node lib/examples/own-models.js`
 */
import { createBackend } from '../src/backend/index.js';
import { RandomStream } from '../src/core/random.js';
import {
  denseEncoder,
  layersModel,
  loadTensorflow,
  Participant,
  participantSettings,
  plainModel,
  type ResponseModel,
  resolveSettings,
  runLocally,
  type Samples,
} from '../src/index-participant.js';

const [PIXELS, WIDTH, SAMPLES, ROUNDS, SEED] = [6, 3, 200, 200, 1];
const backend = createBackend({ kind: 'native' });
const { tf } = await loadTensorflow();

/** Samples of three classes: the class is the largest of the first three inputs. */
function samplesOf(owner: number): Samples {
  const source = new RandomStream(SEED, owner);
  const inputs = Float32Array.from({ length: SAMPLES * PIXELS }, () => source.uniform());
  const labels = Int32Array.from({ length: SAMPLES }, (_, s) => {
    const [a, b, c] = inputs.subarray(s * PIXELS, s * PIXELS + 3);
    return a! >= b! && a! >= c! ? 0 : b! >= c! ? 1 : 2;
  });
  return { size: SAMPLES, inputs, targets: { loss: 'softmaxCrossEntropy', labels } };
}

/** Answers with WIDTH of the inputs, from `first` on. */
const window = (first: number) =>
  plainModel({
    inputWidth: PIXELS,
    width: WIDTH,
    respond: (x, batch) =>
      Float32Array.from({ length: batch * WIDTH }, (_, k) => x[Math.floor(k / WIDTH) * PIXELS + first + (k % WIDTH)]! * 4 - 2),
  });

/** A layers model as you would write it, served by an adapter that trains it on the gradients its askers return. */
const layers = tf.sequential({
  layers: [
    tf.layers.dense({
      units: 8,
      activation: 'tanh',
      inputShape: [PIXELS],
      kernelInitializer: tf.initializers.glorotNormal({ seed: SEED }),
    }),
    tf.layers.dense({ units: WIDTH, activation: 'tanh', kernelInitializer: tf.initializers.glorotNormal({ seed: SEED }) }),
  ],
});

const proxy = (index: number) =>
  denseEncoder({
    ...{ inputWidth: PIXELS, hidden: [8], width: WIDTH, activation: 'tanh', outputActivation: 'tanh' },
    ...{ learningRate: 3e-3, seed: SEED, stream: [20 + index], backend },
  });

const names = ['informed (plain function)', 'uninformed (plain function)', 'learning (tensorflow.js)'];
const encoders = [window(0), window(3), layersModel({ tf, model: layers, learningRate: 3e-3 })];
const settings = resolveSettings({
  ...{ participants: 3, width: WIDTH, rounds: ROUNDS, batch: 32, headHidden: 8, headRate: 1e-2, weightDecay: 0.5, validation: SAMPLES },
});
const member = (encoder: ResponseModel, index: number) => () => ({
  participant: new Participant(
    { index, name: names[index]!, data: samplesOf(index), encoder, proxy: proxy(index) },
    participantSettings(settings, { outputs: 3, seed: SEED, backend }),
  ),
  validation: samplesOf(100 + index),
});

const { results, ledgerRanking } = await runLocally({ members: encoders.map(member), settings, seed: SEED, backend });
const { ideal } = results[0]!.measurement;
for (const [peer, name] of names.entries()) {
  console.log(`${name.padEnd(28)} ${ledgerRanking[peer]!.toFixed(1)} tokens of rank, to the first ${ideal[peer]!.toFixed(4)}`);
}
