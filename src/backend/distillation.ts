/** Kernels of the distillation family. */
export interface DistillationKernels {
  /**
   * Per-sample losses [batch] and gradients [batch, outputs] with respect to the student's logits.
   * `labels` is empty when there is no hard-label term; `kind` counts forwardKl, reverseKl, jsd, mse from 0.
   */
  distillation(
    losses: Float64Array,
    gradients: Float64Array,
    teacher: Float64Array,
    student: Float64Array,
    labels: Int32Array,
    temperature: number,
    scale: number,
    alpha: number,
    kind: number,
    batch: number,
    outputs: number,
  ): void;
}
