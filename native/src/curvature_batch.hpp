/// Batches of the curvature kernels: cut into tiles of samples, spread over the thread pool, memory bounded by the
/// tile.
///
/// No result depends on the number of threads or the size of a tile: every output element is one fixed chain or tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "curvature.hpp"
#include "kernel_table.hpp"

namespace intermodel {

/// What runs the kernels.
struct Runner {
  const KernelTable& kernels;
  int threads;
};

/// A linear head's weights in single precision, laid out for the kernels.
struct SingleWeights {
  std::unique_ptr<float[]> panels, bias;
};

/// A copy of a head with the transposed, padded weights that the products of one instruction set read.
class PackedHead {
 public:
  /// `parameters` holds weights, bias of each layer in turn; sizes [layers + 1], activations [layers].
  PackedHead(const Runner& runner, const double* parameters, const int32_t* sizes, const int32_t* activations,
             std::size_t layers);
  PackedHead(const PackedHead&) = delete;
  PackedHead& operator=(const PackedHead&) = delete;

  /// The head over peers that begin at offsets [peers + 1]; valid while this and the offsets are.
  Head over(const std::vector<std::size_t>& offsets) const;

  /// The first layer in single precision, made when it is first asked for: by the thread that owns the head.
  const SingleWeights& single() const;

  std::size_t inputs() const { return layers_.front().inputs; }
  std::size_t outputs() const { return head_.outputs; }
  std::size_t parameters() const { return parameters_.size(); }
  const double* parameterData() const { return parameters_.data(); }
  std::size_t bytes() const { return bytes_; }
  /// Whose panels these are.
  const KernelTable& kernels() const { return kernels_; }

  /// What a device keeps of this head; given back with it.
  std::shared_ptr<void> companion;

 private:
  const KernelTable& kernels_;
  std::vector<double> parameters_;
  std::unique_ptr<double[]> storage_;
  std::vector<HeadLayer> layers_;
  Head head_;
  std::size_t bytes_;
  mutable SingleWeights single_;
};

/// Responses [batch, inputs] as they are stored; one of the two is null.
struct Responses {
  const double* f64;
  const float* f32;
};

/// Where each peer's responses begin, and their end.
std::vector<std::size_t> offsetsOf(const int32_t* widths, std::size_t peers);

/// The four functions that read responses return whether the kernels found the first layer finite (CurvatureKernels).

/// Fills tile.scores (and linear, quadratic) for all tile.samples samples; tile.responses is not read.
bool removalScores(const Runner& runner, const RemovalTile& batch, Responses responses);

/// The tier in single precision: `batch` describes all samples, without panels and bias; weights [samples] or null.
bool removalScoresSingle(const Runner& runner, const PackedHead& packed, const SingleTile& batch,
                         const double* weights);

/// `batch` describes all samples, without outputs. gram [peers, peers], and factor [batch * outputs, peers] unless
/// null.
bool peerGram(const Runner& runner, const GramBlock& batch, Responses responses, double* gram, double* factor);

/// logits [batch, outputs].
bool headForward(const Runner& runner, const Head& head, std::size_t batch, Responses responses, double* logits);

/// `whole` describes the batch with first = 0 and no hidden or deltas; parameterGradient is laid out like parameters.
bool headGradient(const Runner& runner, GradientTile whole, double* parameterGradient);

/// Column sums of values [batch, columns].
void sumSamples(const Runner& runner, double* out, const double* values, std::size_t batch, std::size_t columns);

/// v^T H(z) v: out [batch, peers].
void outputForms(const Runner& runner, double* out, const double* logits, const double* vectors, Loss loss,
                 std::size_t batch, std::size_t outputs, std::size_t peers);

/// v^T H v: out [count]; `stride` doubles from one vector's Hessian to the next, 0 when they share one.
void quadraticForms(const Runner& runner, double* out, const double* data, const double* vectors, std::size_t count,
                    std::size_t n, Storage storage, std::size_t rank, std::size_t stride);

/// NISP: ones at the outputs carried back through |W|^T and summed over each peer's responses: out [peers].
void headImportance(const Runner& runner, const Head& head, double* out);

}  // namespace intermodel
