/** Does lying pay? Strategies against defences in the empirical game, measured against honest twins. See docs/concepts/scenario.md. */
export { type BreakEven, breakEven, breakEvensOf, type MapBreakEven, type Paying, payingOf } from './break-even.js';
export { clipped, weightedMedian } from './consensus.js';
export {
  boundedAnswers,
  boundedRows,
  consensusClip,
  consensusPull,
  DEFENCES,
  decay,
  entryCost,
  maximumWeight,
  noSelfWeight,
  othersOnly,
  paper,
  quotient,
  shiftOverEffective,
  shiftOverStaked,
  stakeCap,
  together,
} from './defences.js';
export type { Play } from './game-table.js';
export { type LedgerPlay, type LedgerPlayOptions, playOnLedger } from './ledger-play.js';
export {
  checkMap,
  groupsOf,
  type MapCell,
  type MapGroup,
  type MapSpec,
  mapHash,
  type PlayedGroup,
  playGroup,
  type TrialOutcomes,
} from './map.js';
export { type MapResult, type RunMapOptions, runMap } from './map-run.js';
export { type Comparison, compareWithTwin, playTwin, truths } from './measures.js';
export { type PlayOptions, playScenario, playScenarios } from './play.js';
export { type RetentionOptions, retention } from './retention.js';
export type { Estimate } from './statistics.js';
export {
  cabal,
  copier,
  dilution,
  forecaster,
  freeRider,
  griefer,
  hoarder,
  honest,
  lateBribe,
  loud,
  poisoner,
  REAL_STRATEGIES,
  STRATEGIES,
  selfGraded,
  sleeper,
  split,
  thief,
} from './strategies.js';
export type { Answer, Defence, Entry, Identity, Sight, Strategy } from './types.js';
export { defencesOf, strategyOf } from './words.js';
export { carriedShares, drawWorld, lossOf, type Member, measuredRows, type World, worldOfRows } from './world.js';
