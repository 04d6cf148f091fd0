/** Sparsely gated top-k, its backward pass, the balance loss and trainable noise, one sample after the other. */
import { exp, log1p, sigmoid, softmax, treeDot } from '../core/arithmetic/index.js';
import { LOST, likeliest } from './divergence.js';

/**
 * Weights [batch, peers] and the chosen peers [batch, k] in descending order of score, -1 where fewer than k answered.
 * The softmax over the chosen scores is the softmax over all peers, cut to the chosen and renormalised.
 */
export function gate(
  weights: Float64Array,
  selected: Int32Array,
  scores: Float64Array,
  answered: Int32Array,
  k: number,
  batch: number,
  peers: number,
): void {
  for (let b = 0; b < batch; b++) {
    const row = scores.subarray(b * peers, (b + 1) * peers);
    const chosen = selected.subarray(b * k, (b + 1) * k);
    const count = selectTop(chosen, row, answered.subarray(b * peers, (b + 1) * peers));
    const shares = softmax(Float64Array.from(chosen.subarray(0, count), (peer) => row[peer]));
    weights.fill(0, b * peers, (b + 1) * peers);
    for (let slot = 0; slot < count; slot++) weights[b * peers + chosen[slot]] = shares[slot];
  }
}

/** Fills `chosen` with the best answered peers, larger score first, equal scores by lower index; returns how many there are. */
export function selectTop(chosen: Int32Array, scores: Float64Array, answered: Int32Array): number {
  const k = chosen.length;
  let count = 0;
  for (let peer = 0; peer < scores.length; peer++) {
    if (answered[peer] === 0) continue;
    if (count === k && !(scores[peer] > scores[chosen[k - 1]])) continue;
    let slot = count < k ? count++ : k - 1;
    while (slot > 0 && scores[peer] > scores[chosen[slot - 1]]) {
      chosen[slot] = chosen[slot - 1];
      slot--;
    }
    chosen[slot] = peer;
  }
  chosen.fill(-1, count);
  return count;
}

/** dL/dscores from dL/dweights: g_i (a_i - sum_j g_j a_j) over the chosen, in order of index; zero for the others. */
export function gateGradient(gradient: Float64Array, weights: Float64Array, upstream: Float64Array, batch: number, peers: number): void {
  for (let b = 0; b < batch; b++) {
    const from = b * peers;
    softmaxGradient(gradient.subarray(from, from + peers), weights.subarray(from, from + peers), upstream.subarray(from, from + peers));
  }
}

/**
 * g_i (a_i - g.a): the backward pass of a softmax that gave g. Where the difference would lose digits (g_i is almost 1, or all a_i are
 * almost equal), a_i and the mean are both taken about the entry with the largest weight.
 */
export function softmaxGradient(gradient: Float64Array, weights: Float64Array, upstream: Float64Array): void {
  const mean = treeDot(weights, upstream);
  const origin = upstream[likeliest(weights)];
  const shifted = upstream.map((a) => a - origin);
  const shiftedMean = treeDot(weights, shifted);
  for (let i = 0; i < weights.length; i++) {
    const plain = upstream[i] - mean;
    gradient[i] = weights[i] * (Math.abs(plain) >= LOST * Math.abs(mean) ? plain : shifted[i] - shiftedMean);
  }
}

/**
 * Balance loss peers * sum_i f_i P_i: f_i the share of all dispatches that went to peer i (constant in the scores between two
 * changes of the routing), P_i the mean of the softmax over the peers that answered. Gradient with respect to the scores.
 */
export function gateBalance(
  loss: Float64Array,
  dispatch: Float64Array,
  importance: Float64Array,
  gradient: Float64Array,
  scores: Float64Array,
  answered: Int32Array,
  k: number,
  batch: number,
  peers: number,
): void {
  const chosen = new Int32Array(k);
  dispatch.fill(0);
  importance.fill(0);
  let total = 0;
  for (let b = 0; b < batch; b++) {
    const row = scores.subarray(b * peers, (b + 1) * peers);
    const present = answered.subarray(b * peers, (b + 1) * peers);
    const probabilities = gradient.subarray(b * peers, (b + 1) * peers);
    answeredSoftmax(probabilities, row, present);
    const count = selectTop(chosen, row, present);
    total += count;
    for (let slot = 0; slot < count; slot++) dispatch[chosen[slot]] += 1;
    for (let i = 0; i < peers; i++) importance[i] += probabilities[i];
  }
  for (let i = 0; i < peers; i++) {
    dispatch[i] = total === 0 ? 0 : dispatch[i] / total;
    importance[i] = batch === 0 ? 0 : importance[i] / batch;
  }
  loss[0] = peers * treeDot(dispatch, importance);
  const scale = batch === 0 ? 0 : peers / batch;
  for (let b = 0; b < batch; b++) {
    const row = gradient.subarray(b * peers, (b + 1) * peers);
    softmaxGradient(row, row, dispatch);
    for (let i = 0; i < peers; i++) row[i] = scale * row[i];
  }
}

/** Softmax over the peers that answered, in order of index; exactly zero for the others. */
function answeredSoftmax(probabilities: Float64Array, scores: Float64Array, answered: Int32Array): void {
  const shares = softmax(scores.filter((_, peer) => answered[peer] !== 0));
  let next = 0;
  for (let peer = 0; peer < scores.length; peer++) probabilities[peer] = answered[peer] === 0 ? 0 : shares[next++];
}

/** Noisy scores: score + draw * softplus(noise), the standard normal draws given. */
export function noisyScores(noisy: Float64Array, scores: Float64Array, noise: Float64Array, draws: Float64Array): void {
  for (let i = 0; i < noisy.length; i++) noisy[i] = scores[i] + draws[i] * softplus(noise[i]);
}

/** dL/dnoise from dL/dnoisy: the upstream times draw * sigmoid(noise). (dL/dscores is the upstream itself.) */
export function noisyScoresGradient(gradient: Float64Array, noise: Float64Array, draws: Float64Array, upstream: Float64Array): void {
  for (let i = 0; i < gradient.length; i++) gradient[i] = upstream[i] * (draws[i] * sigmoid(noise[i]));
}

/** log(1 + e^x) without overflow. */
export function softplus(x: number): number {
  return Math.max(x, 0) + log1p(exp(-Math.abs(x)));
}
