/**
 * The sparse gate of a participant: G(x) = sum over its k chosen peers of g_j(x) f_j(x). Scores are a linear map of a context that the participant has before it
 * asks anybody; noise with a trained scale lets peers outside the k best be tried; the balance loss keeps requests from piling up on few.
 */
import type { Backend } from '../../backend/index.js';
import { checkInteger, checkNonNegative } from '../../core/validate.js';
import { gate, gateBalance, gateGradient, noisyScores, noisyScoresGradient } from '../../gating.js';
import type { AdamOptions } from '../models/adam.js';
import { DenseNet } from '../models/dense-net.js';
import { numberIn, partsOf, type Saved } from '../saved.js';
import { type GateChoice, type GateMixture, mixChosen, type TrainableGate, throughMixture } from './mixture.js';

/** How a gate chooses and learns. */
export interface SparseGateOptions {
  readonly peers: number;
  readonly contextWidth: number;
  /** Peers asked per sample. */
  readonly k: number;
  /** Peers that are never asked, for instance the participant itself. */
  readonly closed: readonly number[];
  /** Weight of the balance loss. */
  readonly balance: number;
  /** Starting standard deviation of the noise on the scores while training; 0 trains without noise. */
  readonly noise: number;
  readonly optimiser: AdamOptions;
  readonly seed: number;
  /** Names this gate's noise among all that is drawn from the seed. */
  readonly stream: readonly number[];
  readonly backend?: Backend;
}

/** One number for a stream of small indices; a step counter fits below it. */
function streamNumber(stream: readonly number[]): number {
  return stream.reduce((number, index) => 256 * number + checkInteger('stream', index, 0, 255), 0);
}

/** Trainable top-k gate. Its weights start at zero: every peer is as good as any other. */
export class SparseGate implements TrainableGate {
  readonly #scores: DenseNet;
  readonly #noise: DenseNet | null;
  readonly #open: Int32Array;
  readonly #backend: { readonly backend?: Backend };
  #step = 0;

  constructor(readonly options: SparseGateOptions) {
    const { peers, contextWidth, closed, noise } = options;
    this.#backend = options.backend === undefined ? {} : { backend: options.backend };
    checkInteger('k', options.k, 1, peers - closed.length);
    checkNonNegative('balance', options.balance);
    checkNonNegative('noise', noise);
    const linear = (bias: number): DenseNet => {
      const weights = new Float64Array(peers * contextWidth);
      return new DenseNet(
        [{ weights, bias: new Float64Array(peers).fill(bias), activation: 'identity' }],
        options.optimiser,
        options.backend,
      );
    };
    this.#scores = linear(0);
    this.#noise = noise === 0 ? null : linear(Math.log(Math.expm1(noise))); // softplus of it is `noise`
    this.#open = new Int32Array(peers).fill(1);
    for (const peer of closed) this.#open[peer] = 0;
  }

  /** Chooses for a batch of contexts `[batch, contextWidth]`; with noise while training. */
  choose(context: Float64Array, batch: number, training: boolean): GateChoice {
    const { peers, k, seed, stream } = this.options;
    let scores = this.#scores.forward(context, batch);
    let draws: Float64Array | null = null;
    let noise: Float64Array | null = null;
    if (training && this.#noise !== null) {
      noise = this.#noise.forward(context, batch);
      const noisy = noisyScores({
        scores,
        noise,
        seed,
        stream: streamNumber(stream) * 2 ** 26 + this.#step,
        batch,
        peers,
        ...this.#backend,
      });
      scores = noisy.scores;
      draws = noisy.draws;
    }
    const { selected } = gate({ scores, k, answered: this.#open, batch, peers, ...this.#backend });
    return { batch, context, scores, draws, noise, selected };
  }

  mix(choice: GateChoice, responses: Float64Array, answered: Int32Array): GateMixture {
    return mixChosen(choice, responses, answered, this.options.peers, this.options.backend);
  }

  save(): Saved {
    return { step: this.#step, scores: this.#scores.save(), ...(this.#noise === null ? {} : { noise: this.#noise.save() }) };
  }

  restore(saved: Saved): void {
    const parts = partsOf(saved);
    this.#scores.restore(parts['scores'] ?? {});
    this.#noise?.restore(parts['noise'] ?? {});
    this.#step = numberIn(parts, 'step');
  }

  /** The balance loss is added to the participant's own. */
  learn(choice: GateChoice, responses: Float64Array, shares: Float64Array, gradient: Float64Array): Float64Array {
    const { peers, k, balance } = this.options;
    const { batch, scores } = choice;
    const { worth, toPeers } = throughMixture(responses, shares, gradient, batch);
    const slopes = gateGradient({ weights: shares, gradient: worth, batch, peers, ...this.#backend });
    if (balance > 0) {
      const { gradient: even } = gateBalance({ scores, k, answered: this.#open, batch, peers, ...this.#backend });
      for (let at = 0; at < slopes.length; at++) slopes[at] += balance * even[at];
    }
    if (choice.noise !== null && choice.draws !== null && this.#noise !== null) {
      const noiseSlopes = noisyScoresGradient({ noise: choice.noise, draws: choice.draws, gradient: slopes, ...this.#backend });
      this.#noise.learn(choice.context, noiseSlopes, batch);
    }
    this.#scores.learn(choice.context, slopes, batch);
    this.#step += 1;
    return toPeers;
  }
}
