/// What every instruction set offers for dense networks that are trained. The oracle is src/reference/dense.ts.
///
/// Weights are [inputs, outputs], so that lanes are outputs, and a term whose factor is zero is left out of every
/// chain: images and one-hot codes are mostly zeros. The kernels allocate nothing and know nothing of threads.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "curvature.hpp"

namespace intermodel {

/// One layer: activation(bias + x weights).
struct DenseLayer {
  size_t inputs, outputs;
  Activation activation;
  const double* weights;     ///< [inputs, outputs]
  const double* bias;        ///< [outputs]
  const double* transposed;  ///< [outputs, inputs], of every layer but the first; null where nothing is carried back
  size_t before;             ///< outputs of all earlier layers together
  size_t parameters;         ///< place of its weights among all parameters; the bias follows them
};

struct DenseNetwork {
  size_t layers;
  const DenseLayer* layer;
  size_t inputs, outputs;  ///< of the whole network
  size_t totalOutputs;     ///< of all layers together
  size_t widest;           ///< most inputs or outputs of a layer
};

/// Samples in two parts, side by side: [samples, width] each.
struct DenseInputs {
  const float* first;
  size_t firstWidth;
  const float* second;
  size_t secondWidth;
};

/// Working memory of one task: the terms of one chain, and what is carried back.
struct DenseScratch {
  uint32_t* places;  ///< [widest]
  double* factors;   ///< [widest]
  double* carried;   ///< [widest]
};

/// One step of Adam with decoupled weight decay, as src/participant/models/adam.ts counts it.
struct AdamStep {
  double* parameters;
  double* first;
  double* second;
  const double* gradient;
  double size;         ///< learning rate of this step
  double shrink;       ///< 1 - size * weight decay
  double correction1;  ///< 1 - beta1^steps
  double correction2;  ///< 1 - beta2^steps
};

struct DenseKernels {
  /// Pre-activations and values [totalOutputs] of one sample.
  void (*forward)(const DenseNetwork& network, const DenseInputs& inputs, size_t sample, double* preactivations,
                  double* values, const DenseScratch& scratch);

  /// out = values of the last layer, rounded to single precision.
  void (*round)(float* out, const double* values, size_t count);

  /// Turns pre-activations of one sample into dL/da [totalOutputs], from dL/dz `upstream` [outputs].
  void (*backward)(const DenseNetwork& network, const float* upstream, double* deltas, const DenseScratch& scratch);

  /// Rows [from, to) of a layer's weight gradient, one chain over the samples in order. `inputs` are those of the first
  /// layer; null: the layer's are values [samples, totalOutputs].
  void (*weightGradient)(const DenseNetwork& network, size_t layer, const DenseInputs* inputs, const double* values,
                         const double* deltas, size_t samples, size_t from, size_t to, double* gradient);

  /// The layer's bias gradient: column sums of deltas, sample after sample.
  void (*biasGradient)(const DenseNetwork& network, size_t layer, const double* deltas, size_t samples,
                       double* gradient);

  /// Entries [from, to).
  void (*adam)(const AdamStep& step, size_t from, size_t to);
};

}  // namespace intermodel
