/** The sweeps behind the paper's Figure 4 and the sensitivity of its outcome, so that they can be run again by name. */
import { checkOptions } from '../core/validate.js';
import type { Method } from '../equilibrium/types.js';
import type { HessianLaw } from './laws.js';
import { type SweepTask, sweepTask } from './spec.js';

/** What a reader may want to change; the rest is the figure. */
export interface ExperimentOptions {
  readonly seed: number;
  readonly trials: number;
  readonly n: number;
  readonly temperature: number;
  readonly hessian: HessianLaw;
  readonly method: Method;
}

/**
 * Defaults of Figure 4. The paper names none of them. T = 10 with unit stake is where its story holds: alpha / tau = 1 ends at the identity and larger
 * ratios do not; a quality that all raters share is what there is to rank.
 */
export const FIGURE_4: ExperimentOptions = {
  seed: 1,
  trials: 100,
  n: 10,
  temperature: 10,
  hessian: 'wishart-quality',
  method: { kind: 'spectral' },
};

/** The paper's four ratios. */
const PANEL_RATIOS = [1, 10, 25, 50];
const CURVE_RATIOS = [1, 2, 3, 5, 7, 10, 15, 25, 50, 100];
const CURVE_TEMPERATURES = [0.1, 1, 2, 5, 10, 20];

/** Figure 4 itself: four ratios, rankings kept. */
export function figure4Task(options: ExperimentOptions): SweepTask {
  checkOptions(options);
  const { seed, trials, n, temperature, hessian, method } = options;
  return sweepTask({
    seed,
    trials,
    keepRankings: true,
    grid: { n: [n], hessian: [hessian], temperature: [temperature], alpha: PANEL_RATIOS, method: [method] },
  });
}

/** The curves around it: more ratios, and temperatures on both sides of the figure's. */
export function figure4CurvesTask(options: ExperimentOptions): SweepTask {
  checkOptions(options);
  const { seed, trials, n, temperature, hessian, method } = options;
  const temperatures = [...new Set([...CURVE_TEMPERATURES, temperature])].sort((a, b) => a - b);
  return sweepTask({
    seed,
    trials,
    grid: { n: [n], hessian: [hessian], temperature: temperatures, alpha: CURVE_RATIOS, method: [method] },
  });
}

const SENSITIVITY_TEMPERATURES = [0.1, 1, 5, 10, 20];

/** Sensitivity to T, n (half and twice as many as well) and the law of H. */
export function lawsTask(options: ExperimentOptions): SweepTask {
  checkOptions(options);
  const { seed, trials, n, method } = options;
  return sweepTask({
    seed,
    trials,
    grid: {
      n: [...new Set([Math.max(2, n >> 1), n, 2 * n])],
      hessian: ['wishart', 'wishart-quality', 'diagonal-uniform'],
      temperature: SENSITIVITY_TEMPERATURES,
      alpha: PANEL_RATIOS,
      method: [method],
    },
  });
}

/** Sensitivity to the reference mask and the projection, which are readings of ours. */
export function readingsTask(options: ExperimentOptions): SweepTask {
  checkOptions(options);
  const { seed, trials, n, hessian, method } = options;
  return sweepTask({
    seed,
    trials,
    grid: {
      n: [n],
      hessian: [hessian],
      temperature: SENSITIVITY_TEMPERATURES,
      alpha: PANEL_RATIOS,
      reference: ['ones', 'initial', 'closed'],
      projection: ['exact', 'clipRenormalise'],
      method: [method],
    },
  });
}
