/** What gates share: the choice they make, the mixture G(x) that comes of it, and the way back through it. */
import type { Backend } from '../../backend/index.js';
import { gate } from '../../gating.js';
import type { Stateful } from '../saved.js';

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

/** A gate that a participant trains with its own loss. */
export interface TrainableGate extends Stateful {
  /** Chooses for a batch of contexts `[batch, contextWidth]`. */
  choose(context: Float64Array, batch: number, training: boolean): GateChoice;
  /**
   * Mixes what came back.
   * @param responses `[batch, peers, width]`
   * @param answered `[batch, peers]`, 1 where a chosen peer (or its student) answered
   */
  mix(choice: GateChoice, responses: Float64Array, answered: Int32Array): GateMixture;
  /**
   * One training step on dL/dG `[batch, width]`.
   * @returns dL/dF `[batch, peers, width]` through the gate
   */
  learn(choice: GateChoice, responses: Float64Array, shares: Float64Array, gradient: Float64Array): Float64Array;
}

/** G(x) and the shares over the chosen that answered. */
export function mixChosen(
  choice: GateChoice,
  responses: Float64Array,
  answered: Int32Array,
  peers: number,
  backend?: Backend,
): GateMixture {
  const { batch } = choice;
  const shares = sharesOver(choice, answered, peers, backend);
  const width = responses.length / Math.max(1, batch * peers);
  const mixture = new Float64Array(batch * width);
  for (let at = 0; at < batch * peers; at++) {
    if (shares[at] === 0) continue;
    const row = Math.floor(at / peers) * width;
    for (let m = 0; m < width; m++) mixture[row + m] += shares[at] * responses[at * width + m];
  }
  return { mixture, shares };
}

/** From dL/dG: what each share was worth, dL/dg `[batch, peers]`, and dL/dF `[batch, peers, width]`. */
export function throughMixture(responses: Float64Array, shares: Float64Array, gradient: Float64Array, batch: number) {
  const peers = shares.length / Math.max(1, batch);
  const width = gradient.length / Math.max(1, batch);
  const worth = new Float64Array(shares.length);
  const toPeers = new Float64Array(responses.length);
  for (let at = 0; at < shares.length; at++) {
    if (shares[at] === 0) continue;
    const row = Math.floor(at / peers) * width;
    for (let m = 0; m < width; m++) {
      worth[at] += gradient[row + m] * responses[at * width + m];
      toPeers[at * width + m] = shares[at] * gradient[row + m];
    }
  }
  return { worth, toPeers };
}

/** Shares over the chosen that answered; a row of zeros where none of them did. */
function sharesOver(choice: GateChoice, answered: Int32Array, peers: number, backend?: Backend): Float64Array {
  const { batch, selected } = choice;
  const k = selected.length / Math.max(1, batch);
  const present = new Int32Array(batch * peers);
  const silent: number[] = [];
  for (let b = 0; b < batch; b++) {
    let any = false;
    for (let slot = 0; slot < k; slot++) {
      if (selected[b * k + slot] < 0) continue;
      const at = b * peers + selected[b * k + slot];
      present[at] = answered[at];
      any ||= answered[at] !== 0;
    }
    if (any) continue;
    silent.push(b);
    present[b * peers + selected[b * k]] = 1; // stands in for the softmax alone; its share is taken back below
  }
  if (batch === 0) return new Float64Array(0);
  const { weights } = gate({ scores: choice.scores, k, answered: present, batch, peers, ...(backend === undefined ? {} : { backend }) });
  for (const b of silent) weights.fill(0, b * peers, (b + 1) * peers);
  return weights;
}
