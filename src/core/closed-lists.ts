/**
 * The closed lists: the names that functions, commands, files and kernels accept. Where a list says so, the position of a name is the code
 * that kernels receive; test/project/closed-lists.test.ts compares those with the enumerations in native/src.
 */

/** Losses of a head; the position is the code that kernels receive. */
export const LOSSES = ['softmaxCrossEntropy', 'binaryCrossEntropy', 'squaredError'] as const;

/** One of `LOSSES`. */
export type Loss = (typeof LOSSES)[number];

/** Activations a head may use; the position is the code that kernels receive. */
export const ACTIVATIONS = ['identity', 'relu', 'tanh', 'gelu', 'sigmoid'] as const;

/** One of `ACTIVATIONS`. */
export type Activation = (typeof ACTIVATIONS)[number];

/** Estimators of a removal score from samples; the position is the code that kernels receive. */
export const SAMPLE_ESTIMATORS = [
  'gaussNewton',
  'taylor2',
  'firstOrder',
  'empiricalFisher',
  'monteCarloFisher',
  'relativeEntropy',
  'ablation',
  'diagonal',
] as const;

/** One of `SAMPLE_ESTIMATORS`. */
export type SampleEstimator = (typeof SAMPLE_ESTIMATORS)[number];

/** All estimators of a removal score: 'nisp' reads the head alone. */
export const ESTIMATORS = [...SAMPLE_ESTIMATORS, 'nisp'] as const;

/** One of `ESTIMATORS`. */
export type Estimator = (typeof ESTIMATORS)[number];

/** What becomes of the scores of the samples of a batch. */
export const REDUCTIONS = ['sum', 'mean', 'none'] as const;

/** One of `REDUCTIONS`. */
export type Reduction = (typeof REDUCTIONS)[number];

/** Ways to store the Hessians of n participants; the position is the code that kernels receive. */
export const HESSIAN_STORAGES = ['dense', 'shared', 'lowRank', 'diagonal'] as const;

/** Norms by which emission is shared; the position is the code that kernels receive. */
export const EMISSION_NORMS = ['l2', 'l1', 'none'] as const;

/** Which raters the shift of the mask counts; the position is the code that kernels receive. */
export const SHIFT_RULES = ['all', 'staked', 'effective'] as const;

/** Ways to search an equilibrium; the position is the code that kernels receive. */
export const SEARCH_METHODS = ['projectedGradient', 'spectral', 'softmax'] as const;

/** Instruction sets that the native library has kernels for, on one processor or another. */
export const ISAS = ['scalar', 'neon', 'avx2', 'avx512'] as const;

/** Implementations of the kernels. */
export const BACKEND_KINDS = ['native', 'reference', 'cuda'] as const;

/** How numbers travel between participants. */
export const WIRE_TYPES = ['f32', 'f16', 'int8'] as const;
