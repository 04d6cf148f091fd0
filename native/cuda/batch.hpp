/// Cutting a batch into parts that fit the memory a call may take.
#pragma once

#include <algorithm>

#include "head.hpp"

namespace intermodel::gpu {

constexpr size_t kBlock = 256;  // samples in one block of a long sum

/// Samples to a part when each takes so many bytes; a multiple of `whole` unless fewer than that fit.
inline size_t samplesToAPart(IntermodelSession& session, size_t samples, size_t bytesEach, size_t whole = 1) {
  const size_t fitting = session.budget() / std::max<size_t>(bytesEach, 1);
  const size_t rounded = std::max<size_t>(fitting / whole * whole, whole);
  return std::max<size_t>(1, std::min(samples, rounded));
}

/// Bytes that the forward pass of one sample takes, with its responses.
inline size_t forwardBytes(const IntermodelBatch& batch) {
  const IntermodelHead& head = *batch.head;
  return sizeof(double) * (3 * head.totalOutputs + batch.peers * head.layers[0].outputs + 2 * head.inputs());
}

/// to[k] = from[k]
inline void widen(Machine& machine, const float* from, double* to, size_t length) {
  each(machine, length, [=] INTERMODEL_BOTH(size_t k) { to[k] = static_cast<double>(from[k]); });
}

/// The arrays of a batch for samples first .. first + samples - 1.
struct BatchPart {
  BatchPart(IntermodelSession& session, const IntermodelBatch& batch, size_t first, size_t samples)
      : responses_(session, advance(batch.responses, first * batch.head->inputs()), samples * batch.head->inputs()),
        single_(session, advance(batch.responses_f32, first * batch.head->inputs()), samples * batch.head->inputs()),
        answered_(session, advance(batch.answered, first * batch.peers), samples * batch.peers),
        weights_(session, advance(batch.weights, first), samples),
        labels_(session, advance(batch.labels, first), samples),
        targets_(session, advance(batch.targets, first * batch.head->outputs()), samples * batch.head->outputs()) {
    part.first = first;
    part.samples = samples;
    part.responses = responses_.data();
    part.answered = answered_.data();
    if (batch.responses_f32 == nullptr) return;
    const size_t length = samples * batch.head->inputs();
    widened_ = Array<double>(session.machine, length);
    widen(session.machine, single_.data(), widened_.data(), length);
    part.responses = widened_.data();
  }

  Part part{};
  const double* weights() const { return weights_.data(); }
  const int32_t* labels() const { return labels_.data(); }
  const double* targets() const { return targets_.data(); }

  template <class T>
  static T* advance(T* pointer, size_t by) {
    return pointer == nullptr ? nullptr : pointer + by;
  }

  Input<double> responses_;
  Input<float> single_;
  Input<int32_t> answered_;
  Input<double> weights_;
  Input<int32_t> labels_;
  Input<double> targets_;
  Array<double> widened_;
};

/// body(part of the batch) for all its parts of at most `most` samples, in order.
template <class Body>
void forParts(IntermodelSession& session, const IntermodelBatch& batch, size_t most, Body body) {
  for (size_t first = 0; first < batch.samples; first += most) {
    const BatchPart part(session, batch, first, std::min(most, batch.samples - first));
    body(part);
  }
}

}  // namespace intermodel::gpu
