/** Removing several peers at once: what a pair, a family of copies or any other group is worth together. */
import { backendOf } from './backend/index.js';
import { LOSSES, type Loss, REDUCTIONS, type Reduction, SAMPLE_ESTIMATORS, type SampleEstimator } from './core/closed-lists.js';
import { InputError } from './core/errors.js';
import { checkInteger, checkOneOf, checkOptions } from './core/validate.js';
import {
  checkRandom,
  labelsNeededBy,
  type PackedGroups,
  type RemovalOptions,
  reduceScores,
  scoreSamples,
  shareOf,
} from './curvature-removal.js';
import { checkBatch } from './head-batch.js';
import { checkTargets } from './head-targets.js';

const ESTIMATORS = SAMPLE_ESTIMATORS.filter((estimator): estimator is GroupEstimator => estimator !== 'diagonal');

/** Estimators that a group may have. */
export type GroupEstimator = Exclude<SampleEstimator, 'diagonal'>;

/** Options of {@link groupRemoval}: those of `removalScores`, and the groups. */
export interface GroupRemovalOptions extends Omit<RemovalOptions, 'estimator' | 'compareAblation'> {
  /** Peers by number, one list a group; groups may share peers. */
  readonly groups: readonly ArrayLike<number>[];
  /** Default 'ablation'. */
  readonly estimator?: GroupEstimator;
}

/** Result of {@link groupRemoval}. */
export interface GroupRemoval {
  /** [groups], or [batch, groups] with reduction 'none'. */
  readonly scores: Float64Array;
  /** Share of the dropped first-order term, as in `removalScores`; null without labels or targets. */
  readonly linearShare: Float64Array | null;
  /** 'overflow' when a score is beyond the range of f64. */
  readonly status: 'ok' | 'overflow';
  readonly estimator: GroupEstimator;
  readonly loss: Loss;
  readonly reduction: Reduction;
}

/**
 * What removing several peers together does to the loss of a head.
 *
 * With Delta F = sum over the group of (baseline_i - F_i), the estimators are those of `removalScores`. A pair is worth more than its
 * parts where score({i, j}) > score(i) + score(j): for 'gaussNewton' the difference is 2 G_ij of `peerGram`.
 *
 * @shape responses [batch, sum of widths]; scores [groups] or [batch, groups]
 * @param options - The head and batch, the groups, and how to score them.
 * @returns Scores in the order of `groups`, new arrays.
 * @throws InputError as `removalScores`; BTM_TYPE, BTM_SHAPE, BTM_DOMAIN for a group that is empty or names a peer twice or one that is not there.
 * @numerics f64, the same bits on every backend; a group of one peer has the bits of `removalScores`.
 * @cost one forward pass for all groups, then as for a peer
 * @paper (2), (17), for several peers; R-05
 * @example
 * ```ts
 * import { groupRemoval } from 'intermodel';
 * const head = { layers: [{ weights: [1, 1, 0, 0, 0, 0], bias: [0, 0], activation: 'identity' as const }] };
 * const { scores } = groupRemoval({ head, responses: [1, 1, 9], labels: [0], batch: 1, peers: 3, width: 1, groups: [[0, 1], [2]] });
 * console.log(scores); // about [0.5662, 0]
 * ```
 */
export function groupRemoval(options: GroupRemovalOptions): GroupRemoval {
  checkOptions(options);
  const estimator = checkOneOf('estimator', options.estimator ?? 'ablation', ESTIMATORS);
  const reduction = checkOneOf('reduction', options.reduction ?? 'sum', REDUCTIONS);
  const loss = checkOneOf('loss', options.loss ?? 'softmaxCrossEntropy', LOSSES);
  const data = checkBatch(options);
  const groups = packGroups(options.groups, data.peers);
  const targets = checkTargets(loss, options, data.batch, data.outputs, labelsNeededBy(estimator));
  const { kernels } = backendOf(options.backend);
  const call = { kernels, data, targets, loss, random: checkRandom(options), groups };
  const { perSample, linear, quadratic } = scoreSamples(call, estimator, targets.given);
  const reduce = (values: Float64Array) => reduceScores(call, values, reduction);
  const scores = reduce(perSample);
  return {
    scores,
    linearShare: targets.given ? shareOf(reduce(linear), reduce(quadratic)) : null,
    status: scores.every(Number.isFinite) ? 'ok' : 'overflow',
    estimator,
    loss,
    reduction,
  };
}

function packGroups(groups: unknown, peers: number): PackedGroups {
  if (!Array.isArray(groups)) throw new InputError('BTM_TYPE', 'must be an array of groups', { argument: 'groups', value: groups });
  if (groups.length === 0) throw new InputError('BTM_SHAPE', 'must hold at least one group', { argument: 'groups', value: groups });
  const offsets = new Int32Array(groups.length + 1);
  const members: number[] = [];
  for (const [g, group] of groups.entries()) {
    for (const member of checkGroup(`groups[${g}]`, group, peers)) members.push(member);
    offsets[g + 1] = members.length;
  }
  return { count: groups.length, offsets, members: Int32Array.from(members) };
}

function checkGroup(argument: string, group: unknown, peers: number): number[] {
  const length = (group as ArrayLike<number> | undefined)?.length;
  if (typeof group !== 'object' || typeof length !== 'number' || length === 0 || length > peers) {
    throw new InputError('BTM_SHAPE', `must list between 1 and ${peers} peers`, { argument, value: group });
  }
  const members = Array.from(group as ArrayLike<number>, (peer, k) => checkInteger(`${argument}[${k}]`, peer, 0, peers - 1));
  members.sort((a, b) => a - b);
  const twice = members.find((peer, k) => k > 0 && peer === members[k - 1]);
  if (twice !== undefined) throw new InputError('BTM_DOMAIN', `names peer ${twice} twice`, { argument, value: twice });
  return members;
}
