/// What every instruction set offers for the curvature of a loss through a dense head.
///
/// The kernels take a tile of samples, allocate nothing and know nothing of threads; curvature_batch.cpp cuts batches
/// into tiles. The oracle of every formula is src/reference/{head,loss,curvature,head-gradient}.ts.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace intermodel {

/// Codes as TypeScript sends them: positions in the lists of src/core/closed-lists.ts.
enum Activation : int32_t { kIdentity, kRelu, kTanh, kGelu, kLogistic, kActivationCount };
enum Loss : int32_t { kSoftmaxCrossEntropy, kBinaryCrossEntropy, kSquaredError, kLossCount };
enum Estimator : int32_t {
  kGaussNewton,
  kTaylor2,
  kFirstOrder,
  kEmpiricalFisher,
  kMonteCarloFisher,
  kRelativeEntropy,
  kAblation,
  kDiagonal,
  kEstimatorCount
};
enum Storage : int32_t { kDense, kShared, kLowRank, kDiagonalStorage, kStorageCount };

/// One dense layer.
struct HeadLayer {
  size_t inputs, outputs;
  Activation activation;
  const double* weights;     ///< [outputs, inputs]
  size_t row;                ///< outputs, rounded up to whole vectors: the row stride inside a tile
  const double* transposed;  ///< [inputs, row], zero-padded; of the first layer in panels of panelColumns outputs
  const double* bias;        ///< [row], zero-padded
  size_t panel;              ///< outputs in a panel of `transposed`, of the first layer
  size_t before;             ///< outputs of all earlier layers together
  size_t rowBefore;          ///< rows of all earlier layers together
};

/// A dense head over the responses of `peers` peers side by side: peer i is inputs offsets[i] .. offsets[i + 1] - 1 of
/// the first layer.
struct Head {
  size_t layers, peers;
  size_t width;           ///< of the widest peer
  const size_t* offsets;  ///< [peers + 1]
  const HeadLayer* layer;
  size_t outputs;       ///< of the last layer
  size_t totalOutputs;  ///< of all layers together
  size_t totalRow;      ///< rows of all layers together
  size_t widest;        ///< longest row of any layer
};

/// What samples are compared with; pointers are null where there is nothing.
struct Compared {
  Loss loss;
  const int32_t* labels;  ///< [samples], for softmax cross-entropy
  const double* targets;  ///< [samples, outputs], for the other losses, and soft labels where labels is null
};

/// Peers that are removed together: group g is members[offsets[g]] .. members[offsets[g + 1] - 1], ascending. Without
/// offsets every peer is a group.
struct Groups {
  size_t count;
  const int32_t *offsets, *members;
};

/// What stands in for a peer that is removed, or that did not answer. Null pointers: zeros, and all peers answered.
struct Absence {
  const double* baseline;   ///< [inputs]
  const double* shifts;     ///< [peers, row of the first layer]: contributions of the baseline
  const int32_t* answered;  ///< [samples, peers], 0 where the baseline stands in
};

struct RemovalTile {
  const Head* head;
  Estimator estimator;
  Compared compared;
  size_t samples;
  Groups groups;
  const double* responses;  ///< [samples, inputs]
  Absence absence;
  const double* weights;  ///< [samples], or null
  const double* noise;    ///< [samples, noisePerSample], for the Monte-Carlo Fisher
  size_t draws, noisePerSample;
  double *scores, *linear, *quadratic;  ///< [samples, groups.count]; the last two may be null
};

/// Classes that the tier in single precision takes at once; part of its contract.
constexpr size_t kSingleBlock = 120;

/// Gauss-Newton scores of a linear head in single precision.
struct SingleTile {
  const Head* head;  ///< its sizes alone are read
  Loss loss;
  const float* panels;  ///< transposed weights in panels of singlePanel outputs, zero-padded
  const float* bias;    ///< [outputs]
  size_t samples;
  const float* responses;  ///< [samples, inputs]
  double* scores;          ///< [samples, peers]
};

struct GramBlock {
  const Head* head;
  Loss loss;
  size_t samples, tile;     ///< at most 256 samples, taken `tile` at a time
  const double* responses;  ///< [samples, inputs]
  Absence absence;
  const double* weights;  ///< [samples], or null
  double* gram;           ///< [peers, peers], the sum over this block
  double* factor;         ///< [samples * outputs, peers], or null
};

struct GradientTile {
  const Head* head;
  Compared compared;
  double divisor;
  size_t samples, batch, first;  ///< this tile is samples first .. first + samples - 1 of the batch
  const double* responses;       ///< of the whole batch, like everything below
  const double* weights;         ///< [batch], or null
  const double* upstream;        ///< [batch, outputs], or null to take the loss
  double* losses;                ///< [batch], or null with upstream
  double* logits;                ///< [batch, outputs]
  double* responseGradient;      ///< [batch, inputs], or null for a forward pass alone
  double *hidden, *deltas;       ///< outputs and dL/da of each layer: [batch, outputs] at batch * layer.before
};

struct CurvatureKernels {
  /// Outputs in a panel of the first layer's transposed weights: the width of a register tile.
  size_t panelColumns;
  /// to[c * stride + r] = from[r * columns + c]
  void (*transpose)(const double* from, size_t rows, size_t columns, double* to, size_t stride);
  /// to[k] = from[k]
  void (*widen)(const float* from, double* to, size_t n);
  /// Doubles of scratch for a tile of so many samples, whichever of the functions below is called.
  size_t (*scratch)(const Head& head, size_t samples, size_t draws, const Groups& groups);
  /// The contribution of every peer to the first layer for one sample x [inputs]: out [peers, row].
  void (*contributions)(const Head& head, const double* x, double* out, double* scratch);
  /// These three return false when a pre-activation of the first layer's first output is not finite. While it is, so is
  /// every response: whoever calls them looks for the one that is not only then.
  bool (*removal)(const RemovalTile& tile, double* scratch);
  /// The tier in single precision: outputs in a panel of its weights, floats of scratch, scores.
  size_t singlePanel;
  size_t (*singleScratch)(const Head& head, size_t samples);
  bool (*removalSingle)(const SingleTile& tile, float* scratch);
  bool (*gram)(const GramBlock& block, double* scratch);
  size_t (*gramScratch)(const Head& head, size_t tile);
  /// Forward pass; with responseGradient also losses, hidden outputs and dL/da of every layer.
  bool (*gradient)(const GradientTile& tile, double* scratch);
  /// v^T H(z) v: out [batch, peers]. Scratch: outputs * (lanes + 6) + lanes * lanes doubles.
  void (*outputForms)(double* out, const double* logits, const double* vectors, Loss loss, size_t batch, size_t outputs,
                      size_t peers, double* scratch);
  /// v^T H v of one vector of length n; `rank` rows for low rank. Scratch: max(n, rank) doubles.
  double (*quadraticForm)(const double* hessian, const double* v, size_t n, Storage storage, size_t rank,
                          double* scratch);
  /// Tree sums down columns first .. last - 1 of values [batch, columns].
  void (*sumSamples)(double* out, const double* values, size_t batch, size_t columns, size_t first, size_t last);
  /// below[k] = sum over outputs o, ascending, of |W[o, k]| above[o].
  void (*carryImportance)(double* below, const double* above, const double* weights, size_t inputs, size_t outputs);
};

}  // namespace intermodel
