/** What each peer is worth to one participant, by the chosen estimator, by exact ablation and as Shapley values. */
import type { Backend } from '../backend/index.js';
import { type Estimator, type GroupEstimator, groupRemoval, peerGram, removalScores } from '../curvature.js';
import type { Head } from '../head.js';
import type { Targets } from './samples.js';

/** Estimators that need nothing but a head and its responses. */
export const MEASURE_ESTIMATORS = [
  'gaussNewton',
  'taylor2',
  'relativeEntropy',
  'monteCarloFisher',
  'diagonal',
  'empiricalFisher',
] as const satisfies readonly Estimator[];

/** One of {@link MEASURE_ESTIMATORS}. */
export type MeasureEstimator = (typeof MEASURE_ESTIMATORS)[number];

/** One participant's head over the responses to its validation batch. */
export interface MeasureOptions {
  readonly head: Head;
  /** F_W `[batch, peers, width]`: as the mask left them. */
  readonly responses: Float64Array;
  readonly targets: Targets;
  readonly batch: number;
  readonly peers: number;
  readonly width: number;
  readonly estimator: MeasureEstimator;
  readonly seed: number;
  readonly backend: Backend;
  /** Peers that are removed together and share what that costs, each in one group; see `sameAnswers`. Not for 'diagonal'. Default: each alone. */
  readonly groups?: readonly (readonly number[])[];
}

/** Means over the batch, one entry per peer. */
export interface Measurement {
  /** By the chosen estimator; what a row reports. */
  readonly ideal: Float64Array;
  /** The loss with the peer removed, alone, minus the loss with it. */
  readonly ablation: Float64Array;
  readonly shapley: Float64Array;
  /** `[peers, peers]` */
  readonly gram: Float64Array;
  /** Mean over peers. */
  readonly linearShare: number;
}

/** The row w_ij before normalisation: the chosen estimator's removal scores alone. */
export function measureRow(options: MeasureOptions): Float64Array {
  return chosenScores(options).scores;
}

/** Scores `[peers]` by the chosen estimator, and how much of each is the linear term. */
function chosenScores(options: MeasureOptions): { readonly scores: Float64Array; readonly linearShare: Float64Array } {
  const { groups, peers } = options;
  const call = callOf(options);
  if (groups === undefined) {
    const { scores, linearShare } = removalScores(call);
    return { scores, linearShare: linearShare ?? new Float64Array(peers) };
  }
  const together = groupRemoval({ ...call, estimator: call.estimator as GroupEstimator, groups }); // refuses 'diagonal'
  const [scores, linearShare] = [new Float64Array(peers), new Float64Array(peers)];
  for (const [g, group] of groups.entries()) {
    for (const peer of group) {
      scores[peer] = together.scores[g] / group.length;
      linearShare[peer] = together.linearShare?.[g] ?? 0;
    }
  }
  return { scores, linearShare };
}

/**
 * What a row reports of measured scores: the numerators of (3), none of them negative.
 *
 * A removal that helps counts as nothing. Where harm outweighs worth there is nothing to share out, and all peers are reported alike: with the negative scores cut off,
 * such a row would go whole to the few peers that chance left above zero. One peer's harm counts at most as much as the best peer's worth, so that no single peer can silence a rater.
 *
 * @param scores - `[peers]`, any sign
 * @returns `[peers]`, >= 0, at least one above 0; NaN where a score is NaN
 * @paper (3), R-10
 * @example
 * ```ts
 * import { reportedScores } from 'intermodel/participant';
 * console.log(reportedScores(Float64Array.of(4, 1, -2))); // Float64Array(3) [ 4, 1, 0 ]
 * console.log(reportedScores(Float64Array.of(1, -1, -2))); // Float64Array(3) [ 1, 1, 1 ]
 * ```
 */
export function reportedScores(scores: Float64Array): Float64Array {
  const best = scores.reduce((most, score) => Math.max(most, score), 0);
  const balance = scores.reduce((sum, score) => sum + Math.max(score, -best), 0);
  return balance <= 0 ? new Float64Array(scores.length).fill(1) : scores.map((score) => Math.max(0, score));
}

/** All measures of one participant. */
export function measure(options: MeasureOptions): Measurement {
  const call = callOf(options);
  const { scores, linearShare } = chosenScores(options);
  const ablation = removalScores({ ...call, estimator: 'ablation' });
  const { head, responses, batch, peers, width, backend, loss } = call;
  const { gram, shapley } = peerGram({ head, responses, batch, peers, width, loss, reduction: 'mean', backend });
  return {
    ideal: scores,
    ablation: ablation.scores,
    shapley,
    gram,
    linearShare: linearShare.reduce((sum, s) => sum + s, 0) / peers,
  };
}

function callOf(options: MeasureOptions) {
  const { head, responses, targets, batch, peers, width, estimator, seed, backend } = options;
  return { head, responses, ...targets, batch, peers, width, estimator, reduction: 'mean', seed, backend } as const;
}
