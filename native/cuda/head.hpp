/// A dense head on the device, its forward pass and forward tangents. The order of operations is that of
/// native/src/head_kernels.hpp; rows are not padded here.
#pragma once

#include "product.hpp"
#include "session.hpp"

/// A head of the interface, freed with its session at the latest.
struct IntermodelHead {
  struct Layer {
    size_t inputs, outputs;
    intermodel::Activation activation;
    const double *weights, *bias;  ///< on the device
    size_t before;                 ///< outputs of all earlier layers together
  };
  intermodel::gpu::Array<double> parameters;
  std::vector<Layer> layers;
  size_t totalOutputs = 0, widest = 0;

  size_t inputs() const { return layers.front().inputs; }
  size_t outputs() const { return layers.back().outputs; }
};

namespace intermodel::gpu {

using Layer = IntermodelHead::Layer;

/// One activation at one place, or its slope.
INTERMODEL_BOTH INTERMODEL_OUTLINE inline double activated(Activation activation, double x) {
  double y = x;
  if (activation != kIdentity) curvature::activateAll(activation, &x, &y, 1);
  return y;
}

INTERMODEL_BOTH INTERMODEL_OUTLINE inline double slopeAt(Activation activation, double x) {
  double y = 1.0;
  if (activation != kIdentity) curvature::slopesOf(activation, &x, &y, 1);
  return y;
}

/// f(x + change) - f(x), where value is f(x).
INTERMODEL_BOTH INTERMODEL_OUTLINE inline double changeAt(Activation activation, double x, double value,
                                                          double change) {
  double y = change;
  using namespace curvature;
  if (activation == kRelu)
    changesOf<relu, reluChange>(&x, &value, &change, &y, 1);
  else if (activation == kTanh)
    changesOf<intermodel::tanh, tanhChange>(&x, &value, &change, &y, 1);
  else if (activation == kGelu)
    changesOf<gelu, geluChange>(&x, &value, &change, &y, 1);
  else if (activation == kLogistic)
    changesOf<sigmoid, sigmoidChange>(&x, &value, &change, &y, 1);
  return y;
}

/// Some samples of a batch on the device.
struct Part {
  size_t first, samples;
  const double* responses;  ///< [samples, inputs]
  const int32_t* answered;  ///< [samples, peers], or null
};

/// The forward pass of some samples, with all that later steps read. Arrays [samples, outputs] of each layer follow one
/// another: layer l begins at samples * before. All is public, as nvcc wants it of functions with kernels in them.
struct Forward {
  Forward(IntermodelSession& session, const IntermodelBatch& batch, size_t most)
      : machine_(session.machine),
        head(*batch.head),
        peers(batch.peers),
        offsets(machine_, batch.offsets, batch.peers + 1),
        preactivation(machine_, most * head.totalOutputs),
        value(machine_, most * head.totalOutputs),
        slope(machine_, most * head.totalOutputs),
        parts(machine_, most * batch.peers * head.layers[0].outputs) {}

  /// Of an interface's batch: contributions of the baseline [peers, outputs of the first layer], or none.
  void takeBaseline(const double* baseline) {
    if (baseline == nullptr) return;
    shifts = Array<double>(machine_, peers * head.layers[0].outputs);
    contributions(baseline, 1, shifts.data());
  }

  void run(const Part& part, bool slopes);

  /// Outputs of a layer: pre-activations where it has no activation of its own.
  const double* values(size_t l, size_t samples) const {
    const bool same = head.layers[l].activation == kIdentity;
    return (same ? preactivation : value).data() + samples * head.layers[l].before;
  }

  /// Carries moves [rows, outputs of the first layer], row r of sample r % samples, to the output: to first order, or
  /// exactly. Returns where they are: `moves`, or one of the two flows [rows, widest].
  const double* carry(const double* moves, size_t rows, size_t samples, bool exact, double* flow0, double* flow1);

  /// 0 times the first pre-activation, added up: 0 where all of them are finite.
  bool isFinite(size_t samples);
  void contributions(const double* responses, size_t samples, double* out);
  void addContributions(const Part& part);

  Machine& machine_;
  const IntermodelHead& head;
  const size_t peers;
  Array<size_t> offsets;
  Array<double> preactivation, value, slope;
  Array<double> parts;  ///< [peers, samples, outputs of the first layer]
  Array<double> shifts;
  const int32_t* answered = nullptr;  ///< of the part that ran last
};

/// W1_i f_i of every peer i and sample: out [peers, samples, outputs].
inline void Forward::contributions(const double* responses, size_t samples, double* out) {
  const Layer& first = head.layers[0];
  ProductArguments g{};
  g.m = samples;
  g.n = first.outputs;
  g.a = responses;
  g.aRow = first.inputs;
  g.aColumn = 1;
  g.b = first.weights;
  g.bRow = 1;
  g.bColumn = first.inputs;
  g.c = out;
  g.cRow = first.outputs;
  g.cStep = samples * first.outputs;
  g.offsets = offsets.data();
  multiply(machine_, g, peers);
}

/// bias + contribution of peer 0, 1, ... in order; where a peer did not answer its baseline's stands in.
inline void Forward::addContributions(const Part& part) {
  const Layer& first = head.layers[0];
  const size_t n = first.outputs, samples = part.samples, count = peers;
  const double *bias = first.bias, *shift = shifts.data();
  const int32_t* answered = part.answered;
  double *part0 = parts.data(), *out = preactivation.data();
  each(machine_, samples * n, [=] INTERMODEL_BOTH(size_t k) {
    const size_t s = k / n, o = k % n;
    double sum = bias[o];
    for (size_t i = 0; i < count; i++) {
      double& mine = part0[(i * samples + s) * n + o];
      if (answered != nullptr && answered[s * count + i] == 0) mine = shift == nullptr ? 0.0 : shift[i * n + o];
      sum = sum + mine;
    }
    out[k] = sum;
  });
}

inline void Forward::run(const Part& part, bool slopes) {
  const size_t samples = part.samples;
  answered = part.answered;
  contributions(part.responses, samples, parts.data());
  addContributions(part);
  for (size_t l = 0; l < head.layers.size(); l++) {
    const Layer& layer = head.layers[l];
    double* x = preactivation.data() + samples * layer.before;
    if (l > 0) {
      ProductArguments g{};
      g.m = samples;
      g.n = layer.outputs;
      g.k = layer.inputs;
      g.a = values(l - 1, samples);
      g.aRow = layer.inputs;
      g.aColumn = 1;
      g.b = layer.weights;
      g.bRow = 1;
      g.bColumn = layer.inputs;
      g.init = layer.bias;
      g.c = x;
      g.cRow = layer.outputs;
      multiply(machine_, g);
    }
    if (layer.activation == kIdentity) continue;
    const Activation activation = layer.activation;
    double *y = value.data() + samples * layer.before, *dy = slope.data() + samples * layer.before;
    each(machine_, samples * layer.outputs, [=] INTERMODEL_BOTH(size_t k) {
      y[k] = activated(activation, x[k]);
      if (slopes) dy[k] = slopeAt(activation, x[k]);
    });
  }
}

inline const double* Forward::carry(const double* moves, size_t rows, size_t samples, bool exact, double* flow0,
                                    double* flow1) {
  const double* current = moves;
  for (size_t l = 0; l < head.layers.size(); l++) {
    const Layer& layer = head.layers[l];
    const size_t n = layer.outputs;
    double* next = current == flow0 ? flow1 : flow0;
    if (l > 0) {
      ProductArguments g{};
      g.m = rows;
      g.n = n;
      g.k = layer.inputs;
      g.a = current;
      g.aRow = layer.inputs;
      g.aColumn = 1;
      g.b = layer.weights;
      g.bRow = 1;
      g.bColumn = layer.inputs;
      g.c = next;
      g.cRow = n;
      multiply(machine_, g);
      current = next;
    }
    if (layer.activation == kIdentity) continue;
    const size_t at = samples * layer.before;
    const double *x = preactivation.data() + at, *y = value.data() + at, *dy = slope.data() + at, *from = current;
    const Activation activation = layer.activation;
    each(machine_, rows * n, [=] INTERMODEL_BOTH(size_t k) {
      const size_t where = k / n % samples * n + k % n;
      next[k] = exact ? changeAt(activation, x[where], y[where], from[k]) : dy[where] * from[k];
    });
    current = next;
  }
  return current;
}

inline bool Forward::isFinite(size_t samples) {
  Array<double> sum(machine_, 1);
  const size_t n = head.layers[0].outputs;
  const double* x = preactivation.data();
  double* out = sum.data();
  each(machine_, 1, [=] INTERMODEL_BOTH(size_t) {
    double total = 0.0;
    for (size_t s = 0; s < samples; s++) total += x[s * n] * 0.0;
    out[0] = total;
  });
  double total = 0.0;
  sum.get(&total);
  return total == 0.0;
}

}  // namespace intermodel::gpu
