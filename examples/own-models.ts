/**
 * Three models of your own in one network: two plain functions and a tensorflow.js layers model. Each asks the others about its samples and trains on the answers;
 * then the first measures what each is worth to it.
 *
 * Run: `node lib/examples/own-models.js`
 */
import { createBackend } from '../src/backend/index.js';
import { RandomStream } from '../src/core/random.js';
import { removalScores } from '../src/curvature.js';
import { askAll, denseEncoder, loadTensorflow, Participant, plainModel, trainRound } from '../src/participant/index.js';

const [PIXELS, WIDTH, SAMPLES, ROUNDS, SEED] = [6, 3, 200, 200, 1];
const backend = createBackend({ kind: 'native' });
const { tf } = await loadTensorflow();

/** Samples of three classes: the class is the largest of the first three inputs. */
function shardOf(owner: number) {
  const source = new RandomStream(SEED, owner);
  const inputs = Float32Array.from({ length: SAMPLES * PIXELS }, () => source.uniform());
  const labels = Int32Array.from({ length: SAMPLES }, (_, s) => {
    const [a, b, c] = inputs.subarray(s * PIXELS, s * PIXELS + 3);
    return a! >= b! && a! >= c! ? 0 : b! >= c! ? 1 : 2;
  });
  return { samples: SAMPLES, pixels: PIXELS, inputs, labels };
}

/** Answers with WIDTH of the inputs, from `first` on. */
const window = (first: number) =>
  plainModel({
    inputWidth: PIXELS,
    width: WIDTH,
    respond: (x, batch) =>
      Float32Array.from({ length: batch * WIDTH }, (_, k) => x[Math.floor(k / WIDTH) * PIXELS + first + (k % WIDTH)]! * 4 - 2),
  });

const dense = (stream: number) =>
  denseEncoder({
    tf,
    inputWidth: PIXELS,
    hidden: [8],
    width: WIDTH,
    activation: 'tanh',
    outputActivation: 'tanh',
    learningRate: 3e-3,
    seed: SEED,
    stream: [stream],
  });

const names = ['informed (plain function)', 'uninformed (plain function)', 'learning (tensorflow.js)'];
const encoders = [window(0), window(3), dense(10)];
const settings = {
  peers: 3,
  width: WIDTH,
  classes: 3,
  headHidden: 8,
  headRate: 1e-2,
  gateRate: 1e-2,
  weightDecay: 0.5,
  seed: SEED,
  backend,
};
const participants = encoders.map(
  (encoder, index) =>
    new Participant({ index, name: names[index]!, role: 'generalist', shard: shardOf(index), encoder, proxy: dense(20 + index) }, settings),
);
const open = new Float64Array(9).fill(1); // no ledger here: every answer passes unmasked
for (let round = 0; round < ROUNDS; round++) await trainRound(participants, 32, open, WIDTH);

const { inputs, labels } = shardOf(99);
const responses = await askAll(participants, inputs, SAMPLES, WIDTH);
const head = participants[0]!.head.parameters;
const { scores } = removalScores({ head, responses, labels, batch: SAMPLES, peers: 3, width: WIDTH, reduction: 'mean', backend });
for (const [peer, name] of names.entries()) console.log(`${name.padEnd(28)} ${scores[peer]!.toFixed(4)}`);
for (const participant of participants) participant.dispose();
