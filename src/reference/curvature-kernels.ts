/**
 * The curvature family of the reference backend.
 *
 * Kernels that read responses return whether the pre-activation of the first layer's first output is finite in every sample. Then every
 * response is finite: they all enter its chain, and with finite weights no infinity or NaN leaves it. Otherwise something overflowed, or
 * a response was not finite and the result means nothing: the caller looks.
 */
import { importance, outputQuadraticForm, quadraticForm, removalScores, sumSamples } from './curvature.js';
import { removalScoresSingle } from './curvature-single.js';
import { prepareHead } from './head.js';
import { headForward, headGradient } from './head-gradient.js';
import { peerGram } from './peer-gram.js';

export const curvatureReference = {
  quadraticForm,
  outputQuadraticForm,
  removalScores,
  removalScoresSingle,
  importance,
  peerGram,
  sumSamples,
  /** A handle to a copy of a head, laid out as the kernels of this backend read it; freed when nothing refers to it. */
  prepareHead: prepareHead as (...head: Parameters<typeof prepareHead>) => object,
  headForward,
  headGradient,
};
