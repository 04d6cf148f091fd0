/** Equilibria of the competition game: games, solvers, certificates. */
export { type AdaptedTau, type AdaptOptions, adaptTau, type TauRecord } from './adaptive.js';
export { type Outcome, type PriceOfAnarchy, priceOfAnarchy } from './anarchy.js';
export { certify } from './certificate.js';
export type { TauController } from './controller.js';
export { createGame } from './game.js';
export { solveMany } from './many.js';
export { solveEquilibrium } from './solve.js';
export { init, type ManualOptions, type SearchState, statusKindOf, step, weightsOf } from './step.js';
export type {
  Certificate,
  CertificateRule,
  Equilibrium,
  EquilibriumBatch,
  FailurePolicy,
  Game,
  GameOptions,
  GlobalCheck,
  Method,
  ProjectedGradient,
  RecordRule,
  RunOptions,
  SimplexReturn,
  Softmax,
  SolveManyOptions,
  SolveOptions,
  SolveProgress,
  SolveStats,
  Spectral,
  Status,
  StatusKind,
  StopRule,
  TraceEntry,
} from './types.js';
