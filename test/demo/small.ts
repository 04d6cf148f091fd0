/** The whole path in seconds: too little training for the ranking to be true, enough for every step to run. */
export const SMALL = {
  seed: 5,
  participants: 6,
  rounds: 6,
  batch: 8,
  width: 4,
  headHidden: 6,
  largestShard: 60,
  refitSteps: 20,
  refitBatch: 16,
  refitSamples: 60,
  blocks: 2,
  closingBlocks: 2,
  validation: 40,
  blockValidation: 20,
  // never negative, so that every participant has a row to write even after so little training
  estimator: 'gaussNewton',
} as const;
