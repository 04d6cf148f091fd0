/** From units of work to rows: draws the games, has them solved together, and compares rankings. */
import type { Backend } from '../backend/index.js';
import type { EquilibriumBatch, GameOptions, Method, SolveManyOptions } from '../equilibrium/types.js';
import { correlations } from '../ranking.js';
import { drawHessian, drawInitial, drawStake, idealRankingOf } from './laws.js';
import type { Unit } from './layout.js';
import { type TrialOutcome, type TrialRow, thetaOf } from './rows.js';
import { canonical, type SweepTask } from './spec.js';

/** Solves many games; {@link solveMany}, or a stand-in that gives the same answers. */
export type ManySolver = (options: SolveManyOptions) => Promise<EquilibriumBatch>;

/** What the solver is given beside the games. */
export interface SolveContext {
  readonly solve: ManySolver;
  readonly signal?: AbortSignal;
  readonly backend?: Backend;
}

/** A game of a unit, ready to be solved, and the row that it will become. */
interface DrawnTrial {
  readonly place: Pick<TrialRow, 'row' | 'cell' | 'trial' | 'theta'>;
  readonly game: GameOptions;
  readonly method: Method;
  readonly ideal: Float64Array;
}

/** Draws every game of some units. Within a unit all cells share one Hessian object, so the solver loads it once. */
export function drawUnits(task: SweepTask, units: readonly Unit[]): DrawnTrial[] {
  return units.flatMap((unit) => {
    const { n, hessian: law } = unit.cells[0]!;
    const name = { seed: task.seed, trial: unit.trial, n };
    const hessian = drawHessian(law, name);
    const ideal = idealRankingOf(hessian, n);
    return unit.cells.map((cell, index): DrawnTrial => {
      const { hessian: _law, stake, initial, method, ...terms } = cell;
      return {
        place: { row: unit.firstRow + index, cell: unit.firstCell + index, trial: unit.trial, theta: thetaOf(cell) },
        game: { ...terms, hessian, stake: drawStake(stake, name), initialWeights: drawInitial(initial, name) },
        method,
        ideal,
      };
    });
  });
}

/** Solves drawn games, those of one size and one method together, and returns their rows in order. */
export async function solveTrials(task: SweepTask, trials: readonly DrawnTrial[], context: SolveContext): Promise<TrialRow[]> {
  const groups = new Map<string, number[]>();
  for (const [index, { game, method }] of trials.entries()) {
    const key = `${game.n} ${canonical(method)}`;
    groups.set(key, [...(groups.get(key) ?? []), index]);
  }
  const rows = new Array<TrialRow>(trials.length);
  for (const indices of groups.values()) {
    const { solve, ...shared } = context;
    const batch = await solve({
      ...shared,
      games: indices.map((index) => trials[index]!.game),
      method: trials[indices[0]!]!.method,
      stop: task.stop,
      failure: { onCycle: 'stop' },
    });
    for (const [k, index] of indices.entries()) rows[index] = { ...trials[index]!.place, ...outcomeOf(task, trials[index]!, batch, k) };
  }
  return rows;
}

function outcomeOf(task: SweepTask, trial: DrawnTrial, batch: EquilibriumBatch, k: number): TrialOutcome {
  const { n } = batch;
  const competitive = batch.ranking.subarray(k * n, (k + 1) * n);
  const agreement = correlations(trial.ideal, competitive);
  const ratio = batch.diagonalRatio[k]!;
  return {
    status: batch.status[k]!,
    steps: batch.steps[k]!,
    period: batch.period[k]!,
    residual: batch.residual[k]!,
    gap: batch.gap[k]!,
    regret: batch.regret[k]!,
    diagonalShare: batch.diagonalShare[k]!,
    diagonalRatio: Number.isFinite(ratio) ? ratio : null,
    deadShare: batch.deadShare[k]!,
    pearson: agreement.pearson.value,
    spearman: agreement.spearman.value,
    kendall: agreement.kendall.value,
    undefined: agreement.pearson.reason?.replace('first vector', 'ideal ranking').replace('second vector', 'competitive ranking') ?? null,
    ...(task.keepRankings ? { ideal: [...trial.ideal], competitive: [...competitive] } : {}),
  };
}
