/**
 * The sparse gate of a participant: G(x) = sum over its k chosen peers of g_j(x) f_j(x). Scores are a linear map of a context that the participant has before it
 * asks anybody; noise with a trained scale lets peers outside the k best be tried; the balance loss keeps requests from piling up on few.
 */
import type { Backend } from '../backend/index.js';
import { InputError } from '../core/errors.js';
import { checkInteger, checkNonNegative } from '../core/validate.js';
import { gate, gateBalance, gateGradient, noisyScores, noisyScoresGradient } from '../gating.js';
import type { AdamOptions } from './adam.js';
import { DenseNet } from './dense_net.js';

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
  readonly stream: number;
  readonly backend?: Backend;
}

/** Whom to ask for each sample. */
export interface GateChoice {
  readonly batch: number;
  /** `[batch, contextWidth]` */
  readonly context: Float64Array;
  /** Scores the choice was made from, `[batch, peers]`, noise included. */
  readonly scores: Float64Array;
  /** Draws of the noise; null where there was none. */
  readonly draws: Float64Array | null;
  /** Noise logits `[batch, peers]`; null where there was none. */
  readonly noise: Float64Array | null;
  /** `[batch, k]`, best first. */
  readonly selected: Int32Array;
}

/** A mixture of responses, and the shares that made it. */
export interface GateMixture {
  /** G(x) `[batch, width]`; zero where none of the chosen answered. */
  readonly mixture: Float64Array;
  /** g(x) `[batch, peers]`; exactly zero outside the chosen that answered. */
  readonly shares: Float64Array;
}

/** Trainable top-k gate. Its weights start at zero: every peer is as good as any other. */
export class SparseGate {
  readonly #scores: DenseNet;
  readonly #noise: DenseNet | null;
  readonly #open: Int32Array;
  #step = 0;

  constructor(readonly options: SparseGateOptions) {
    const { peers, contextWidth, closed, noise } = options;
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
      const noisy = noisyScores({ scores, noise, seed, stream: stream * 2 ** 26 + this.#step, batch, peers });
      scores = noisy.scores;
      draws = noisy.draws;
    }
    const { selected } = gate({ scores, k, answered: this.#open, batch, peers });
    return { batch, context, scores, draws, noise, selected };
  }

  /**
   * Mixes what came back.
   * @param responses `[batch, peers, width]`
   * @param answered `[batch, peers]`, 1 where a chosen peer (or its student) answered
   */
  mix(choice: GateChoice, responses: Float64Array, answered: Int32Array): GateMixture {
    const { peers, k } = this.options;
    const { batch } = choice;
    const shares = sharesOver(choice, answered, k, peers);
    const width = responses.length / Math.max(1, batch * peers);
    const mixture = new Float64Array(batch * width);
    for (let at = 0; at < batch * peers; at++) {
      if (shares[at] === 0) continue;
      const row = Math.floor(at / peers) * width;
      for (let m = 0; m < width; m++) mixture[row + m] += shares[at] * responses[at * width + m];
    }
    return { mixture, shares };
  }

  /**
   * One training step on dL/dG `[batch, width]`, which is the participant's own loss; the balance loss is added to it.
   * @returns dL/dF `[batch, peers, width]` through the gate
   */
  learn(choice: GateChoice, responses: Float64Array, shares: Float64Array, gradient: Float64Array): Float64Array {
    const { peers, k, balance } = this.options;
    const { batch, scores } = choice;
    const width = gradient.length / batch;
    const worth = new Float64Array(batch * peers);
    const toPeers = new Float64Array(batch * peers * width);
    for (let at = 0; at < batch * peers; at++) {
      if (shares[at] === 0) continue;
      const row = Math.floor(at / peers) * width;
      for (let m = 0; m < width; m++) {
        worth[at] += gradient[row + m] * responses[at * width + m];
        toPeers[at * width + m] = shares[at] * gradient[row + m];
      }
    }
    const slopes = gateGradient({ weights: shares, gradient: worth, batch, peers });
    if (balance > 0) {
      const { gradient: even } = gateBalance({ scores, k, answered: this.#open, batch, peers });
      for (let at = 0; at < slopes.length; at++) slopes[at] += balance * even[at];
    }
    if (choice.noise !== null && choice.draws !== null && this.#noise !== null) {
      const noiseSlopes = noisyScoresGradient({ noise: choice.noise, draws: choice.draws, gradient: slopes });
      this.#noise.learn(choice.context, noiseSlopes, batch);
    }
    this.#scores.learn(choice.context, slopes, batch);
    this.#step += 1;
    return toPeers;
  }
}

/** Shares over the chosen that answered; a row of zeros where none of them did. */
function sharesOver(choice: GateChoice, answered: Int32Array, k: number, peers: number): Float64Array {
  const { batch, selected } = choice;
  const present = new Int32Array(batch * peers);
  const silent: number[] = [];
  for (let b = 0; b < batch; b++) {
    let any = false;
    for (let slot = 0; slot < k; slot++) {
      const at = b * peers + selected[b * k + slot];
      present[at] = answered[at];
      any ||= answered[at] !== 0;
    }
    if (any) continue;
    silent.push(b);
    present[b * peers + selected[b * k]] = 1; // stands in for the softmax alone; its share is taken back below
  }
  const { weights } = gate({ scores: choice.scores, k, answered: present, batch, peers });
  for (const b of silent) weights.fill(0, b * peers, (b + 1) * peers);
  return weights;
}

/** Sizes that decide what one batch costs a participant in outward bytes. */
export interface BroadcastCost {
  readonly batch: number;
  /** Numbers per sample that a peer is asked with. */
  readonly inputWidth: number;
  /** Numbers per response. */
  readonly width: number;
  /** Whether gradients go back, together with the inputs they belong to. */
  readonly backward: boolean;
  /** Bytes per number on the wire. Default 4. */
  readonly bytesPerNumber?: number;
}

/** Outward payload bytes of asking one peer about every sample of one batch. */
export function bytesPerPeer(cost: BroadcastCost): number {
  const { batch, inputWidth, width, backward, bytesPerNumber = 4 } = cost;
  return batch * (inputWidth + (backward ? inputWidth + width : 0)) * bytesPerNumber;
}

/** The largest k that keeps one batch within an outward budget in bytes. */
export function peersWithinBudget(budget: number, cost: BroadcastCost, peers: number): number {
  checkNonNegative('budget', budget);
  const k = Math.min(peers, Math.floor(budget / bytesPerPeer(cost)));
  if (k >= 1) return k;
  throw new InputError('BTM_DOMAIN', `does not pay for one peer: one batch to one peer takes ${bytesPerPeer(cost)} bytes`, {
    argument: 'budget',
    value: budget,
    remedy: 'Raise the budget or make the batch smaller.',
  });
}
