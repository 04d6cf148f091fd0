/** The runs behind Figure 5: adaptive inflation, once from no inflation and once from collapse. */
import type { AdaptiveRun, Figure5Data } from '../report/index.js';
import { adaptInflation, type Controller } from '../sweep/index.js';
import { progressDisplay } from './progress.js';
import type { Simulated, Workplace } from './simulation.js';

/** The target of the paper's figure, for the ratio that its words describe. */
const CONTROLLER = {
  measure: 'diagonalRatio',
  target: 1,
  error: 'relative',
  gain: 2e-4,
  proportional: 0.2,
  largestTau: 10,
} as const satisfies Controller;
const ALPHA = 1;
const RATE = 0.05;
const STEPS_PER_PARTICIPANT = 2000;
const POINTS = 200;

/** Where runs begin: the paper's start, and the state it says inflation should lead away from. */
const STARTS = [
  { group: 'from \u03c4 = 0', initial: 'uniform', tau: 0 },
  { group: 'from collapse (W = I, \u03c4 = 1)', initial: 'identity', tau: 1 },
] as const;

/** Runs Figure 5 and draws its page. */
export async function figure5(place: Workplace): Promise<Simulated> {
  const { seed, trials, n, temperature, hessian } = place.options;
  const steps = STEPS_PER_PARTICIPANT * n;
  const progress = progressDisplay('Figure 5', 'runs');
  const runs: AdaptiveRun[] = [];
  try {
    for (const { group, initial, tau } of STARTS) {
      for (let trial = 0; trial < trials; trial++) {
        progress.update(runs.length, STARTS.length * trials);
        const points = await adaptInflation({
          seed,
          trial,
          n,
          hessian,
          initial,
          temperature,
          alpha: ALPHA,
          tau,
          controller: CONTROLLER,
          rate: RATE,
          steps,
          recordEvery: Math.max(1, Math.floor(steps / POINTS)),
          signal: place.signal,
          backend: place.backend,
        });
        runs.push({ group, trial, points });
      }
    }
    progress.update(runs.length, STARTS.length * trials);
  } finally {
    progress.end();
  }
  const data: Figure5Data = {
    command: place.command,
    solver: { ...place.solver, method: `projected gradient, lambda = ${RATE}, ${steps} steps` },
    seed,
    n,
    trials,
    temperature,
    alpha: ALPHA,
    hessian,
    stake: 'equal (1 each)',
    measure: CONTROLLER.measure,
    target: CONTROLLER.target,
    controller: controllerWords(CONTROLLER),
    runs,
  };
  const { figure5Page } = await import('../report/index.js');
  return { name: 'figure-5', page: await figure5Page(data), numbers: data };
}

function controllerWords({ gain, proportional, largestTau }: typeof CONTROLLER): string {
  return (
    `tau = integral + ${proportional} error, the integral moving by ${gain} error a step, both within [0, ${largestTau}]; ` +
    'error = (target - ratio) / (target + ratio), or -1 at W = I.'
  );
}
