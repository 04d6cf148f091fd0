/** A ranking put together from what was measured: each model, the fit, and what a reader should be warned of. */
import { modelsAlone } from './alone.js';
import type { PoolCall } from './call.js';
import { type CrossFit, weightedMean } from './cross-fit.js';
import type { Design } from './design.js';
import type { Measured } from './measure.js';
import type { CheckedPool } from './pool.js';
import type { PoolFit, RankedModel } from './ranking.js';
import type { Estimate } from './resample.js';
import { holm } from './statistics.js';
import { verdictOf } from './verdict.js';

/** Above this the quadratic measure says little, and a warning is given. */
const HIGH_LINEAR_SHARE = 0.5;

/** Every model with its figures and its verdict. */
export function describeModels(
  call: PoolCall,
  measured: Measured,
  worth: readonly Estimate[],
  refits: readonly Estimate[] | null,
  alike: Float64Array,
  copied: readonly (readonly number[])[],
): RankedModel[] {
  const { pool, settings } = call;
  const n = pool.models.length;
  const alone = modelsAlone(pool);
  const worthP = holm(worth.map(({ pValue }) => pValue));
  const refittedP = refits === null ? null : holm(refits.map(({ pValue }) => pValue));
  const classes = measured.byClass.length / n;
  return pool.models.map((model, i) => {
    const byClass = Array.from({ length: classes }, (_, c) => measured.byClass[c * n + i]);
    const others = pool.models.map((_, j) => j).filter((j) => j !== i);
    const nearest = others.reduce<number | null>((best, j) => (best === null || alike[i * n + j] > alike[i * n + best] ? j : best), null);
    let shapley = 0;
    for (let j = 0; j < n; j++) shapley += measured.gram[i * n + j];
    const verdict = verdictOf({
      worth: worth[i],
      worthP: worthP[i],
      refitted: refits?.[i] ?? null,
      refittedP: refittedP?.[i] ?? 1,
      copies: copied.find((group) => group.includes(i))?.flatMap((j) => (j === i ? [] : [pool.models[j].name])) ?? [],
      nearest: nearest === null ? null : pool.models[nearest].name,
      byClass,
      classNames: settings.classNames,
      level: settings.level,
    });
    return {
      name: model.name,
      position: 1 + worth.filter(({ value }) => value > worth[i].value).length,
      worth: worth[i],
      worthAdjustedP: worthP[i],
      refitted: refits?.[i] ?? null,
      refittedAdjustedP: refittedP?.[i] ?? null,
      gaussNewton: measured.gaussNewton[i],
      linearShare: measured.linearShare[i],
      shapley,
      ...alone[i],
      cost: model.cost,
      byClass,
      verdict,
    };
  });
}

/** How well the heads were fitted. */
export function describeFit(fit: CrossFit): PoolFit {
  return {
    l2: fit.l2,
    adapted: fit.adapted,
    path: fit.path,
    gradientNorm: Math.max(...fit.heads.map(({ gradientNorm }) => gradientNorm)),
    steps: Math.max(...fit.heads.map(({ steps }) => steps)),
  };
}

/** Weighted share of rows whose largest logit is that of the label. */
export function accuracyOf(design: Design, logits: Float64Array): number | null {
  if (design.loss !== 'softmaxCrossEntropy') return null;
  const { outputs } = design;
  const right = Float64Array.from(design.labels, (label, row) => {
    for (let c = 0; c < outputs; c++) if (c !== label && logits[row * outputs + c] >= logits[row * outputs + label]) return 0;
    return 1;
  });
  return weightedMean(right, design.weights);
}

/** What a reader should know before trusting the figures. */
export function warningsOf(models: readonly RankedModel[], converged: boolean, pool: CheckedPool, quadratic: boolean): string[] {
  const warnings: string[] = [];
  const high = models.filter(({ linearShare, verdict }) => linearShare > HIGH_LINEAR_SHARE && verdict.code !== 'noEffect');
  if (high.length > 0) {
    warnings.push(
      `The linear share of ${high.length} of ${models.length} models is above ${HIGH_LINEAR_SHARE}: their Gauss-Newton measure leaves most of the change out. Go by worth and refitted worth.`,
    );
  }
  if (!converged) warnings.push('A head did not reach the gradient norm asked for: raise tolerance, or fix l2 at a larger value.');
  if (quadratic) warnings.push('The pool is so large that heads without a model were fitted by one Newton step, not to a gradient norm.');
  const partial = pool.models.filter(({ answered }) => answered !== null);
  if (partial.length > 0) {
    warnings.push(
      `${partial.length} of ${models.length} models left samples without an answer; their mean answer stands in, and taking it away costs nothing there.`,
    );
  }
  return warnings;
}
