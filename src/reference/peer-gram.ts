/** Inner products of what peers do to the outputs of a head, in plain TypeScript: the oracle of the native kernel. */
import { LOSSES } from '../core/closed-lists.js';
import { sumSamples } from './curvature.js';
import { firstIsFinite, forward, overPeers, type Responses, tangent } from './head.js';
import { bilinearForm, centre, curvatureWeights, weighted } from './loss.js';

/**
 * G_ij = sum over samples of u_i^T H u_j: gram [peers, peers]. `factor` is empty or [batch * outputs, peers] and receives
 * S^T u, so that factor^T factor = gram. sampleWeights is empty or [batch].
 */
export function peerGram(
  gram: Float64Array,
  factor: Float64Array,
  responses: Responses,
  answered: Int32Array,
  head: object,
  widths: Int32Array,
  baseline: Float64Array,
  sampleWeights: Float64Array,
  lossCode: number,
  batch: number,
): boolean {
  const { layers, inputs, outputs, peers, offsets, shifts } = overPeers(head, widths, baseline);
  const loss = LOSSES[lossCode];
  const perSample = new Float64Array(batch * peers * peers);
  let finite = true;
  for (let b = 0; b < batch; b++) {
    const present = answered.subarray(b * peers, (b + 1) * peers);
    const pass = forward(layers, responses.subarray(b * inputs, (b + 1) * inputs), offsets, shifts, present);
    finite &&= firstIsFinite(pass);
    const weights = curvatureWeights(loss, pass.outputs[layers.length - 1]);
    const centred = pass.moves.map((part) => centre(loss, weights, tangent(layers, pass, part)));
    for (let i = 0; i < peers; i++) {
      for (let j = i; j < peers; j++) {
        const form = weighted(sampleWeights, b, bilinearForm(weights, centred[i], centred[j]));
        perSample[(b * peers + i) * peers + j] = form;
        perSample[(b * peers + j) * peers + i] = form;
      }
      if (factor.length === 0) continue;
      const root = sampleWeights.length === 0 ? sampleWeights : Float64Array.of(Math.sqrt(sampleWeights[b]));
      for (let c = 0; c < outputs; c++) {
        factor[(b * outputs + c) * peers + i] = weighted(root, 0, Math.sqrt(weights[c]) * centred[i][c]);
      }
    }
  }
  sumSamples(gram, perSample, batch, peers * peers);
  return finite;
}
