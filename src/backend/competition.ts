/** Kernels of the competition family. Flat and positional: outputs first, then inputs, then sizes; see src/reference/competition.ts. */
export interface CompetitionKernels {
  competitionMask(
    mask: Float64Array,
    derivative: Float64Array,
    shift: Float64Array,
    dead: Float64Array,
    weights: Float64Array,
    stake: Float64Array,
    temperature: number,
    shiftGradient: number,
    openDiagonal: number,
    n: number,
  ): void;
  maskedInputs(out: Float64Array, maskRow: Float64Array, responses: Float64Array, batch: number, n: number, width: number): void;
}
