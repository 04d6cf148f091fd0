/** The reference kernels of the market, as one object. */
import { competitionMask, maskedInputs } from './competition.js';
import { createGameBatch } from './equilibrium-batch.js';
import { headWeightGradient, payoffGradient, weightGradient } from './payoff.js';
import { projectBoundedStep, projectSimplex, residuals } from './projection.js';
import { idealRanking, inflate, interRanking, networkRanking, rankGradient } from './ranking.js';

export const marketReference = {
  idealRanking,
  interRanking,
  networkRanking,
  rankGradient,
  inflate,
  competitionMask,
  maskedInputs,
  weightGradient,
  headWeightGradient,
  payoffGradient,
  projectSimplex,
  projectBoundedStep,
  residuals,
  createGameBatch,
};
