/** The ranking that competing participants would settle on: the equilibrium of the game whose curvatures are the ones measured. */

import type { Backend } from '../backend/index.js';
import { AbortedError } from '../core/errors.js';
import { type Equilibrium, solveEquilibrium } from '../equilibrium/index.js';
import type { Measurement } from '../participant/measure.js';
import type { RunSettings } from '../run/settings.js';

/** The measured game and how far the search goes. */
export interface CompetitiveOptions {
  readonly measurements: readonly Measurement[];
  readonly settings: RunSettings;
  readonly backend: Backend;
  readonly signal?: AbortSignal;
}

/** Stop rule of the search, natural residual of a row. */
const RESIDUAL = 1e-6;

/**
 * Solves the empirical model (14) with H_i = the peer Gram matrix that participant i measured.
 *
 * The matrices are divided by one common number, so that their mean diagonal entry is 1: alpha/tau
 * then means what it means for the random matrices of section 3. Stake is counted in units of the initial stake, and T with it: the market is that of the ledger.
 * @returns the equilibrium for equal stake, from equal weights
 */
export async function competitiveEquilibrium(options: CompetitiveOptions): Promise<Equilibrium> {
  const { measurements, settings, backend, signal } = options;
  const n = measurements.length;
  const data = new Float64Array(n * n * n);
  for (const [rater, { gram }] of measurements.entries()) data.set(gram, rater * n * n);
  let trace = 0;
  for (let rater = 0; rater < n; rater++) for (let peer = 0; peer < n; peer++) trace += data[rater * n * n + peer * (n + 1)];
  const scale = trace > 0 ? (n * n) / trace : 1;
  const result = await solveEquilibrium({
    game: {
      n,
      hessian: { kind: 'dense', data: data.map((entry) => scale * entry) },
      initialWeights: new Float64Array(n * n).fill(1 / n),
      temperature: settings.maskTemperature / settings.initialStake,
      alpha: settings.equilibriumRatio,
      tau: 1,
    },
    method: { kind: 'spectral' },
    stop: { residual: RESIDUAL },
    backend,
    ...(signal === undefined ? {} : { signal }),
  });
  if (result.status.kind === 'aborted') throw new AbortedError('the search for the equilibrium');
  return result;
}
