/** The public surface of intermodel. */
export {
  type Backend,
  type BackendDescription,
  type BackendKind,
  type BackendOptions,
  createBackend,
  defaultBackend,
  setDefaultBackend,
} from './backend/index.js';
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
export * from './ledger/index.js';
