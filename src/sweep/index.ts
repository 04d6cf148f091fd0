/** Sweeps over theta: many games, drawn by counter, solved on every core, streamed to disk, resumable and shardable. */

export { type AdaptiveOptions, type AdaptivePoint, adaptInflation, type Controller } from './adaptive.js';
export { type ExperimentOptions, FIGURE_4, figure4CurvesTask, figure4Task, lawsTask, readingsTask } from './experiments.js';
export {
  type DrawName,
  drawHessian,
  drawInitial,
  drawStake,
  type HessianLaw,
  type InitialLaw,
  idealRankingOf,
  type StakeLaw,
} from './laws.js';
export { parseShard, type Shard } from './layout.js';
export { type MergeOptions, mergeShards } from './merge.js';
export type { TrialOutcome, TrialRow } from './rows.js';
export { runSweep, type SweepOptions, type SweepProgress, type SweepResult, shardFolder } from './run.js';
export { type Cell, cellsOf, type SweepGrid, type SweepSpec, type SweepTask, sweepTask } from './spec.js';
export { type MeanSummary, type ShareSummary, shareSummary, studentQuantile } from './statistics.js';
export { type CellSummary, readRows, type SweepSummary, summarise, writeSummary } from './summary.js';
