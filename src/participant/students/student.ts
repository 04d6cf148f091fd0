/**
 * A student: a small network that answers in another model's place. It is trained on that model's responses, held fixed, by the distillation loss between the
 * class logits that a readout makes of both, and by the squared error of the responses themselves, so that it also fits where any other reader expects the response.
 */
import type { NumericArray } from '../../core/validate.js';
import { type DistillationKind, distillationLoss } from '../../distillation.js';
import type { DenseNet } from '../models/dense-net.js';

/** What a student is trained towards. */
export interface DistillationObjective {
  readonly kind: DistillationKind;
  readonly temperature: number;
  /** Share of the divergence against the cross-entropy with the labels, where there are labels: 1 leaves them out. */
  readonly alpha: number;
  /** Weight of the mean squared error of the response beside both. */
  readonly responseWeight: number;
}

/** Forward KL at temperature 2, half of it labels where there are any, and the response itself at weight 1. */
export const DEFAULT_OBJECTIVE: DistillationObjective = { kind: 'forwardKl', temperature: 2, alpha: 0.5, responseWeight: 1 };

/** Losses of one step: that of the class logits (0 without a readout), and the mean squared error of the response. */
export interface StudentLoss {
  readonly logits: number;
  readonly response: number;
}

/** One batch to learn from. */
export interface StudentBatch {
  /** `[batch, inputWidth]` */
  readonly inputs: NumericArray;
  /** The teacher's responses `[batch, width]`. */
  readonly target: Float64Array;
  readonly batch: number;
  /** Makes class logits of a response; held fixed. Left out: the student only matches the response. */
  readonly readout?: DenseNet;
  /** Classes `[batch]`, where the teacher's owner knows them. */
  readonly labels?: Int32Array;
}

/** What a student has to learn from one batch. */
export interface StudentLesson extends StudentLoss {
  /** d(loss)/d(response) `[batch, width]`. */
  readonly gradient: Float64Array;
}

/** Loss and gradient of a student's responses `[batch, width]`; whatever makes them can learn from it. */
export function studentLesson(
  response: Float64Array,
  given: Omit<StudentBatch, 'inputs'>,
  objective: DistillationObjective,
): StudentLesson {
  const { target, batch, readout, labels } = given;
  const outputs = response.length / batch;
  const matched = distillationLoss({ teacher: target, student: response, temperature: 1, kind: 'mse', batch, outputs });
  const gradient = matched.gradient.map((slope) => objective.responseWeight * slope);
  if (readout === undefined) return { logits: 0, response: matched.loss, gradient };
  const soft = distillationLoss({
    teacher: readout.forward(target, batch),
    student: readout.forward(response, batch),
    temperature: objective.temperature,
    kind: objective.kind,
    ...(labels === undefined ? {} : { labels, alpha: objective.alpha }),
    batch,
    outputs: readout.width,
  });
  readout.inputGradient(response, soft.gradient, batch).forEach((slope, at) => {
    gradient[at] += slope;
  });
  return { logits: soft.loss, response: matched.loss, gradient };
}

/** One training step of a student; `rate` scales its learning rate. */
export function distilStep(student: DenseNet, given: StudentBatch, objective: DistillationObjective, rate = 1): StudentLoss {
  const { inputs, batch } = given;
  const { gradient, logits, response } = studentLesson(student.forward(inputs, batch), given, objective);
  student.learn(inputs, gradient, batch, rate);
  return { logits, response };
}
