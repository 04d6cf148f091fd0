/** Distillation: how far a student is from its teacher, and the way down. */
import { backendOf } from './backend/index.js';
import type { Backend } from './backend/types.js';
import { treeSum } from './core/arithmetic/index.js';
import { InputError } from './core/errors.js';
import {
  checkInteger,
  checkLabels,
  checkNumber,
  checkOneOf,
  checkPositive,
  checkVector,
  type Labels,
  type NumericArray,
} from './core/validate.js';

/** Which divergence the student descends. */
export type DistillationKind = 'forwardKl' | 'reverseKl' | 'jsd' | 'mse';

const KINDS: readonly DistillationKind[] = ['forwardKl', 'reverseKl', 'jsd', 'mse'];

/** Beyond these sizes T^2 or (z/T)^2 would leave the range of a double. */
const LARGEST_TEMPERATURE = 1e100;
const LARGEST_LOGIT = 1e150;

/** What {@link distillationLoss} takes. */
export interface DistillationOptions {
  /** Logits of the teacher, for instance of G(x); they are constants (detached). */
  readonly teacher: NumericArray;
  /** Logits of the student. */
  readonly student: NumericArray;
  /** T > 0; both softmaxes divide their logits by it. */
  readonly temperature: number;
  /** 'forwardKl' is KL(teacher || student), equation (9); 'jsd' has weight 1/2; 'mse' compares the logits themselves. */
  readonly kind: DistillationKind;
  /** Share of the divergence against the hard labels, in [0, 1]. Default: 1 without labels, 0.5 with. */
  readonly alpha?: number;
  /** Class labels [batch]; needed when alpha is below 1. */
  readonly labels?: Labels;
  /** 'squaredTemperature' (default) multiplies a divergence by T^2, so that its gradient keeps its size as T grows. */
  readonly scaling?: 'squaredTemperature' | 'none';
  /** Samples. Default 1. */
  readonly batch?: number;
  /** Logits per sample. Default: the length of `teacher` over `batch`. */
  readonly outputs?: number;
  /** How the samples are put together. Default 'mean'. */
  readonly reduction?: 'none' | 'sum' | 'mean';
  readonly backend?: Backend;
}

/** A distillation loss and its gradient with respect to the student's logits. */
export interface DistillationResult<Loss> {
  /** One number, or [batch] for reduction 'none'. */
  readonly loss: Loss;
  /** [batch, outputs]; of the mean for reduction 'mean', of each sample's own loss otherwise. */
  readonly gradient: Float64Array;
}

/**
 * The distillation loss of a student against a detached teacher, and its gradient with respect to the student's logits.
 *
 * `loss = alpha * T^2 * D(teacher, student; T) + (1 - alpha) * crossEntropy(student, label)`. The hard-label term uses the
 * untempered logits. For 'mse' the divergence is the mean over outputs of the squared difference of the logits themselves: the T^2
 * of the formula and the two divisions by T cancel, so neither is applied, and `scaling` and T change nothing.
 *
 * @shape teacher [batch, outputs], student [batch, outputs], labels [batch]
 * @param options - See {@link DistillationOptions}; temperature in [1e-100, 1e100], |logit| / min(T, 1) at most 1e150. Floors below that
 *   (-1.8e308 for a class that is masked) are read as -1e150 min(T, 1), but for 'mse', which refuses them.
 * @returns `loss` (nats; squared logits for 'mse') and `gradient`, new arrays.
 * @throws InputError BTM_SHAPE, BTM_TYPE, BTM_NONFINITE (with the index), BTM_DOMAIN, BTM_LABEL.
 * @numerics Binary64, the same bits on every backend; finite for saturated students (T = 0.05, logit gap 20) and exact to
 *   rounding for nearly equal models and for classes with a floor (-1e30), because no probability enters a logarithm and no large
 *   numbers are subtracted. The gradient is exact to ten bits or better at any temperature, however close the models are.
 * @cost O(batch * outputs), two to four exponentials per logit.
 * @paper Equation (9), section 1.7, R-19.
 * @example
 * ```ts
 * import { distillationLoss } from 'intermodel';
 * const { loss, gradient } = distillationLoss({ teacher: [0, Math.log(4)], student: [0, 0], temperature: 2, kind: 'forwardKl' });
 * console.log(loss.toFixed(4), gradient[0].toFixed(4)); // 0.2265 0.3333
 * ```
 */
export function distillationLoss(options: DistillationOptions & { readonly reduction: 'none' }): DistillationResult<Float64Array>;
export function distillationLoss(options: DistillationOptions & { readonly reduction?: 'sum' | 'mean' }): DistillationResult<number>;
export function distillationLoss(options: DistillationOptions): DistillationResult<number | Float64Array>;
export function distillationLoss(options: DistillationOptions): DistillationResult<number | Float64Array> {
  const kind = checkOneOf('kind', options?.kind, KINDS);
  const temperature = checkTemperature(options.temperature);
  const batch = checkInteger('batch', options.batch ?? 1, 0);
  const outputs = checkInteger('outputs', options.outputs ?? inferOutputs(options.teacher, batch), 1);
  const teacher = checkLogits('teacher', options.teacher, batch * outputs, temperature, kind);
  const student = checkLogits('student', options.student, batch * outputs, temperature, kind);
  const scaling = checkOneOf('scaling', options.scaling ?? 'squaredTemperature', ['squaredTemperature', 'none']);
  const reduction = checkOneOf('reduction', options.reduction ?? 'mean', ['none', 'sum', 'mean']);
  const { alpha, labels } = checkHardTerm(options, batch, outputs);

  const losses = new Float64Array(batch);
  const gradient = new Float64Array(batch * outputs);
  const scale = scaling === 'none' ? 1 : temperature * temperature;
  const { kernels } = backendOf(options.backend);
  kernels.distillation(losses, gradient, teacher, student, labels, temperature, scale, alpha, KINDS.indexOf(kind), batch, outputs);
  if (reduction === 'none') return { loss: losses, gradient };
  const total = treeSum(losses);
  if (reduction === 'sum' || batch === 0) return { loss: total, gradient };
  return { loss: total / batch, gradient: gradient.map((slope) => slope / batch) };
}

function checkTemperature(value: unknown): number {
  const temperature = checkPositive('temperature', value);
  if (temperature <= LARGEST_TEMPERATURE && temperature >= 1 / LARGEST_TEMPERATURE) return temperature;
  throw new InputError('BTM_DOMAIN', `must be between 1e-100 and 1e100, got ${temperature}`, { argument: 'temperature', value });
}

/** Logits as they came, but for floors: what lies below the bound has probability 0 and is read as the bound. */
function checkLogits(argument: string, value: unknown, length: number, temperature: number, kind: DistillationKind): Float64Array {
  const logits = checkVector(argument, value, length);
  const bound = LARGEST_LOGIT * Math.min(temperature, 1);
  const index = logits.findIndex((logit) => logit > bound || (kind === 'mse' && logit < -bound));
  if (index < 0) return logits.some((logit) => logit < -bound) ? logits.map((logit) => Math.max(logit, -bound)) : logits;
  throw new InputError('BTM_DOMAIN', `is too large for temperature ${temperature}: its square would overflow`, {
    argument,
    index,
    value: logits[index],
    remedy: `Keep |logit| below ${bound}.`,
  });
}

function inferOutputs(teacher: unknown, batch: number): number {
  const length = (teacher as ArrayLike<number> | undefined)?.length;
  if (typeof length !== 'number' || batch === 0 || length % batch === 0) return Math.max(1, (length ?? 1) / Math.max(batch, 1));
  throw new InputError('BTM_SHAPE', `has length ${length}, which batch ${batch} does not divide`, { argument: 'teacher', value: length });
}

/** alpha and labels; no labels reach the kernel when they carry no weight. */
function checkHardTerm(options: DistillationOptions, batch: number, outputs: number): { alpha: number; labels: Int32Array } {
  const alpha = checkNumber('alpha', options.alpha ?? (options.labels === undefined ? 1 : 0.5));
  if (alpha < 0 || alpha > 1) {
    throw new InputError('BTM_DOMAIN', `must be between 0 and 1, got ${alpha}`, { argument: 'alpha', value: alpha });
  }
  if (options.labels === undefined && alpha < 1) {
    throw new InputError('BTM_TYPE', `must be given when alpha is below 1 (it is ${alpha})`, { argument: 'labels' });
  }
  const labels = options.labels === undefined ? new Int32Array(0) : checkLabels('labels', options.labels, batch, outputs);
  return { alpha, labels };
}
