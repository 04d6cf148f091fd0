/** What a sweep computes: a grid over theta, trials per cell, method and stopping rule; checked, frozen and named by its hash. */
import { createHash } from 'node:crypto';
import { InputError } from '../core/errors.js';
import { checkInteger, checkNonNegative, checkNumber, checkOneOf, checkPositive } from '../core/validate.js';
import type { GameOptions, Method, StopRule } from '../equilibrium/types.js';
import { HESSIAN_LAWS, type HessianLaw, INITIAL_LAWS, type InitialLaw, STAKE_LAWS, type StakeLaw } from './laws.js';

/** The values each part of theta takes. A sweep runs every combination. */
export interface SweepGrid {
  readonly n: readonly number[];
  readonly hessian: readonly HessianLaw[];
  readonly stake: readonly StakeLaw[];
  readonly initial: readonly InitialLaw[];
  readonly temperature: readonly number[];
  readonly alpha: readonly number[];
  readonly tau: readonly number[];
  readonly utility: readonly NonNullable<GameOptions['utility']>[];
  readonly scaling: readonly NonNullable<GameOptions['scaling']>[];
  readonly reference: readonly NonNullable<GameOptions['reference']>[];
  readonly projection: readonly NonNullable<GameOptions['projection']>[];
  readonly shiftGradient: readonly NonNullable<GameOptions['shiftGradient']>[];
  readonly openDiagonal: readonly boolean[];
  readonly method: readonly Method[];
}

/** A sweep as its author writes it: parts of theta left out take one value, the default. */
export interface SweepSpec {
  /** Integer in [0, 2^53). Every random number of the sweep follows from it. */
  readonly seed: number;
  /** Trials per cell. Trial k has the same Hessians and first weights in every cell that shares their laws and n. */
  readonly trials: number;
  /** `temperature` and `alpha` have no default (R-13). */
  readonly grid: Partial<SweepGrid> & Pick<SweepGrid, 'temperature' | 'alpha'>;
  readonly stop?: StopRule;
  /** Keep the ideal and the competitive ranking of every trial. Default false. */
  readonly keepRankings?: boolean;
}

/** One combination of the grid. */
export type Cell = { readonly [Axis in keyof SweepGrid]: SweepGrid[Axis][number] };

/** A checked sweep. */
export interface SweepTask {
  readonly seed: number;
  readonly trials: number;
  readonly grid: SweepGrid;
  readonly stop: Required<Pick<StopRule, 'residual'>> & StopRule;
  readonly keepRankings: boolean;
  /** SHA-256 of everything above in canonical form: the same hash means the same results, byte for byte. */
  readonly hash: string;
}

/** Bumped whenever the same task would give other bytes. */
const RESULT_FORMAT = 1;

const DEFAULTS: Omit<SweepGrid, 'temperature' | 'alpha'> = {
  n: [10],
  hessian: ['wishart'],
  stake: ['equal'],
  initial: ['uniform'],
  tau: [1],
  utility: ['cost'],
  scaling: ['ratio'],
  reference: ['ones'],
  projection: ['exact'],
  shiftGradient: ['exact'],
  openDiagonal: [false],
  method: [{ kind: 'spectral' }],
};

/** Parts of theta in the order in which cells are numbered; the first two choose the Hessians, which the others share. */
export const AXES = [
  'n',
  'hessian',
  'stake',
  'initial',
  'temperature',
  'alpha',
  'tau',
  'utility',
  'scaling',
  'reference',
  'projection',
  'shiftGradient',
  'openDiagonal',
  'method',
] as const satisfies readonly (keyof SweepGrid)[];

type Check = (argument: string, value: unknown) => unknown;

const oneOf =
  (allowed: readonly string[]): Check =>
  (argument, value) =>
    checkOneOf(argument, value, allowed);

const CHECKS: { readonly [Axis in keyof SweepGrid]: Check } = {
  n: (argument, value) => checkInteger(argument, value, 1, 4096),
  hessian: oneOf(HESSIAN_LAWS),
  stake: oneOf(STAKE_LAWS),
  initial: oneOf(INITIAL_LAWS),
  temperature: checkPositive,
  alpha: checkNonNegative,
  tau: checkNonNegative,
  utility: oneOf(['cost', 'gain']),
  scaling: oneOf(['ratio', 'absolute']),
  reference: oneOf(['ones', 'initial', 'closed']),
  projection: oneOf(['exact', 'clipRenormalise']),
  shiftGradient: oneOf(['exact', 'stopped']),
  openDiagonal: checkBoolean,
  method: checkMethod,
};

/**
 * Checks a sweep and names it.
 *
 * @param spec - Grid, trials, seed, stopping rule.
 * @returns A frozen task; equal tasks have equal hashes whatever the order in which they were written.
 * @throws InputError BTM_TYPE, BTM_DOMAIN, BTM_SHAPE (an empty axis), naming axis and place.
 * @example
 * ```ts
 * import { sweepTask } from 'intermodel/sweep';
 * const task = sweepTask({ seed: 1, trials: 100, grid: { temperature: [5], alpha: [1, 10, 25, 50] } });
 * console.log(task.hash.length); // 64
 * ```
 */
export function sweepTask(spec: SweepSpec): SweepTask {
  const seed = checkInteger('seed', spec?.seed, 0);
  const trials = checkInteger('trials', spec.trials, 1, 2 ** 40);
  const given: Record<string, unknown> = { ...DEFAULTS, ...spec.grid };
  const grid = Object.fromEntries(AXES.map((axis) => [axis, checkAxis(axis, given[axis])])) as unknown as SweepGrid;
  const unknownAxis = Object.keys(given).find((axis) => !(AXES as readonly string[]).includes(axis));
  if (unknownAxis !== undefined)
    throw new InputError('BTM_DOMAIN', 'is no part of theta', { argument: `grid.${unknownAxis}`, remedy: `Use ${AXES.join(', ')}.` });
  checkTau(grid);
  const stop = checkStop(spec.stop ?? {});
  const keepRankings = checkBoolean('keepRankings', spec.keepRankings ?? false);
  const content = { seed, trials, grid, stop, keepRankings };
  const hash = createHash('sha256')
    .update(canonical({ ...content, format: RESULT_FORMAT }))
    .digest('hex');
  return deepFreeze({ ...content, hash });
}

/** Every combination, in the order of their numbers: the last axis changes fastest. */
export function cellsOf(task: SweepTask): Cell[] {
  let cells: Record<string, unknown>[] = [{}];
  for (const axis of AXES) {
    const values: readonly unknown[] = task.grid[axis];
    cells = cells.flatMap((cell) => values.map((value) => ({ ...cell, [axis]: value })));
  }
  return cells as unknown as Cell[];
}

/** A method in one word and its numbers, for columns of tables: `projectedGradient(rate=0.005)`. */
export function methodName(method: Method): string {
  const { kind, ...rest } = method;
  const numbers = Object.entries(rest).map(([name, value]) => `${name}=${value}`);
  return numbers.length === 0 ? kind : `${kind}(${numbers.join(';')})`;
}

function checkAxis(axis: keyof SweepGrid, values: unknown): unknown[] {
  if (!Array.isArray(values)) {
    throw new InputError('BTM_TYPE', 'must be a list of values', {
      argument: `grid.${axis}`,
      value: values,
      remedy: 'Write a single value as a list of one.',
    });
  }
  if (values.length === 0) throw new InputError('BTM_SHAPE', 'must hold at least one value', { argument: `grid.${axis}` });
  const checked = values.map((value, index) => CHECKS[axis](`grid.${axis}[${index}]`, value));
  const repeated = checked.findIndex((value, index) => checked.slice(0, index).some((other) => canonical(other) === canonical(value)));
  if (repeated >= 0) {
    throw new InputError('BTM_DOMAIN', 'repeats a value', { argument: `grid.${axis}`, index: repeated, value: checked[repeated] });
  }
  return checked;
}

function checkTau(grid: SweepGrid): void {
  const zero = grid.tau.indexOf(0);
  if (zero >= 0 && grid.scaling.includes('ratio')) {
    throw new InputError('BTM_DOMAIN', 'must be above 0 where the scaling is alpha / tau', {
      argument: 'grid.tau',
      index: zero,
      value: 0,
      remedy: "Use scaling 'absolute', which is equation (10).",
    });
  }
}

function checkBoolean(argument: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new InputError('BTM_TYPE', `must be true or false, got ${String(value)}`, { argument, value });
  return value;
}

const METHOD_FIELDS: Readonly<Record<Method['kind'], readonly string[]>> = {
  projectedGradient: ['rate', 'order', 'seed', 'epsilon'],
  spectral: ['firstRate', 'leastRate', 'largestRate'],
  softmax: ['rate'],
};

/** Checks names and numbers; what they may be is the solver's to say. */
function checkMethod(argument: string, value: unknown): Method {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const kind = checkOneOf(`${argument}.kind`, given['kind'], ['projectedGradient', 'spectral', 'softmax']);
  for (const [name, entry] of Object.entries(given)) {
    if (name === 'kind') continue;
    if (!METHOD_FIELDS[kind].includes(name)) {
      throw new InputError('BTM_DOMAIN', `is not read by method '${kind}'`, { argument: `${argument}.${name}`, value: entry });
    }
    if (name === 'order') checkOneOf(`${argument}.order`, entry, ['simultaneous', 'sequential', 'random']);
    else if (name === 'seed') checkInteger(`${argument}.seed`, entry, 0);
    else checkPositive(`${argument}.${name}`, entry);
  }
  if (kind === 'projectedGradient') checkPositive(`${argument}.rate`, given['rate']);
  return { ...given } as unknown as Method;
}

function checkStop(stop: StopRule): SweepTask['stop'] {
  const residual = stop.residual === undefined ? 1e-6 : checkNumber('stop.residual', stop.residual);
  if (stop.maxSteps !== undefined) checkInteger('stop.maxSteps', stop.maxSteps, 1);
  if (stop.checkEvery !== undefined) checkInteger('stop.checkEvery', stop.checkEvery, 1);
  return { ...stop, residual };
}

/** JSON with sorted keys, so that the order of writing does not matter. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, entry]) => `${JSON.stringify(name)}:${canonical(entry)}`)
    .join(',')}}`;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
