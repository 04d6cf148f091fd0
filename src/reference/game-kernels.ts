/** The reference kernels of rankings, competition, payoff, projections and games, as one object. */
import { competitionMask, maskedInputs } from './competition.js';
import { createGameBatch } from './equilibrium-batch.js';
import { areSymmetric, headWeightGradient, payoffGradient, weightGradient } from './payoff.js';
import { projectBoundedStep, projectSimplex, residuals, stepAndRank } from './projection.js';
import { areWeights, idealRanking, inflate, interRanking, networkRanking, rankGradient } from './ranking.js';

export const gameReference = {
  areWeights,
  idealRanking,
  interRanking,
  networkRanking,
  rankGradient,
  inflate,
  competitionMask,
  maskedInputs,
  areSymmetric,
  weightGradient,
  headWeightGradient,
  payoffGradient,
  projectSimplex,
  projectBoundedStep,
  stepAndRank,
  residuals,
  createGameBatch,
};
