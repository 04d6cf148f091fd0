/// The peer Gram matrix: the operations of gramBlock in native/src/curvature_kernels.hpp. Sums over samples run in
/// blocks of 256, each in eight virtual lanes: a thread takes one entry of one lane of one block.
#include "batch.hpp"
#include "calls.hpp"

namespace intermodel::gpu {
namespace {

/// The entry (i, j) of the upper half that comes at place `at`, row by row.
INTERMODEL_BOTH inline size_t rowOf(size_t at, size_t n) {
  size_t i = 0;
  while (at >= n - i) at -= n - i++;
  return i;
}

struct Gram {
  Gram(IntermodelSession& session, const IntermodelBatch& batch);
  bool run(double* gram, double* factor);

  size_t bytesEach() const;
  void centre(size_t samples);
  void addBlocks(const BatchPart& part);
  void writeFactor(const BatchPart& part, double* factor);

  IntermodelSession& session_;
  Machine& machine_;
  const IntermodelBatch& batch_;
  const IntermodelHead& head_;
  const size_t peers_, outputs_;
  const Loss loss_;
  const size_t most_;
  Forward forward_;
  Array<double> baseline_, moves_, flow0_, flow1_, predicted_, weights_;
  Array<double> centred_;  ///< [samples, peers, outputs]: directions less their means
  Array<double> careful_;  ///< [samples * peers, outputs]
  Array<double> lanes_;    ///< [blocks, 8, peers, peers]
  Array<double> gram_;     ///< [peers, peers], over the blocks so far
};

size_t Gram::bytesEach() const {
  const size_t row = head_.layers[0].outputs;
  const size_t own = peers_ * row + 2 * peers_ * head_.widest + 2 * outputs_ + 3 * peers_ * outputs_ +
                     8 * peers_ * peers_ / kBlock + 1;
  return forwardBytes(batch_) + own * sizeof(double);
}

Gram::Gram(IntermodelSession& session, const IntermodelBatch& batch)
    : session_(session),
      machine_(session.machine),
      batch_(batch),
      head_(*batch.head),
      peers_(batch.peers),
      outputs_(head_.outputs()),
      loss_(static_cast<Loss>(batch.loss)),
      most_(samplesToAPart(session, batch.samples, bytesEach(), kBlock)),
      forward_(session, batch, most_),
      baseline_(machine_, batch.baseline, head_.inputs()),
      moves_(machine_, most_ * peers_ * head_.layers[0].outputs),
      flow0_(machine_, most_ * peers_ * head_.widest),
      flow1_(machine_, most_ * peers_ * head_.widest),
      predicted_(machine_, most_ * outputs_),
      weights_(machine_, most_ * outputs_),
      centred_(machine_, most_ * peers_ * outputs_),
      careful_(machine_, most_ * peers_ * outputs_),
      lanes_(machine_, (most_ + kBlock - 1) / kBlock * kTreeLanes * peers_ * peers_),
      gram_(machine_, peers_ * peers_) {
  forward_.takeBaseline(baseline_.data());
}

/// Fills centred_ from the directions of every sample and peer.
void Gram::centre(size_t samples) {
  const size_t n = peers_, outputs = outputs_, row = head_.layers[0].outputs;
  const int32_t* answered = forward_.answered;
  const double *parts = forward_.parts.data(), *shifts = forward_.shifts.data();
  double* away = moves_.data();
  each(machine_, n * samples * row, [=] INTERMODEL_BOTH(size_t k) {
    const size_t i = k / row / samples, s = k / row % samples, o = k % row;
    const bool absent = answered != nullptr && answered[s * n + i] == 0;
    away[k] = absent ? 0.0 : shifts == nullptr ? parts[k] : parts[k] - shifts[i * row + o];
  });
  const double* directions = forward_.carry(away, samples * n, samples, false, flow0_.data(), flow1_.data());
  const double* z = forward_.values(head_.layers.size() - 1, samples);
  double *predicted = predicted_.data(), *weights = weights_.data();
  const Loss loss = loss_;
  each(machine_, samples, [=] INTERMODEL_BOTH(size_t s) {
    curvature::predict(loss, z + s * outputs, predicted + s * outputs, weights + s * outputs, outputs);
  });
  double *centred = centred_.data(), *careful = careful_.data();
  each(machine_, samples * n, [=] INTERMODEL_BOTH(size_t cell) {
    const size_t s = cell / n, i = cell % n;
    const double* v = directions + (i * samples + s) * outputs;
    curvature::centredColumns(loss, weights + s * outputs, v, outputs, 1, outputs, 1, centred + cell * outputs,
                              careful + cell * outputs, careful + cell * outputs);
  });
}

/// Adds the blocks of this part to the sum over those before it, in order.
void Gram::addBlocks(const BatchPart& part) {
  const size_t samples = part.part.samples, n = peers_, outputs = outputs_, half = n * (n + 1) / 2;
  const size_t blocks = (samples + kBlock - 1) / kBlock, area = n * n;
  const double *weights = weights_.data(), *centred = centred_.data(), *shares = part.weights();
  double *lanes = lanes_.data(), *gram = gram_.data();
  each(machine_, blocks * kTreeLanes * half, [=] INTERMODEL_BOTH(size_t k) {
    const size_t at = k % half, lane = k / half % kTreeLanes, block = k / half / kTreeLanes;
    const size_t i = rowOf(at, n), j = at - (i * n - i * (i - 1) / 2) + i;
    const size_t end = block * kBlock + kBlock < samples ? block * kBlock + kBlock : samples;
    double sum = 0.0;
    for (size_t s = block * kBlock + lane; s < end; s += kTreeLanes) {
      const double share = shares == nullptr ? 1.0 : shares[s];
      if (share == 0.0) continue;
      const double *h = weights + s * outputs, *a = centred + (s * n + i) * outputs,
                   *b = centred + (s * n + j) * outputs;
      const F64 form = curvature::laneTree(
          outputs, [=](size_t c, F64 total) { return fma(broadcast(h[c] * a[c]), broadcast(b[c]), total); });
      sum = sum + share * form.v;
    }
    lanes[(block * kTreeLanes + lane) * area + i * n + j] = sum;
  });
  const bool starts = part.part.first == 0;
  each(machine_, half, [=] INTERMODEL_BOTH(size_t at) {
    const size_t i = rowOf(at, n), j = at - (i * n - i * (i - 1) / 2) + i;
    double total = gram[i * n + j];
    for (size_t block = 0; block < blocks; block++) {
      double lane[kTreeLanes];
      for (size_t k = 0; k < kTreeLanes; k++) lane[k] = lanes[(block * kTreeLanes + k) * area + i * n + j];
      const double sum = foldLanes(lane);
      total = starts && block == 0 ? sum : total + sum;
    }
    gram[i * n + j] = gram[j * n + i] = total;
  });
}

/// sqrt(h) (v - mean) of every sample, output and peer, times the root of the sample's weight.
void Gram::writeFactor(const BatchPart& part, double* factor) {
  const size_t samples = part.part.samples, n = peers_, outputs = outputs_, length = samples * outputs * n;
  Array<double> lines(machine_, length);
  const double *weights = weights_.data(), *centred = centred_.data(), *shares = part.weights();
  double* out = lines.data();
  each(machine_, length, [=] INTERMODEL_BOTH(size_t k) {
    const size_t s = k / n / outputs, c = k / n % outputs, i = k % n;
    const double share = shares == nullptr ? 1.0 : shares[s];
    const double root = __builtin_sqrt(weights[s * outputs + c]), scale = __builtin_sqrt(share);
    out[k] = share == 0.0 ? 0.0 : scale * (root * centred[(s * n + i) * outputs + c]);
  });
  lines.get(factor + part.part.first * outputs * n);
}

bool Gram::run(double* gram, double* factor) {
  bool finite = true;
  if (batch_.samples == 0) std::fill_n(gram, peers_ * peers_, 0.0);
  forParts(session_, batch_, most_, [&](const BatchPart& part) {
    forward_.run(part.part, true);
    centre(part.part.samples);
    addBlocks(part);
    if (factor != nullptr) writeFactor(part, factor);
    finite = forward_.isFinite(part.part.samples) && finite;
  });
  if (batch_.samples > 0) gram_.get(gram);
  return finite;
}

}  // namespace

bool gram(IntermodelSession& session, const IntermodelBatch& batch, double* gram, double* factor) {
  return Gram(session, batch).run(gram, factor);
}

}  // namespace intermodel::gpu
