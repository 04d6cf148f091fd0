/** Competition for connectivity: the mask (7), (8) and the inputs it leaves open. */
import { fma, sigmoid, sigmoidDerivative } from '../core/arithmetic/index.js';
import { networkRanking } from './ranking.js';

/** How the gradient treats the shift mu, which holds the own weight too; the position is the code that kernels receive. */
export const SHIFT_GRADIENTS = ['exact', 'stopped'] as const;

/** Below this sigma' the mask does not move in its last place: its gradient is dead. */
export const DEAD_GRADIENT = 2 ** -53;

/**
 * m_ij = sigma((s_i w_ij - mu_j) / T) and dm_ij/dw_ij, which is sigma' s_i (1 - 1/n) / T (without 1 - 1/n where the shift's
 * gradient is stopped). shift [n] receives mu, dead [1] the number of dead gradients. An open diagonal has mask 1, derivative 0.
 */
export function competitionMask(
  mask: Float64Array,
  derivative: Float64Array,
  shift: Float64Array,
  dead: Float64Array,
  weights: Float64Array,
  stake: Float64Array,
  temperature: number,
  shiftGradient: number,
  openDiagonal: number,
  n: number,
): void {
  networkRanking(shift, weights, stake, n);
  const inverse = 1 / temperature;
  const ownShare = SHIFT_GRADIENTS[shiftGradient] === 'exact' ? (n - 1) / n : 1;
  dead[0] = 0;
  for (let i = 0; i < n; i++) {
    const slope = stake[i] * ownShare * inverse;
    for (let j = 0; j < n; j++) {
      const at = i * n + j;
      if (openDiagonal === 1 && i === j) {
        mask[at] = 1;
        derivative[at] = 0;
        continue;
      }
      const x = fma(stake[i], weights[at], -shift[j]) * inverse;
      const sensitivity = sigmoidDerivative(x);
      mask[at] = sigmoid(x);
      derivative[at] = sensitivity * slope;
      if (sensitivity < DEAD_GRADIENT) dead[0] += 1;
    }
  }
}

/** (7): F_W[b, j, :] = m_j F[b, j, :] for one participant's row of the mask. */
export function maskedInputs(
  out: Float64Array,
  maskRow: Float64Array,
  responses: Float64Array,
  batch: number,
  n: number,
  width: number,
): void {
  for (let b = 0; b < batch; b++) {
    for (let j = 0; j < n; j++) {
      const at = (b * n + j) * width;
      for (let d = 0; d < width; d++) out[at + d] = maskRow[j] * responses[at + d];
    }
  }
}
