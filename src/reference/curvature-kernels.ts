/** The curvature family of the reference backend. */
import { importance, outputQuadraticForm, peerGram, quadraticForm, removalScores, sumSamples } from './curvature.js';
import { removalScoresSingle } from './curvature-single.js';
import { prepareHead } from './head.js';
import { headForward, headGradient } from './head-gradient.js';

export const curvatureReference = {
  quadraticForm,
  outputQuadraticForm,
  removalScores,
  removalScoresSingle,
  importance,
  peerGram,
  sumSamples,
  prepareHead,
  headForward,
  headGradient,
};
