/** Heads over saved answers, and what they say about a pool of models. */
export type { Ceiling } from './alone.js';
export type { PoolHead, PoolProgress, RankPoolOptions } from './call.js';
export type { Baseline } from './contributions.js';
export { type FittedPool, type FittedPoolOptions, fitPool } from './fitted.js';
export type { PairRemoval } from './pairs.js';
export type { AnswerKind, Pool, PoolModel } from './pool.js';
export { rankPool } from './rank.js';
export type { PoolFit, PoolRanking, RankedModel } from './ranking.js';
export type { Estimate } from './resample.js';
export { type RankedScores, type RankScoresOptions, rankScores, type ScoredModel, type ScoreRanking } from './scores.js';
export { type PoolSelection, type SelectedSet, type SelectionRule, type SelectModelsOptions, selectModels } from './select.js';
export type { Verdict } from './verdict.js';
