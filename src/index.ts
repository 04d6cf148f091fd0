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
