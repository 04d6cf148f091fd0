/** The public surface of intermodel. */
export {
  type Backend,
  type BackendDescription,
  type BackendKind,
  type BackendOptions,
  type CudaBackend,
  type CudaDescription,
  createBackend,
  defaultBackend,
  setDefaultBackend,
  type Upload,
} from './backend/index.js';
export {
  type CompetitionMask,
  type CompetitionOptions,
  competitionMask,
  type MaskedInputsOptions,
  maskedInputs,
  type ShiftGradient,
} from './competition.js';
export {
  AbortedError,
  type Attempt,
  EnvironmentError,
  type EnvironmentErrorCode,
  InputError,
  type InputErrorCode,
  InternalError,
} from './core/errors.js';
export {
  type Estimator,
  type GroupEstimator,
  type GroupRemoval,
  type GroupRemovalOptions,
  groupRemoval,
  type Hessian,
  type OutputQuadraticFormOptions,
  outputQuadraticForm,
  type PeerGram,
  type PeerGramOptions,
  peerGram,
  type QuadraticFormOptions,
  quadraticForm,
  type Reduction,
  type RemovalOptions,
  type RemovalScores,
  removalScores,
} from './curvature.js';
export { type DistillationKind, type DistillationOptions, type DistillationResult, distillationLoss } from './distillation.js';
export { type EpochResult, type StepEpochOptions, stepEpoch } from './epoch.js';
export * from './equilibrium/index.js';
export {
  type Answered,
  type Gate,
  type GateBalance,
  type GateOptions,
  type GateSizes,
  gate,
  gateBalance,
  gateGradient,
  type NoisyScores,
  type NoisyScoresOptions,
  noisyScores,
  noisyScoresGradient,
} from './gating.js';
export {
  type ProductKeyChoice,
  type ProductKeyGateGradient,
  type ProductKeyGateGradientOptions,
  type ProductKeyGateOptions,
  type ProductKeys,
  productKeyGate,
  productKeyGateGradient,
} from './gating-product-key.js';
export {
  type Activation,
  type Head,
  type HeadGradient,
  type HeadGradientOptions,
  type HeadLayer,
  type HeadOptions,
  headForward,
  headGradient,
  type LayerGradient,
  type Loss,
} from './head.js';
export type { Ledger } from './ledger/ledger.js';
export { type OpenLedgerOptions, openLedger } from './ledger/open.js';
export {
  type HeadWeightGradientOptions,
  headWeightGradient,
  type MaskedLossOptions,
  maskedLoss,
  type PayoffGradientOptions,
  type PayoffTerms,
  payoffGradient,
  type ReferenceMask,
  type WeightGradient,
  weightGradient,
} from './payoff.js';
export {
  type ProjectBoundedStepOptions,
  type ProjectSimplexOptions,
  projectBoundedStep,
  projectSimplex,
  type Residuals,
  type ResidualsOptions,
  residuals,
} from './projection.js';
export {
  type Association,
  type Correlations,
  correlations,
  diagonalRatio,
  diagonalShare,
  type EmissionNorm,
  type InflateOptions,
  idealRanking,
  inflate,
  interRanking,
  kendall,
  type NetworkRankingOptions,
  networkRanking,
  pearson,
  type RankGradientOptions,
  rankGradient,
  type ScoresOptions,
  spearman,
} from './ranking.js';
export * from './stacking/index.js';
