/// Batches through dense networks, spread over the thread pool. No result depends on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "curvature_batch.hpp"
#include "dense.hpp"

namespace intermodel {

/// Layers over flat parameters (weights [inputs, outputs] and bias of each layer in turn), which it does not own.
class DenseLayers {
 public:
  /// sizes [layers + 1], activations [layers].
  DenseLayers(const double* parameters, const std::int32_t* sizes, const std::int32_t* activations, std::size_t layers);
  DenseLayers(const DenseLayers&) = delete;
  DenseLayers& operator=(const DenseLayers&) = delete;

  /// Transposes the weights that `backward` carries gradients through.
  void transpose();

  const DenseNetwork& network() const { return network_; }

 private:
  std::vector<DenseLayer> layers_;
  std::vector<double> transposed_;
  DenseNetwork network_{};
};

/// out [samples, outputs].
void denseForward(const Runner& runner, const DenseNetwork& network, const DenseInputs& inputs, std::size_t samples,
                  float* out);

/// gradient: dL/dparameters, laid out like them, from upstream [samples, outputs] = dL/doutput. Needs `transpose`.
void denseGradient(const Runner& runner, const DenseNetwork& network, const DenseInputs& inputs, std::size_t samples,
                   const float* upstream, double* gradient);

void adamStep(const Runner& runner, const AdamStep& step, std::size_t count);

}  // namespace intermodel
