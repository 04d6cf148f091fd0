/** Parts of a result that were typed arrays or handles, as the plain data that a result holds. */
import type { Equilibrium } from '../equilibrium/index.js';
import type { Measurement } from './measure.js';
import type { DemoResult, DemoSettings } from './result.js';

/** What each participant measured of every peer. */
export function scoresOf(settings: Pick<DemoSettings, 'estimator'>, measurements: readonly Measurement[]): DemoResult['scores'] {
  return {
    estimator: settings.estimator,
    ideal: measurements.map((m) => Array.from(m.ideal)),
    ablation: measurements.map((m) => Array.from(m.ablation)),
  };
}

/** How the search for the competitive ranking ended. */
export function outcomeOf(equilibrium: Equilibrium): DemoResult['equilibrium'] {
  const { status, stats } = equilibrium;
  return { status: status.kind, message: status.message, steps: stats.steps, residual: stats.residual };
}
