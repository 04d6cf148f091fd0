/**
 * Removal scores (Gauss-Newton, softmax cross-entropy, summed over the batch): the package against the same estimator written for
 * tensorflow.js on its wasm backend. All contenders of a case run interleaved in one process; the answers are compared first, and
 * native backends must agree with each other to the bit.
 */
import type * as tensorflow from '@tensorflow/tfjs';
import { createBackend, loadAddon } from '../src/backend/index.js';
import { RandomStream } from '../src/core/random.js';
import { removalScores } from '../src/curvature.js';
import type { Activation, Head } from '../src/head.js';
import { loadTensorflow } from '../src/participant/models/tensorflow.js';

const SEED = 20261122;
const ROUNDS = 15;
const LONG_ROUNDS = 7; // where the rival takes seconds
const { tf, version } = await loadTensorflow('tfjs-wasm');

interface Case {
  readonly batch: number;
  readonly peers: number;
  readonly width: number;
  readonly hidden: number;
  readonly outputs: number;
}

interface Contender {
  readonly name: string;
  readonly run: () => ArrayLike<number>;
}

const CASES: readonly Case[] = [
  { batch: 1024, peers: 16, width: 64, hidden: 0, outputs: 10 },
  { batch: 1024, peers: 16, width: 64, hidden: 128, outputs: 10 },
  { batch: 4096, peers: 8, width: 64, hidden: 0, outputs: 10 },
  { batch: 512, peers: 64, width: 64, hidden: 0, outputs: 1000 },
];

/** One dense layer in tensors: the first one split by peer. */
interface Tensors {
  readonly responses: tensorflow.Tensor3D; // [batch, peers, width]
  readonly first: tensorflow.Tensor3D; // [peers, width, outputs]
  readonly bias: tensorflow.Tensor1D;
  readonly second?: { readonly weights: tensorflow.Tensor2D; readonly bias: tensorflow.Tensor1D };
}

/** sum_b p.(u - p.u)^2 for every peer, from directions u [peers, batch, outputs] and logits [batch, outputs]. */
function forms(u: tensorflow.Tensor3D, logits: tensorflow.Tensor2D): ArrayLike<number> {
  const p = tf.softmax(logits).expandDims(0);
  const centred = u.sub(u.mul(p).sum(-1, true));
  return centred.square().mul(p).sum([1, 2]).dataSync();
}

/** Runs a computation and frees its tensors. */
function inTidy(body: () => ArrayLike<number>): ArrayLike<number> {
  let result: ArrayLike<number> = [];
  tf.tidy(() => {
    result = body();
  });
  return result;
}

/** One batched product over the peers; the fastest of the forms tried (also: one product per peer, einsum). */
function batchedProduct({ responses, first, bias, second }: Tensors): ArrayLike<number> {
  return inTidy(() => {
    const parts = tf.matMul(responses.transpose([1, 0, 2]), first) as tensorflow.Tensor3D; // [peers, batch, outputs]
    const z = parts.sum(0).add(bias) as tensorflow.Tensor2D;
    if (second === undefined) return forms(parts, z);
    const hidden = z.tanh();
    const slope = tf.sub(1, hidden.square()).expandDims(0);
    const [peers, batch, units] = parts.shape;
    const moved = parts.mul(slope).reshape([peers * batch, units]) as tensorflow.Tensor2D;
    const u = moved.matMul(second.weights).reshape([peers, batch, -1]) as tensorflow.Tensor3D;
    return forms(u, hidden.matMul(second.weights).add(second.bias) as tensorflow.Tensor2D);
  });
}

/** One product per peer, stacked. */
function productPerPeer(tensors: Tensors): ArrayLike<number> {
  const { responses, first, bias } = tensors;
  return inTidy(() => {
    const [batch, peers, width] = responses.shape;
    const parts = Array.from({ length: peers }, (_, i) =>
      responses
        .slice([0, i, 0], [batch, 1, width])
        .reshape([batch, width])
        .matMul(first.slice([i], [1]).squeeze([0])),
    );
    const u = tf.stack(parts) as tensorflow.Tensor3D;
    return forms(u, tf.addN(parts).add(bias) as tensorflow.Tensor2D);
  });
}

function randomHead(random: RandomStream, size: Case): Head {
  const widths = size.hidden === 0 ? [size.peers * size.width, size.outputs] : [size.peers * size.width, size.hidden, size.outputs];
  const activations: Activation[] = size.hidden === 0 ? ['identity'] : ['tanh', 'identity'];
  const normals = (count: number, scale: number) => Float64Array.from({ length: count }, () => scale * random.normal());
  const layers = activations.map((activation, l) => ({
    weights: normals(widths[l] * widths[l + 1], 1 / Math.sqrt(widths[l])),
    bias: normals(widths[l + 1], 0.1),
    activation,
  }));
  return { layers };
}

function tensorsOf(head: Head, responses: Float64Array, size: Case): Tensors {
  const transposed = (weights: ArrayLike<number>, rows: number, columns: number) =>
    tf.tensor2d(Float32Array.from(weights), [rows, columns]).transpose() as tensorflow.Tensor2D;
  const [one, two] = head.layers;
  const inputs = size.peers * size.width;
  const units = one.bias.length;
  const tensors: Tensors = {
    responses: tf.tensor3d(Float32Array.from(responses), [size.batch, size.peers, size.width]),
    first: transposed(one.weights, units, inputs).reshape([size.peers, size.width, units]) as tensorflow.Tensor3D,
    bias: tf.tensor1d(Float32Array.from(one.bias)),
  };
  if (two === undefined) return tensors;
  const second = { weights: transposed(two.weights, two.bias.length, units), bias: tf.tensor1d(Float32Array.from(two.bias)) };
  return { ...tensors, second };
}

/** Fastest first, within the set that this machine has. */
function nativeContenders(head: Head, responses: Float64Array, size: Case): Contender[] {
  const { isas, bestIsa } = loadAddon().addon.describe() as { isas: Record<string, string>; bestIsa?: string };
  const names = Object.keys(isas).filter((isa) => isas[isa] === 'available' && isa !== 'scalar');
  const engines = names.flatMap((isa) => [1, 2].map((threads) => ({ isa, threads })));
  return engines.map(({ isa, threads }) => {
    const backend = createBackend({ kind: 'native', isa, threads });
    const call = { head, responses, batch: size.batch, peers: size.peers, width: size.width, backend };
    const mark = isa === bestIsa ? ' (default)' : '';
    return { name: `native ${isa}${mark}, ${threads} thread${threads === 1 ? '' : 's'}, f64`, run: () => removalScores(call).scores };
  });
}

function check(contenders: readonly Contender[]): number {
  const answers = contenders.map(({ run }) => run());
  const [exact] = answers;
  const largest = Math.max(...Array.from(exact, Math.abs));
  let worst = 0;
  answers.forEach((answer, k) => {
    for (let i = 0; i < exact.length; i++) {
      const error = Math.abs(answer[i] - exact[i]) / largest;
      const allowed = contenders[k].name.startsWith('native') ? 0 : 1e-3;
      if (!(error <= allowed)) throw new Error(`${contenders[k].name}: ${answer[i]} is not ${exact[i]} for peer ${i}; nothing was timed`);
      worst = Math.max(worst, error);
    }
  });
  return worst;
}

/** Milliseconds of every round, sorted, for each contender; the contenders take turns. */
function time(contenders: readonly Contender[], rounds: number): number[][] {
  const samples = contenders.map((): number[] => []);
  for (let round = -2; round < rounds; round++) {
    contenders.forEach(({ run }, k) => {
      const start = performance.now();
      run();
      if (round >= 0) samples[k].push(performance.now() - start);
    });
  }
  return samples.map((times) => times.sort((a, b) => a - b));
}

function runCase(size: Case, index: number): void {
  const random = new RandomStream(SEED, index);
  const responses = Float64Array.from({ length: size.batch * size.peers * size.width }, () => random.normal());
  const head = randomHead(random, size);
  const tensors = tensorsOf(head, responses, size);
  const rivals = [{ name: 'tfjs wasm, batched product, f32', run: () => batchedProduct(tensors) }];
  if (size.hidden === 0 && size.peers <= 16) rivals.push({ name: 'tfjs wasm, product per peer, f32', run: () => productPerPeer(tensors) });
  const contenders = [...nativeContenders(head, responses, size), ...rivals];
  const worst = check(contenders);
  const rounds = size.outputs >= 1000 ? LONG_ROUNDS : ROUNDS;
  const times = time(contenders, rounds);
  const median = (k: number) => times[k][rounds >> 1];
  const rival = Math.min(...contenders.map(({ name }, k) => (name.startsWith('tfjs') ? median(k) : Number.POSITIVE_INFINITY)));
  const { batch, peers, width, hidden, outputs } = size;
  process.stdout.write(
    `\nB=${batch} n=${peers} d=${width}${hidden > 0 ? ` h=${hidden} tanh` : ''} C=${outputs}; f32 differs by ${worst.toExponential(1)} of the largest score\n`,
  );
  contenders.forEach(({ name }, k) => {
    const [low, high] = [times[k][rounds >> 2], times[k][rounds - 1 - (rounds >> 2)]];
    const best = times[k][0].toFixed(3);
    const ratio = name.startsWith('native') ? `   ${(rival / median(k)).toFixed(1)} times faster than the best rival` : '';
    process.stdout.write(
      `  ${name.padEnd(38)} ${median(k).toFixed(3).padStart(9)} ms  (quartiles ${low.toFixed(3)} to ${high.toFixed(3)}, best ${best})${ratio}\n`,
    );
  });
  tf.disposeVariables();
}

process.stdout.write(
  `seed ${SEED}, ${ROUNDS} interleaved rounds (${LONG_ROUNDS} for the largest case), medians; tfjs ${version} wasm (SIMD, one thread), node ${process.version}\n`,
);
process.stdout.write('native times include validation of every number and allocation of the result; tfjs tensors are built beforehand\n');
CASES.forEach(runCase);
