/** Which models to keep: the smallest set that loses little, or the best within a budget. */

import { InputError } from '../core/errors.js';
import { describe } from '../core/validate.js';
import { MAX_STEPS, type PoolCall, type PoolHead, type RankPoolOptions } from './call.js';
import { eliminate } from './eliminate.js';
import { type FittedPoolOptions, fittedOf } from './fitted.js';
import { differences, headSpread, spreadRows } from './head-spread.js';
import { type Estimate, estimate, sumOverUnits } from './resample.js';
import { type Candidate, type SearchResult, searchSets } from './search.js';
import { type FitSubset, fittedSubsets, meanLoss, pooledSubsets, type SubsetFit } from './subset.js';

/** What is asked of a selection. */
export interface SelectionRule {
  /** Largest increase of the held-out loss over that of all models. Default: 1 % of it. Not together with `budget`. */
  readonly epsilon?: number;
  /** Largest sum of the costs of the models that are kept. */
  readonly budget?: number;
  /** Pools of at most this many models are searched completely, at most 16. Default 8, and up to 12 where that is little work. */
  readonly exactUpTo?: number;
}

/** Options of {@link selectModels}; `refit` is not read. */
export interface SelectModelsOptions extends RankPoolOptions, SelectionRule {}

/** A set of models, and what it loses. */
export interface SelectedSet {
  /** Indices into the pool, ascending. */
  readonly models: readonly number[];
  readonly cost: number;
  /** Held-out loss of the head fitted to these models alone. */
  readonly loss: number;
  /** Loss less that of all models, with a paired interval. */
  readonly increase: Estimate;
}

/** Result of {@link selectModels}. */
export interface PoolSelection {
  readonly names: readonly string[];
  readonly chosen: SelectedSet;
  readonly dropped: readonly number[];
  readonly rule: { readonly kind: 'epsilon' | 'budget'; readonly value: number };
  /** The best set found of each size, from 1 to all. */
  readonly curve: readonly SelectedSet[];
  /** Sets that no other is both cheaper and better than, by rising cost. */
  readonly front: readonly SelectedSet[];
  readonly loss: number;
  readonly head: PoolHead;
  /** Sets that were fitted. */
  readonly looked: number;
  /** 'complete': every set was looked at, so the gap to the best set is 0. 'exchanges': the gap is not known. 'elimination': nor is it. */
  readonly search: 'complete' | 'exchanges' | 'elimination';
  readonly gap: 0 | null;
  readonly samples: number;
  readonly seed: number;
  readonly level: number;
  /** 'nothingFits' when no set is within the budget; then the cheapest model is given. */
  readonly status: 'ok' | 'nothingFits';
}

/** Gradient norm of the heads of sets that are only compared. */
const ROUGH = 1e-4;
/** Multiplications that a search may take; beyond it models are eliminated by the quadratic model of the loss. */
const WORK = 3e12;

/** Pools of so many models are searched completely where the fits take at most so many multiplications. */
const FEW = 12;
const LITTLE = 1e11;

/**
 * Chooses the models of a pool that are worth keeping.
 *
 * The head is fitted again for every set that is looked at. The loss of the chosen set is that of the best of many, so it is a little
 * too good: judge it on other samples.
 *
 * @shape as {@link rankPool}
 * @param options - The pool, or what `fitPool` returned as `fitted`, and `epsilon` (at least 0) or `budget` (above 0).
 * @returns The chosen set, the curve over the number of models, the front over cost, and how the search was done.
 * @throws InputError as rankPool; AbortedError.
 * @numerics as rankPool
 * @cost Complete search: 2^n fits; else about 3 n^2 fits; for very large pools about one pass over the features for each model.
 * @paper section 1.3: pruning by the measure
 * @example
 * ```ts
 * import { selectModels } from 'intermodel';
 * const labels = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1];
 * const good = labels.flatMap((label) => (label === 0 ? [0.8, 0.2] : [0.3, 0.7]));
 * const dull = labels.flatMap(() => [0.5, 0.5]);
 * const { chosen } = await selectModels({ models: [{ name: 'dull', answers: dull }, { name: 'good', answers: good }], labels, folds: 3 });
 * console.log(chosen.models); // [1]
 * ```
 */
export async function selectModels(options: SelectModelsOptions | (FittedPoolOptions & SelectionRule)): Promise<PoolSelection> {
  checkRule(options ?? {});
  const { call, fit: base } = await fittedOf(options);
  const { design, pool, settings, backend } = call;
  const n = pool.models.length;
  const { kernels } = backend;
  const report = () => call.report('select', 0);
  const fitOf =
    base === null
      ? pooledSubsets(kernels, design, settings.head as 'vote' | 'logPool')
      : fittedSubsets(kernels, design, base, ROUGH, MAX_STEPS, report);
  const every = pool.models.map((_, i) => i);
  const whole = fitOf(every);
  const fit = 40 * design.samples * design.width * design.outputs * settings.folds;
  const exactUpTo = options.exactUpTo ?? (n <= FEW && (2 ** n * fit) / 4 <= LITTLE ? FEW : 8);
  const complete = n <= exactUpTo;
  const large = base !== null && !complete && (3 * n * n * fit) / 4 > WORK;
  const costs = pool.models.map(({ cost }) => cost);
  const onSet = async (share: number): Promise<void> => {
    call.report('select', share);
    await call.pause();
  };
  if (large) {
    const found = await eliminate(kernels, design, base, costs, onSet);
    return findings(call, options, found, 'elimination', whole, found.fitOf);
  }
  const found = await searchSets((models) => meanLoss(design, models.length === n ? whole.losses : fitOf(models).losses), {
    costs,
    exactUpTo,
    limit: Math.max(3 * n * n, Math.floor(WORK / Math.max(1, fit / 2))),
    onSet,
  });
  return findings(call, options, found, found.exact ? 'complete' : 'exchanges', whole, fitOf);
}

function checkRule({ epsilon, budget, exactUpTo }: SelectionRule): void {
  if (epsilon !== undefined && budget !== undefined) {
    throw new InputError('BTM_DOMAIN', 'excludes budget', { argument: 'epsilon', value: epsilon, remedy: 'Give one of them.' });
  }
  if (epsilon !== undefined && !(epsilon >= 0 && Number.isFinite(epsilon))) {
    throw new InputError('BTM_NEGATIVE', `must be at least 0, got ${describe(epsilon)}`, { argument: 'epsilon', value: epsilon });
  }
  if (budget !== undefined && !(budget > 0 && Number.isFinite(budget))) {
    throw new InputError('BTM_DOMAIN', `must be above 0, got ${describe(budget)}`, { argument: 'budget', value: budget });
  }
  if (exactUpTo !== undefined && !(Number.isInteger(exactUpTo) && exactUpTo >= 0 && exactUpTo <= 16)) {
    throw new InputError('BTM_DOMAIN', `must be an integer from 0 to 16, got ${describe(exactUpTo)}`, {
      argument: 'exactUpTo',
      value: exactUpTo,
    });
  }
}

/** What the search found, with intervals for the sets that are shown. */
function findings(
  call: PoolCall,
  options: SelectionRule,
  found: SearchResult,
  search: PoolSelection['search'],
  whole: SubsetFit,
  fitOf: FitSubset,
): PoolSelection {
  const { design, pool, settings } = call;
  const loss = meanLoss(design, whole.losses);
  const rule =
    options.budget === undefined
      ? { kind: 'epsilon' as const, value: options.epsilon ?? 0.01 * Math.abs(loss) }
      : { kind: 'budget' as const, value: options.budget };
  const fitting = found.seen.filter((set) => (rule.kind === 'epsilon' ? set.loss <= loss + rule.value : set.cost <= rule.value));
  const cheapest = found.seen.reduce((best, set) => (set.cost < best.cost ? set : best));
  const chosen = fitting.length === 0 ? cheapest : fitting.reduce((best, set) => (isBetter(set, best, rule.kind) ? set : best));
  const front = frontOf(found.seen);
  const increases = increasesOf(call, [chosen, ...found.bySize, ...front], whole, fitOf);
  const withInterval = (set: Candidate): SelectedSet => ({ ...set, increase: increases.get(set.models.join()) as Estimate });
  return {
    names: pool.models.map(({ name }) => name),
    chosen: withInterval(chosen),
    dropped: pool.models.map((_, i) => i).filter((i) => !chosen.models.includes(i)),
    rule,
    curve: found.bySize.map(withInterval),
    front: front.map(withInterval),
    loss,
    head: settings.head,
    looked: found.seen.length,
    search,
    gap: search === 'complete' ? 0 : null,
    samples: pool.samples,
    seed: settings.seed,
    level: settings.level,
    status: fitting.length === 0 ? 'nothingFits' : 'ok',
  };
}

/** Under epsilon the cheaper, then the smaller, then the better set; under a budget the better one. */
function isBetter(a: Candidate, b: Candidate, rule: 'epsilon' | 'budget'): boolean {
  if (rule === 'budget') return a.loss < b.loss;
  if (a.cost !== b.cost) return a.cost < b.cost;
  if (a.models.length !== b.models.length) return a.models.length < b.models.length;
  return a.loss < b.loss;
}

function frontOf(seen: readonly Candidate[]): Candidate[] {
  const sorted = [...seen].sort((a, b) => a.cost - b.cost || a.loss - b.loss);
  let best = Number.POSITIVE_INFINITY;
  return sorted.filter((set) => {
    if (set.loss >= best) return false;
    best = set.loss;
    return true;
  });
}

/** What each set loses, by its models; all from the same resamples. */
function increasesOf(call: PoolCall, sets: readonly Candidate[], whole: SubsetFit, fitOf: FitSubset): Map<string, Estimate> {
  const { backend, design, units, draws, settings, pool } = call;
  const rows = spreadRows(design, units);
  const wholeByHead = whole.byHead?.(rows.design) ?? [];
  const distinct = [...new Map(sets.map(({ models }) => [models.join(), models])).values()];
  const columns = distinct.length;
  const sums = new Float64Array(units.count * columns);
  const spread = new Float64Array(columns);
  for (const [k, models] of distinct.entries()) {
    const fit = models.length === pool.models.length ? whole : fitOf(models);
    const change = fit.losses.map((value, row) => value - whole.losses[row]);
    sumOverUnits(design, units, change, 1).forEach((sum, unit) => {
      sums[unit * columns + k] = sum;
    });
    if (fit.byHead !== null) spread[k] = headSpread(rows, differences(fit.byHead(rows.design), wholeByHead), 1)[0];
  }
  const found = estimate(backend.kernels, units, draws, sums, columns, settings.level, spread);
  return new Map(distinct.map((models, k) => [models.join(), found[k]]));
}
