/** What the simulations share: their options, their surroundings, their outcome. */
import type { Backend } from '../backend/index.js';
import type { DrawnPage, SolverWords } from '../report/index.js';
import type { ExperimentOptions, HessianLaw } from '../sweep/index.js';
import type { BackendFlags } from './backend-option.js';

/** Options of the command. */
export interface SimulateFlags extends BackendFlags {
  readonly figure?: '4' | '5';
  readonly sensitivity?: boolean;
  readonly seed: number;
  readonly trials?: number;
  readonly n: number;
  readonly temperature: number;
  readonly hessian: HessianLaw;
  readonly method: 'spectral' | 'projectedGradient' | 'softmax';
  readonly out?: string;
  readonly json?: boolean;
}

/** What a simulation needs beside its options. */
export interface Workplace {
  readonly flags: SimulateFlags;
  readonly folder: string;
  readonly backend: Backend;
  readonly signal: AbortSignal;
  readonly options: ExperimentOptions;
  readonly solver: SolverWords;
  /** The command line that makes the same figures again. */
  readonly command: string;
}

/** A page, and the numbers on it for --json. */
export interface Simulated {
  readonly name: string;
  readonly page: DrawnPage;
  readonly numbers: unknown;
}
