/** The solver by hand: an initial state and a pure step. */
import { InputError } from '../core/errors.js';
import { checkOptions, describe } from '../core/validate.js';
import { advance, type RunSettings } from '../reference/equilibrium.js';
import { type SearchOutcome, SearchValues } from '../reference/search-values.js';
import { frozenGame, gameArrays } from './game.js';
import { orderOfStep } from './order.js';
import { initialState, runSettings } from './settings.js';
import type { FailurePolicy, Game, GameOptions, Method, StopRule } from './types.js';

/** What a manual loop needs. */
export interface ManualOptions {
  readonly game: Game | GameOptions;
  readonly method: Method;
  readonly stop?: StopRule;
  readonly failure?: FailurePolicy;
}

/** One moment of a search: a value; {@link step} returns a new one. */
export interface SearchState {
  readonly game: Game;
  readonly method: Method;
  readonly settings: RunSettings;
  /** The flat state, as src/reference/search-values.ts lays it out. */
  readonly values: Float64Array;
}

/**
 * The state of a search before its first step.
 *
 * @param options - `game`, `method`, `stop`, `failure`.
 * @returns A value for {@link step}, {@link weightsOf} and {@link statusKindOf}.
 * @throws InputError as createGame
 * @paper (11), (12)
 * @example
 * ```ts
 * import { init, statusKindOf, step, weightsOf } from 'intermodel';
 * const game = {
 *   n: 2, temperature: 5, alpha: 25, tau: 1,
 *   hessian: { kind: 'diagonal', data: [2, 3] }, initialWeights: [0.5, 0.5, 0.5, 0.5],
 * } as const;
 * let state = init({ game, method: { kind: 'spectral' } });
 * while (statusKindOf(state) === 'running') state = step(state);
 * console.log(weightsOf(state).length); // 4
 * ```
 */
export function init(options: ManualOptions): SearchState {
  checkOptions(options);
  const game = frozenGame(options.game);
  const settings = runSettings(options.method, options.stop, options.failure, game.n);
  return made({ game, method: options.method, settings, values: initialState(game, settings) });
}

/** The state one step later, or with its outcome set where the search has ended. Runs on the reference; the argument is not changed. */
export function step(state: SearchState): SearchState {
  checkState(state);
  const values = state.values.slice();
  const { step: number } = new SearchValues(values, state.game.n);
  advance(values, gameArrays(state.game), state.settings, 1, orderOfStep(state.method, state.game.n, number));
  return made({ ...state, values });
}

/** W [n, n] of a state, in a new array. */
export function weightsOf(state: SearchState): Float64Array {
  checkState(state);
  return new SearchValues(state.values, state.game.n).weights.slice();
}

/** 'running', or how the search ended. */
export function statusKindOf(state: SearchState): SearchOutcome {
  checkState(state);
  return new SearchValues(state.values, state.game.n).outcome;
}

/** States made here; a value from anywhere else has not been checked. */
const states = new WeakSet<SearchState>();

function made(state: SearchState): SearchState {
  states.add(state);
  return state;
}

function checkState(state: SearchState): void {
  if (typeof state === 'object' && state !== null && states.has(state)) return;
  throw new InputError('BTM_TYPE', `must be a state, got ${describe(state)}`, { argument: 'state', remedy: 'Begin with init().' });
}
