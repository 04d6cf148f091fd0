/**
 * The dense gate of a participant: G(x) = sum_j g_j(x) F_j(x), with g(x) a softmax over peers of a linear map of the participant's own response.
 * The sparse and product-key gates are in src/gating.ts; this one asks everybody.
 */
import { exp } from '../core/arithmetic/index.js';
import { Adam, type AdamOptions } from './adam.js';

/** A mixture of responses and what its gradient needs. */
export interface GateMixture {
  /** G(x), `[batch, width]`. */
  readonly mixture: Float64Array;
  /** g(x), `[batch, peers]`, rows sum to 1. */
  readonly shares: Float64Array;
}

/** Trainable dense softmax gate. Starts uniform: all its parameters are zero. */
export class DenseGate {
  readonly #weights: Float64Array;
  readonly #bias: Float64Array;
  readonly #adam: Adam;

  /** @param closed peers that take no part, for instance the participant itself */
  constructor(
    readonly peers: number,
    readonly width: number,
    readonly contextWidth: number,
    readonly closed: ReadonlySet<number>,
    optimiser: AdamOptions,
  ) {
    this.#weights = new Float64Array(peers * contextWidth);
    this.#bias = new Float64Array(peers);
    this.#adam = new Adam([this.#weights, this.#bias], optimiser);
  }

  /** Mixes responses `[batch, peers, width]` by the context `[batch, contextWidth]`. */
  mix(context: Float64Array, responses: Float64Array, batch: number): GateMixture {
    const { peers, width } = this;
    const shares = new Float64Array(batch * peers);
    const mixture = new Float64Array(batch * width);
    for (let b = 0; b < batch; b++) {
      this.#shares(shares, context, b);
      for (let j = 0; j < peers; j++) {
        const share = shares[b * peers + j];
        for (let m = 0; m < width; m++) mixture[b * width + m] += share * responses[(b * peers + j) * width + m];
      }
    }
    return { mixture, shares };
  }

  /**
   * One training step on dL/dG `[batch, width]`.
   * @returns dL/dF `[batch, peers, width]` through the gate
   */
  learn(context: Float64Array, responses: Float64Array, mixed: GateMixture, gradient: Float64Array, batch: number): Float64Array {
    const { peers, width, contextWidth } = this;
    const weights = new Float64Array(peers * contextWidth);
    const bias = new Float64Array(peers);
    const toPeers = new Float64Array(batch * peers * width);
    for (let b = 0; b < batch; b++) {
      let total = 0;
      for (let m = 0; m < width; m++) total += gradient[b * width + m] * mixed.mixture[b * width + m];
      for (let j = 0; j < peers; j++) {
        const share = mixed.shares[b * peers + j];
        let own = 0;
        for (let m = 0; m < width; m++) {
          const at = (b * peers + j) * width + m;
          own += gradient[b * width + m] * responses[at];
          toPeers[at] = share * gradient[b * width + m];
        }
        const logit = share * (own - total);
        bias[j] += logit;
        for (let k = 0; k < contextWidth; k++) weights[j * contextWidth + k] += logit * context[b * contextWidth + k];
      }
    }
    this.#adam.step([weights, bias]);
    return toPeers;
  }

  #shares(shares: Float64Array, context: Float64Array, b: number): void {
    const { peers, contextWidth } = this;
    let largest = Number.NEGATIVE_INFINITY;
    for (let j = 0; j < peers; j++) {
      let logit = this.#bias[j];
      for (let k = 0; k < contextWidth; k++) logit += this.#weights[j * contextWidth + k] * context[b * contextWidth + k];
      shares[b * peers + j] = this.closed.has(j) ? Number.NEGATIVE_INFINITY : logit;
      if (!this.closed.has(j)) largest = Math.max(largest, logit);
    }
    let sum = 0;
    for (let j = 0; j < peers; j++) {
      const share = exp(shares[b * peers + j] - largest);
      shares[b * peers + j] = share;
      sum += share;
    }
    for (let j = 0; j < peers; j++) shares[b * peers + j] /= sum;
  }
}
