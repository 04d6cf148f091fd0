/** Rankings side by side, and how far they agree. */
import type { Backend } from '../backend/index.js';
import { type Measurement, reportedScores } from '../participant/measure.js';
import { correlations, idealRanking, interRanking } from '../ranking.js';
import { positionsOf } from '../run/positions.js';
import type { DemoAgreement, DemoRanking, RankingName } from './result.js';

/** What the rankings are made of. */
export interface RankingsOptions {
  readonly measurements: readonly Measurement[];
  /** Ranking (5) of the last block, tokens. */
  readonly ledger: Float64Array;
  /** R* of the equilibrium. */
  readonly competitive: Float64Array;
  readonly estimator: string;
  readonly backend: Backend;
}

/** Ablation, the same normalised by row, ideal, Shapley, ledger and competitive ranking of one run. */
export function buildRankings({ measurements, ledger, competitive, estimator, backend }: RankingsOptions): DemoRanking[] {
  const n = measurements.length;
  const scoresOf = (part: 'ideal' | 'ablation' | 'shapley'): Float64Array => {
    const scores = new Float64Array(n * n);
    for (const [rater, measured] of measurements.entries()) scores.set(measured[part], rater * n);
    return scores;
  };
  const mean = (part: 'ideal' | 'ablation' | 'shapley'): Float64Array => idealRanking({ scores: scoresOf(part), n, backend });
  const nats = 'nats per sample';
  return [
    ranking(
      'ablation',
      'exact ablation',
      'mean over participants of the loss with the peer removed minus the loss with it: the truth',
      mean('ablation'),
      nats,
    ),
    ranking(
      'ablationByRow',
      'exact ablation by row',
      "mean over participants of each peer's share in the losses that removals cost: the truth for the ledger, where rows count alike",
      byRow(measurements, backend),
      'share',
    ),
    ranking(
      'ideal',
      `ideal (${estimator})`,
      `equation (2): mean over participants of the removal score by ${estimator}`,
      mean('ideal'),
      nats,
    ),
    ranking(
      'shapley',
      'Shapley',
      'exact Shapley values of the quadratic removal game: row sums of the peer Gram matrix',
      mean('shapley'),
      nats,
    ),
    ranking('ledger', 'ledger', 'equation (5): stake-weighted mean of the rows on the ledger, at its last block', ledger, 'tokens'),
    ranking(
      'competitive',
      'competitive equilibrium',
      "equation (5) at the equilibrium of the game whose H are the participants' peer Gram matrices: what selfish rows would pay",
      competitive,
      'initial stakes',
    ),
  ];
}

/**
 * The mean of rows of exact ablation as the ledger takes rows: negative entries set to zero, each divided by its sum, even where harm outweighs worth.
 *
 * Equation (2) adds nats, so a participant whose loss is small hardly counts; (4) adds shares. What the ledger ranks is to be compared with this truth.
 */
function byRow(measurements: readonly Measurement[], backend: Backend): Float64Array {
  const n = measurements.length;
  const scores = new Float64Array(n * n);
  for (const [rater, { ablation }] of measurements.entries()) scores.set(reportedScores(ablation), rater * n);
  return idealRanking({ scores: interRanking({ scores, n, backend }), n, backend });
}

/** A ranking with its positions. */
export function ranking(name: RankingName, title: string, description: string, values: Float64Array, unit: string): DemoRanking {
  return { name, title, description, values: Array.from(values), unit, positions: positionsOf(values) };
}

/** Correlations of every pair of rankings. */
export function agreementOf(rankings: readonly DemoRanking[]): DemoAgreement[] {
  return rankings.flatMap((a, index) =>
    rankings.slice(index + 1).map((b) => {
      const { pearson, spearman, kendall } = correlations(a.values, b.values);
      const reason = pearson.reason ?? spearman.reason ?? kendall.reason;
      return {
        a: a.name,
        b: b.name,
        pearson: pearson.value,
        spearman: spearman.value,
        kendall: kendall.value,
        ...(reason === undefined ? {} : { reason }),
      };
    }),
  );
}
