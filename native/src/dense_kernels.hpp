/// Dense networks that are trained, sample by sample; dense_batch.cpp cuts batches into tasks. Oracle:
/// src/reference/dense.ts.
#pragma once

#include "dense.hpp"
#include "each_vector.hpp"
#include "head_kernels.hpp"

namespace intermodel {
namespace {
namespace dense {

constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;

/// The factors of a chain that are not zero, in order, and where their rows are.
struct Terms {
  uint32_t* places;
  double* factors;
  size_t count;
};

template <class Number>
INTERMODEL_INLINE void appendEach(const Number* x, size_t from, size_t to, size_t place, Terms& terms) {
  for (size_t k = from; k < to; k++) {
    terms.places[terms.count] = static_cast<uint32_t>(place + k);
    terms.factors[terms.count] = static_cast<double>(x[k]);
    terms.count += x[k] != Number(0);
  }
}

/// Eight zeros at once are passed over: most of an image is background.
static void append(const float* x, size_t n, size_t place, Terms& terms) {
  size_t k = 0;
  for (; k + 8 <= n; k += 8) {
    uint64_t bits[4];
    __builtin_memcpy(bits, x + k, sizeof bits);
    if ((bits[0] | bits[1] | bits[2] | bits[3]) != 0) appendEach(x, k, k + 8, place, terms);
  }
  appendEach(x, k, n, place, terms);
}

/// out = start + the terms' rows of `rows` [., width], VECTORS whole vectors wide.
template <int VECTORS>
INTERMODEL_INLINE void addColumns(const double* rows, size_t width, const Terms& terms, const double* start,
                                  double* out) {
  F64 sum[VECTORS];
  for (int v = 0; v < VECTORS; v++) sum[v] = start == nullptr ? zero() : load(start + v * kLanes);
  for (size_t t = 0; t < terms.count; t++) {
    const double* row = rows + terms.places[t] * width;
    const F64 factor = broadcast(terms.factors[t]);
    for (int v = 0; v < VECTORS; v++) sum[v] = fma(factor, load(row + v * kLanes), sum[v]);
  }
  for (int v = 0; v < VECTORS; v++) store(out + v * kLanes, sum[v]);
}

static void addTail(const double* rows, size_t width, size_t tail, const Terms& terms, const double* start,
                    double* out) {
  F64 sum = start == nullptr ? zero() : loadPartial(start, tail);
  for (size_t t = 0; t < terms.count; t++)
    sum = fma(broadcast(terms.factors[t]), loadPartial(rows + terms.places[t] * width, tail), sum);
  storePartial(out, sum, tail);
}

/// out [width] = start (zeros when null) + sum over the terms of factor * row.
static void addRows(const double* rows, size_t width, const Terms& terms, const double* start, double* out) {
  size_t c = 0;
  const auto at = [&](size_t column) { return start == nullptr ? nullptr : start + column; };
  for (; c + 8 * kLanes <= width; c += 8 * kLanes) addColumns<8>(rows + c, width, terms, at(c), out + c);
  for (; c + 4 * kLanes <= width; c += 4 * kLanes) addColumns<4>(rows + c, width, terms, at(c), out + c);
  for (; c + 2 * kLanes <= width; c += 2 * kLanes) addColumns<2>(rows + c, width, terms, at(c), out + c);
  for (; c + kLanes <= width; c += kLanes) addColumns<1>(rows + c, width, terms, at(c), out + c);
  if (c < width) addTail(rows + c, width, width - c, terms, at(c), out + c);
}

static void forward(const DenseNetwork& network, const DenseInputs& inputs, size_t sample, double* preactivations,
                    double* values, const DenseScratch& scratch) {
  Terms terms{scratch.places, scratch.factors, 0};
  append(inputs.first + sample * inputs.firstWidth, inputs.firstWidth, 0, terms);
  append(inputs.second + sample * inputs.secondWidth, inputs.secondWidth, inputs.firstWidth, terms);
  for (size_t l = 0; l < network.layers; l++) {
    const DenseLayer& layer = network.layer[l];
    double* const a = preactivations + layer.before;
    double* const value = values + layer.before;
    addRows(layer.weights, layer.outputs, terms, layer.bias, a);
    if (layer.activation == kIdentity)
      __builtin_memcpy(value, a, layer.outputs * sizeof(double));
    else
      curvature::activateAll(layer.activation, a, value, layer.outputs);
    terms.count = 0;
    if (l + 1 < network.layers) appendEach(value, 0, layer.outputs, 0, terms);
  }
}

static void round(float* out, const double* values, size_t count) {
  for (size_t k = 0; k < count; k++) out[k] = static_cast<float>(values[k]);
}

/// delta = phi'(a) * carried; delta holds a.
static void scaleBySlope(Activation activation, double* delta, const double* carried, size_t n) {
  if (activation == kIdentity) {
    __builtin_memcpy(delta, carried, n * sizeof(double));
    return;
  }
  curvature::slopesOf(activation, delta, delta, n);
  eachVector(n, [=](size_t r, size_t count) {
    storeSome(delta + r, loadSome(delta + r, count) * loadSome(carried + r, count), count);
  });
}

static void backward(const DenseNetwork& network, const float* upstream, double* deltas, const DenseScratch& scratch) {
  for (size_t o = 0; o < network.outputs; o++) scratch.carried[o] = static_cast<double>(upstream[o]);
  for (size_t l = network.layers; l-- > 0;) {
    const DenseLayer& layer = network.layer[l];
    double* const delta = deltas + layer.before;
    scaleBySlope(layer.activation, delta, scratch.carried, layer.outputs);
    if (l == 0) return;
    Terms terms{scratch.places, scratch.factors, 0};
    appendEach(delta, 0, layer.outputs, 0, terms);
    addRows(layer.transposed, layer.inputs, terms, nullptr, scratch.carried);
  }
}

/// Adds factor * delta to one row of a gradient.
INTERMODEL_INLINE void addToRow(double* row, double factor, const double* delta, size_t n) {
  const F64 x = broadcast(factor);
  eachVector(n, [=](size_t c, size_t count) {
    storeSome(row + c, fma(x, loadSome(delta + c, count), loadSome(row + c, count)), count);
  });
}

template <class Number>
INTERMODEL_INLINE void addSample(const Number* x, size_t from, size_t to, double* rows, const double* delta,
                                 size_t width) {
  for (size_t k = from; k < to; k++)
    if (x[k] != Number(0)) addToRow(rows + k * width, static_cast<double>(x[k]), delta, width);
}

static void weightGradient(const DenseNetwork& network, size_t at, const DenseInputs* inputs, const double* values,
                           const double* deltas, size_t samples, size_t from, size_t to, double* gradient) {
  const DenseLayer& layer = network.layer[at];
  const size_t width = layer.outputs;
  double* const rows = gradient + layer.parameters;
  for (size_t k = from * width; k < to * width; k++) rows[k] = 0.0;
  for (size_t s = 0; s < samples; s++) {
    const double* delta = deltas + s * network.totalOutputs + layer.before;
    if (inputs == nullptr) {
      addSample(values + s * network.totalOutputs + network.layer[at - 1].before, from, to, rows, delta, width);
      continue;
    }
    const size_t split = inputs->firstWidth;
    if (from < split) addSample(inputs->first + s * split, from, to < split ? to : split, rows, delta, width);
    if (to > split)
      addSample(inputs->second + s * inputs->secondWidth, from > split ? from - split : 0, to - split,
                rows + split * width, delta, width);
  }
}

static void biasGradient(const DenseNetwork& network, size_t at, const double* deltas, size_t samples,
                         double* gradient) {
  const DenseLayer& layer = network.layer[at];
  double* const bias = gradient + layer.parameters + layer.inputs * layer.outputs;
  eachVector(layer.outputs, [&](size_t c, size_t count) {
    F64 sum = zero();
    for (size_t s = 0; s < samples; s++)
      sum = sum + loadSome(deltas + s * network.totalOutputs + layer.before + c, count);
    storeSome(bias + c, sum, count);
  });
}

static void adam(const AdamStep& step, size_t from, size_t to) {
  const F64 beta1 = broadcast(kBeta1), rest1 = broadcast(1.0 - kBeta1);
  const F64 beta2 = broadcast(kBeta2), rest2 = broadcast(1.0 - kBeta2);
  eachVector(to - from, [&](size_t r, size_t count) {
    const size_t k = from + r;
    const F64 g = loadSome(step.gradient + k, count);
    const F64 first = beta1 * loadSome(step.first + k, count) + rest1 * g;
    const F64 second = beta2 * loadSome(step.second + k, count) + (rest2 * g) * g;
    const F64 spread = squareRoot(second / broadcast(step.correction2)) + broadcast(kEpsilon);
    const F64 direction = (first / broadcast(step.correction1)) / spread;
    const F64 moved = broadcast(step.shrink) * loadSome(step.parameters + k, count) - broadcast(step.size) * direction;
    storeSome(step.first + k, first, count);
    storeSome(step.second + k, second, count);
    storeSome(step.parameters + k, moved, count);
  });
}

constexpr DenseKernels denseKernels() {
  return {.forward = forward,
          .round = round,
          .backward = backward,
          .weightGradient = weightGradient,
          .biasGradient = biasGradient,
          .adam = adam};
}

}  // namespace dense
}  // namespace
}  // namespace intermodel
