/**
 * An encoder in tensorflow.js trained through a head in the native core: tensorflow.js computes the response, intermodel the loss of the
 * head and its gradient with respect to the response, tensorflow.js carries that back. What the encoder is worth is measured before and after.
 *
 * Needs: `npm install @tensorflow/tfjs @tensorflow/tfjs-backend-wasm`
 * Run: `node tfjs-training.mjs`
 */
import { headGradient, removalScores } from 'intermodel';
import { loadTensorflow } from 'intermodel/participant';

const { tf, name } = await loadTensorflow();
const [BATCH, INPUTS, WIDTH, CLASSES, PEERS] = [128, 6, 4, 3, 2];

// Three classes: the class is the largest of the first three inputs. A small generator makes every run the same.
let word = 7;
const next = () => {
  word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
  return word / 2 ** 32;
};
const inputs = Float32Array.from({ length: BATCH * INPUTS }, next);
const labels = Int32Array.from({ length: BATCH }, (_, s) => {
  const [a, b, c] = inputs.subarray(s * INPUTS, s * INPUTS + 3);
  return a >= b && a >= c ? 0 : b >= c ? 1 : 2;
});
const noise = Float64Array.from({ length: BATCH * WIDTH }, () => next() - 0.5); // the second peer answers noise
const normal = (length) => Float64Array.from({ length }, () => (next() - 0.5) * 0.6);
const head = { layers: [{ weights: normal(CLASSES * PEERS * WIDTH), bias: new Float64Array(CLASSES), activation: 'identity' }] };

const x = tf.tensor2d(inputs, [BATCH, INPUTS]);
const weights = tf.variable(tf.tensor2d(Float32Array.from(normal(INPUTS * WIDTH)), [INPUTS, WIDTH]));
const bias = tf.variable(tf.zeros([WIDTH]));
const encode = () => tf.tanh(tf.add(tf.matMul(x, weights), bias));
const optimizer = tf.train.adam(0.05);

/** Answers of both peers, [batch, peers, width]. */
function responsesOf(encoded) {
  const all = new Float64Array(BATCH * PEERS * WIDTH);
  for (let s = 0; s < BATCH; s++) {
    all.set(encoded.subarray(s * WIDTH, (s + 1) * WIDTH), s * PEERS * WIDTH);
    all.set(noise.subarray(s * WIDTH, (s + 1) * WIDTH), (s * PEERS + 1) * WIDTH);
  }
  return all;
}

/** One step of the head and of the encoder; returns the loss before it. */
async function train() {
  const encoded = tf.tidy(encode);
  const responses = responsesOf(await encoded.data());
  encoded.dispose();
  const gradient = headGradient({ head, responses, labels, batch: BATCH, peers: PEERS, width: WIDTH });
  const back = Float32Array.from({ length: BATCH * WIDTH }, (_, k) => gradient.responses[(k - (k % WIDTH)) * PEERS + (k % WIDTH)]);
  const carried = tf.tensor2d(back, [BATCH, WIDTH]);
  optimizer.minimize(() => tf.sum(tf.mul(encode(), carried))); // its gradient is the head's
  carried.dispose();
  const [layer] = head.layers;
  for (const part of ['weights', 'bias']) layer[part] = layer[part].map((w, k) => w - 0.5 * gradient.layers[0][part][k]);
  return gradient.loss;
}

async function worth() {
  const encoded = tf.tidy(encode);
  const responses = responsesOf(await encoded.data());
  encoded.dispose();
  return removalScores({ head, responses, labels, batch: BATCH, peers: PEERS, width: WIDTH, estimator: 'ablation', reduction: 'mean' })
    .scores;
}

const before = await worth();
const losses = [];
for (let round = 0; round < 150; round++) losses.push(await train());
const after = await worth();
console.log(`${name}: loss ${losses[0].toFixed(2)} -> ${losses.at(-1).toFixed(2)}`);
console.log(`worth of the encoder ${before[0].toFixed(2)} -> ${after[0].toFixed(2)}, of noise ${after[1].toFixed(2)}`);
if (!(losses.at(-1) < losses[0] / 2 && after[0] > after[1])) throw new Error('the encoder did not learn');
