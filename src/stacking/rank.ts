/** Which models of a pool are worth keeping, from their saved answers (paper sections 1.2, 1.3 and 6.1). */
import { ceilingOf } from './alone.js';
import { MAX_STEPS, type PoolCall, type RankPoolOptions } from './call.js';
import { clusterOrder, copies, similarity } from './clusters.js';
import { baselineAnswers, type Contributions, fittedContributions, pooledContributions } from './contributions.js';
import { type CrossFit, lossesOf } from './cross-fit.js';
import { accuracyOf, describeFit, describeModels, warningsOf } from './describe.js';
import { type FittedPoolOptions, fittedOf } from './fitted.js';
import { changesOf, differences, headSpread, lossesByHead, spreadRows } from './head-spread.js';
import { measure } from './measure.js';
import { type PairSpread, pairRemovals } from './pairs.js';
import type { PoolRanking } from './ranking.js';
import { refitsAtOnce, refitWithout } from './refit.js';
import { estimate, sumOverUnits } from './resample.js';

/** Multiplications of the refits beyond which one Newton step must do. */
const REFIT_WORK = 4e11;

/**
 * Ranks the models of a pool by the held-out loss that their absence costs.
 *
 * Every sample is scored by a head that was fitted without it. Intervals are for the mean worth under those heads over all samples that
 * might have been drawn; they come from a paired bootstrap, widened by what the heads of the folds owe to one another's samples.
 *
 * @shape models[i].answers [samples, width_i]; labels [samples], or targets [samples, outputs]
 * @param options - The pool, and how to judge it; or what `fitPool` returned, as `fitted`. `folds` at least 2, `l2` at least 0, `level` in (0, 1), `tolerance` above 0.
 * @returns Worth with intervals, refitted and not, the Gram matrix, copies, pairs, the ceiling, and a verdict for each model.
 * @throws InputError BTM_TYPE, BTM_SHAPE, BTM_NONFINITE, BTM_LABEL, BTM_DOMAIN, BTM_NEGATIVE, BTM_ALL_MASKED; AbortedError.
 * @numerics f64, the same bits for any backend, instruction set and number of threads.
 * @cost About 60 passes over the features for the fit, and as many again for every few models that are refitted.
 * @paper (2), (17), (25)
 * @example
 * ```ts
 * import { rankPool } from 'intermodel';
 * const labels = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1];
 * const good = labels.flatMap((label) => (label === 0 ? [0.8, 0.2] : [0.3, 0.7]));
 * const dull = labels.flatMap(() => [0.5, 0.5]);
 * const { models } = await rankPool({ models: [{ name: 'dull', answers: dull }, { name: 'good', answers: good }], labels, folds: 3 });
 * console.log(models.map(({ name, position }) => `${name} ${position}`).join(', ')); // dull 2, good 1
 * ```
 */
export async function rankPool(options: RankPoolOptions | FittedPoolOptions): Promise<PoolRanking> {
  const { call, fit: fitted } = await fittedOf(options);
  const { design, pool, settings, backend, units, draws } = call;
  const n = pool.models.length;
  const contributions = contributionsOf(call, fitted);
  const measured = measure(backend, design, contributions, units, (done) => call.report('measure', done / design.samples));
  await call.pause();
  const heads = fitted === null ? null : compareHeads(call, fitted);
  const refitted = fitted !== null && heads !== null && settings.refit ? await refit(call, fitted, heads) : null;
  const estimateOf = (sums: Float64Array, columns: number, spread: Float64Array | undefined) =>
    estimate(backend.kernels, units, draws, sums, columns, settings.level, spread);
  const spreadOf = (changes: readonly Float64Array[] | undefined, columns: number) =>
    heads === null || changes === undefined ? undefined : headSpread(heads.rows, changes, columns);
  const losses = fitted?.losses ?? lossesOf(backend.kernels, design, contributions.logits);
  const worth = estimateOf(measured.ablation, n, spreadOf(heads?.changes, n));
  const refits = refitted === null ? null : estimateOf(refitted.sums, n, refitted.spread);
  const alike = similarity(backend.kernels, design);
  const copied = copies(alike, n);
  const models = describeModels(call, measured, worth, refits, alike, copied);
  const converged = fitted === null || (fitted.heads.every(({ status }) => status !== 'stepLimit') && refitted?.converged !== false);
  return {
    models,
    loss: estimateOf(sumOverUnits(design, units, losses, 1), 1, spreadOf(heads?.losses, 1))[0],
    accuracy: accuracyOf(design, contributions.logits),
    head: settings.head,
    fit: fitted === null ? null : describeFit(fitted),
    refitGradientNorm: refitted?.by === 'fit' ? refitted.gradientNorm : null,
    refitBy: refitted?.by ?? null,
    gram: measured.gram,
    similarity: alike,
    clusterOrder: clusterOrder(alike, n),
    copies: copied,
    pairs: fitted === null ? [] : pairRemovals(backend, design, contributions, measured, units, draws, settings.level, heads),
    ceiling: ceilingOf(pool, settings.level),
    samples: pool.samples,
    outputs: pool.outputs,
    folds: settings.folds,
    seed: settings.seed,
    level: settings.level,
    resamples: settings.resamples,
    resampled: { units: units.count, what: units.what },
    baseline: settings.baseline,
    status: converged ? 'ok' : 'notConverged',
    warnings: warningsOf(models, converged, pool, refitted?.by === 'quadratic'),
  };
}

function contributionsOf({ backend, design, settings }: PoolCall, fit: CrossFit | null): Contributions {
  if (fit === null) return pooledContributions(backend.kernels, design, settings.head as 'vote' | 'logPool');
  const parameters = fit.heads.map((head) => head.parameters);
  return fittedContributions(backend.kernels, design, parameters, settings.baseline, fit.logits);
}

/** The heads of all folds on the same rows, for what they owe to one another's samples. */
interface ComparedHeads extends PairSpread {
  /** One [rows] a head. */
  readonly losses: readonly Float64Array[];
}

function compareHeads({ backend, design, units, settings, pool }: PoolCall, fit: CrossFit): ComparedHeads {
  const rows = spreadRows(design, units);
  const parameters = fit.heads.map((head) => head.parameters);
  const means = baselineAnswers(design, settings.baseline);
  const contributions = parameters.map((head, fold) => fittedContributions(backend.kernels, rows.design, [head], [means[fold]]));
  return {
    rows,
    losses: lossesByHead(backend.kernels, rows.design, parameters),
    contributions,
    changes: contributions.map((own) =>
      changesOf(
        backend,
        rows.design,
        own,
        pool.models.map((_, i) => [i]),
      ),
    ),
  };
}

/** Sums over units of the change of the loss without each model, after refitting. */
interface Refitted {
  readonly sums: Float64Array;
  /** [models]: the heads' part of the variance. */
  readonly spread: Float64Array;
  readonly gradientNorm: number;
  readonly converged: boolean;
  readonly by: 'fit' | 'quadratic';
}

/** Fits the heads again without each model in turn. */
async function refit(call: PoolCall, fit: CrossFit, compared: ComparedHeads): Promise<Refitted> {
  const { backend, design, units, pool, settings } = call;
  const n = pool.models.length;
  const sums = new Float64Array(units.count * n);
  const spread = new Float64Array(n);
  // about ten evaluations a refit, two products each
  const quadratic = n * settings.folds * design.samples * design.width * design.outputs * 20 > REFIT_WORK;
  let gradientNorm = 0;
  let converged = true;
  const batch = refitsAtOnce(settings.folds, design.outputs);
  for (let first = 0; first < n; first += batch) {
    const models = Array.from({ length: Math.min(batch, n - first) }, (_, k) => first + k);
    const options = {
      tolerance: settings.tolerance,
      maxSteps: quadratic ? 0 : MAX_STEPS,
      onStep: () => call.report('refit', first / n),
    };
    const sets = models.map((model) => [model]);
    refitWithout(backend.kernels, design, fit, sets, options, (found, k) => {
      const model = models[k];
      const change = found.losses.map((loss, row) => loss - fit.losses[row]);
      const own = sumOverUnits(design, units, change, 1);
      for (let unit = 0; unit < units.count; unit++) sums[unit * n + model] = own[unit];
      const byHead = lossesByHead(backend.kernels, compared.rows.design, found.parameters);
      spread[model] = headSpread(compared.rows, differences(byHead, compared.losses), 1)[0];
      gradientNorm = Math.max(gradientNorm, found.gradientNorm);
      converged &&= quadratic || found.converged;
    });
    call.report('refit', first / n);
    await call.pause();
  }
  return { sums, spread, gradientNorm, converged, by: quadratic ? 'quadratic' : 'fit' };
}
