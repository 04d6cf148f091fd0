/** Cross-fitting: one head a fold, each fitted to the other folds; the L2 that predicts held-out samples best, along a warm-started path. */
import type { Kernels } from '../backend/index.js';
import { LOSSES } from '../core/closed-lists.js';
import { type Design, thinned } from './design.js';
import { type FittedHead, fitHeads, interleave } from './fit.js';
import { curvatureOver, type Preconditioner, precondition, preconditionBy } from './preconditioner.js';

/** Heads of every fold at one L2. */
export interface CrossFit {
  readonly heads: readonly FittedHead[];
  readonly l2: number;
  /** [folds], each [models]: what l2 is multiplied by; 1 for an even penalty. */
  readonly shrinkage: readonly Float64Array[];
  /** Whether the penalty was adapted to the models. */
  readonly adapted: boolean;
  /** Mean held-out loss of each L2 that was tried, in the order of the path. */
  readonly path: readonly PathPoint[];
  /** [samples, outputs]: logits of each row by the head that did not see it. */
  readonly logits: Float64Array;
  /** [samples], not weighted. */
  readonly losses: Float64Array;
  readonly preconditioner: Preconditioner;
}

/** One point of the path. */
export interface PathPoint {
  readonly l2: number;
  readonly adapted: boolean;
  readonly loss: number;
}

/** Options of {@link crossFit}. */
export interface CrossFitOptions {
  /** Fixed L2, or 'auto' for the path. */
  readonly l2: number | 'auto';
  /** 'even': the same L2 for every model; 'adaptive': stronger where a first fit gave small weights, if held-out samples gain from it. */
  readonly penalty: 'even' | 'adaptive';
  /** Largest entry of the gradient of each final head. */
  readonly tolerance: number;
  readonly maxSteps: number;
  /** Called between steps with a rough share of the work; may throw to stop. */
  readonly onProgress?: ((share: number) => void) | undefined;
}

/** From strong to weak, half a decade apart. */
const PATH = [1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6];
/** Rounds of adapting the penalty to the weights of the round before. */
const ROUNDS = 3;
/** A model's penalty is at most this many times the mean's, and at least the inverse. */
const STRONGEST = 1e4;
/** Numbers in the features above which L2 is chosen on fewer rows. */
const LARGE = 1.6e7;
/** Gradient norm that is enough to compare two values of L2. */
const ROUGH = 1e-4;
/** A preconditioner serves until L2 has fallen by this factor. */
const STALE = 5;
/** Points of the path after which its curvature is taken as it is. */
const FIRST = 4;
/** Values of L2 that may be worse than the best before the path ends. */
const PATIENCE = 2;

/** A point of the path with what the next one starts from. */
interface Walk {
  readonly point: PathPoint;
  readonly shrinkage: readonly Float64Array[];
  readonly parameters: readonly Float64Array[];
}

/** Fits the heads of every fold. In very large pools L2 is chosen on some of the rows, and made smaller as they become more. */
export function crossFit(kernels: Kernels, design: Design, options: CrossFitOptions): CrossFit {
  const stride = Math.ceil((design.samples * design.width) / LARGE);
  if (stride === 1 || options.l2 !== 'auto') return finish(kernels, design, ...choose(kernels, design, options), options);
  const some = thinned(design, stride);
  const [best, walks] = choose(kernels, some, options);
  const share = some.samples / design.samples;
  return finish(kernels, design, { ...best, point: { ...best.point, l2: best.point.l2 * share } }, walks, options);
}

/** The best point of the path, and all that were tried. */
function choose(kernels: Kernels, design: Design, options: CrossFitOptions): [Walk, Walk[]] {
  const folds = design.foldStarts.length - 1;
  const models = design.starts.length - 1;
  const even = Array.from({ length: folds }, () => new Float64Array(models).fill(1));
  const candidates = options.l2 === 'auto' ? PATH : [options.l2];
  const walks = walkPath(kernels, design, candidates, even, undefined, options);
  let best = bestOf(walks);
  for (let round = 0; round < ROUNDS && options.penalty === 'adaptive' && models > 1; round++) {
    const shrinkage = best.parameters.map((parameters) => adapt(design, parameters));
    const near = options.l2 === 'auto' ? PATH.filter((l2) => l2 <= best.point.l2 * 11 && l2 >= best.point.l2 / 11) : candidates;
    const found = walkPath(kernels, design, near, shrinkage, best.parameters, options);
    walks.push(...found);
    const next = bestOf(found);
    if (next.point.loss >= best.point.loss) break;
    best = next;
  }
  return [best, walks];
}

function bestOf(walks: readonly Walk[]): Walk {
  return walks.reduce((best, walk) => (walk.point.loss < best.point.loss ? walk : best));
}

/** Fits along falling values of L2 until held-out samples get worse. */
function walkPath(
  kernels: Kernels,
  design: Design,
  candidates: readonly number[],
  shrinkage: readonly Float64Array[],
  start: readonly Float64Array[] | undefined,
  options: CrossFitOptions,
): Walk[] {
  const tolerance = Math.max(options.tolerance, ROUGH);
  const mean = meanOf(shrinkage);
  let parameters = start;
  let curvature = curvatureOf(kernels, design, parameters === undefined ? null : heldOutLogits(kernels, design, parameters));
  let over = curvatureOver(kernels, design, curvature);
  let preconditioner = preconditionBy(kernels, design, over, candidates[0], mean);
  const walks: Walk[] = [];
  let best = Number.POSITIVE_INFINITY;
  let worse = 0;
  for (const [place, l2] of candidates.entries()) {
    if (l2 < preconditioner.l2 / STALE) {
      // the curvature changes little along the path but for its first step away from logits of 0
      if (parameters !== start && start === undefined && place <= FIRST) over = curvatureOver(kernels, design, curvature);
      preconditioner = preconditionBy(kernels, design, over, l2, mean);
    }
    const onStep = () => options.onProgress?.(place / (candidates.length + 1));
    const problems = shrinkage.map((own, fold) => ({ fold, l2, without: [], shrinkage: own }));
    const heads = fitHeads(kernels, design, problems, preconditioner, { tolerance, maxSteps: options.maxSteps, onStep }, parameters);
    parameters = heads.map((head) => head.parameters);
    const logits = heldOutLogits(kernels, design, parameters);
    curvature = curvatureOf(kernels, design, logits);
    const loss = weightedMean(lossesOf(kernels, design, logits), design.weights);
    walks.push({ point: { l2, adapted: start !== undefined, loss }, shrinkage, parameters });
    worse = loss < best ? 0 : worse + 1;
    best = Math.min(best, loss);
    if (worse > PATIENCE) break;
  }
  return walks;
}

/** Multiples of l2 by the inverse mean square of each model's weights, so that what was small becomes smaller; their weighted mean is 1. */
function adapt({ starts, outputs }: Design, parameters: Float64Array): Float64Array {
  const models = starts.length - 1;
  const squares = Float64Array.from({ length: models }, (_, i) => {
    let sum = 0;
    for (let j = starts[i] * outputs; j < starts[i + 1] * outputs; j++) sum += parameters[j] * parameters[j];
    return sum / ((starts[i + 1] - starts[i]) * outputs);
  });
  const mean = squares.reduce((sum, square) => sum + square, 0) / models;
  return squares.map((square) => (mean > 0 ? Math.min(STRONGEST, Math.max(1 / STRONGEST, mean / (square + mean / STRONGEST))) : 1));
}

function meanOf(vectors: readonly Float64Array[]): Float64Array {
  return vectors[0].map((_, i) => vectors.reduce((sum, vector) => sum + vector[i], 0) / vectors.length);
}

/** The heads at the chosen point, to the gradient norm asked for. */
function finish(kernels: Kernels, design: Design, chosen: Walk, walks: readonly Walk[], options: CrossFitOptions): CrossFit {
  const { l2, adapted } = chosen.point;
  const curvature = curvatureOf(kernels, design, heldOutLogits(kernels, design, chosen.parameters));
  const preconditioner = precondition(kernels, design, curvature, l2, meanOf(chosen.shrinkage));
  const { tolerance, maxSteps } = options;
  const problems = chosen.shrinkage.map((shrinkage, fold) => ({ fold, l2, without: [], shrinkage }));
  const heads = fitHeads(
    kernels,
    design,
    problems,
    preconditioner,
    { tolerance, maxSteps, onStep: () => options.onProgress?.(0.95) },
    chosen.parameters,
  );
  const parameters = heads.map((head) => head.parameters);
  const logits = heldOutLogits(kernels, design, parameters);
  return {
    heads,
    l2,
    shrinkage: chosen.shrinkage,
    adapted,
    path: walks.map(({ point }) => point),
    logits,
    losses: lossesOf(kernels, design, logits),
    preconditioner,
  };
}

/** [samples, outputs]: each row by the head of the fold in which it is held out. */
export function heldOutLogits(kernels: Kernels, design: Design, parameters: readonly Float64Array[]): Float64Array {
  const { samples, width, outputs, foldStarts, features } = design;
  const logits = new Float64Array(samples * outputs);
  parameters.forEach((head, fold) => {
    const from = foldStarts[fold];
    const to = foldStarts[fold + 1];
    kernels.matMul(
      logits.subarray(from * outputs, to * outputs),
      features.subarray(from * width, to * width),
      head.subarray(0, width * outputs),
      head.subarray(width * outputs),
      to - from,
      width,
      outputs,
      false,
      false,
    );
  });
  return logits;
}

/** The loss of each row by the head that did not see it, for several sets of heads at once: one [samples] a set, not weighted. */
export function heldOutLosses(kernels: Kernels, design: Design, sets: readonly (readonly Float64Array[])[]): Float64Array[] {
  const { samples, width, outputs, foldStarts, features, labels, targets } = design;
  const losses = sets.map(() => new Float64Array(samples));
  for (let fold = 0; fold + 1 < foldStarts.length; fold++) {
    const from = foldStarts[fold];
    const to = foldStarts[fold + 1];
    const found = new Float64Array(sets.length * (to - from));
    kernels.stackingGradient(
      found,
      new Float64Array(0),
      features.subarray(from * width, to * width),
      interleave(
        sets.map((set) => set[fold]),
        width + 1,
        outputs,
      ),
      labels.subarray(from, to),
      targets.subarray(from * outputs, to * outputs),
      new Float64Array(found.length).fill(1),
      LOSSES.indexOf(design.loss),
      to - from,
      width,
      sets.length,
      outputs,
    );
    losses.forEach((own, k) => {
      own.set(found.subarray(k * (to - from), (k + 1) * (to - from)), from);
    });
  }
  return losses;
}

/** Loss of each row of logits: a head that passes its features on. */
export function lossesOf(kernels: Kernels, design: Design, logits: Float64Array): Float64Array {
  const { samples, outputs, labels, targets } = design;
  const loss = LOSSES.indexOf(design.loss);
  const identity = new Float64Array((outputs + 1) * outputs);
  for (let c = 0; c < outputs; c++) identity[c * outputs + c] = 1;
  const losses = new Float64Array(samples);
  const ones = new Float64Array(samples).fill(1);
  kernels.stackingGradient(losses, new Float64Array(0), logits, identity, labels, targets, ones, loss, samples, outputs, 1, outputs);
  return losses;
}

/** Mean curvature of the loss over the outputs, for each row of logits; of logits 0 where there are none yet. */
function curvatureOf(kernels: Kernels, design: Design, logits: Float64Array | null): Float64Array {
  const { samples, outputs, loss } = design;
  const out = new Float64Array(samples).fill(1);
  if (loss === 'squaredError') return out;
  if (logits === null) return out.fill(loss === 'softmaxCrossEntropy' ? 1 / outputs : 0.25);
  const p = new Float64Array(logits.length);
  if (loss === 'softmaxCrossEntropy') kernels.softmax(p, logits, samples, outputs);
  else kernels.sigmoid(p, logits);
  for (let row = 0; row < samples; row++) {
    let sum = 0;
    for (let c = 0; c < outputs; c++) {
      const q = p[row * outputs + c];
      sum += q * (1 - q);
    }
    out[row] = sum / (loss === 'softmaxCrossEntropy' ? outputs - 1 : outputs) + 1e-6; // never quite flat
  }
  return out;
}

/** sum(w x) / sum(w) */
export function weightedMean(values: Float64Array, weights: Float64Array): number {
  let sum = 0;
  let mass = 0;
  for (let k = 0; k < values.length; k++) {
    sum += weights[k] * values[k];
    mass += weights[k];
  }
  return sum / mass;
}
