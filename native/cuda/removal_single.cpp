/// Gauss-Newton scores of a linear head in single precision: the operations of removalSingle in
/// native/src/linear_removal.hpp, classes in blocks that are merged in ascending order.
#include "batch.hpp"
#include "calls.hpp"

namespace intermodel::gpu {
namespace {

/// What a block of classes says of one sample: its own sum, and how it merges with the blocks before.
struct SeenBlock {
  F32 sum;
  curvature::SingleMerge merge;
};

/// One call with the memory of its parts. nvcc wants functions with kernels in them to be public.
struct SingleRemoval {
  SingleRemoval(IntermodelSession& session, const IntermodelBatch& batch);
  bool run(double* scores);
  void takeWeights();
  void addBlock(const float* responses, size_t samples, size_t begin, size_t end);
  void logits(size_t samples, size_t begin, size_t n);
  void exponentials(size_t samples, size_t n, bool starts);
  void slopes(size_t samples, size_t n);
  void addForms(size_t samples, size_t n, bool starts);
  void scores(const double* weights, size_t samples, double* out);
  size_t bytesEach() const;

  IntermodelSession& session_;
  Machine& machine_;
  const IntermodelBatch& batch_;
  const Layer& layer_;
  const size_t peers_, block_, most_;
  const bool softmax_;
  Array<size_t> offsets_;
  Array<float> weights_, bias_;
  Array<float> parts_;          ///< [peers, samples, classes of the block]
  Array<float> z_;              ///< [samples, classes of the block]: logits, then what weighs the forms
  Array<float> largest_, sum_;  ///< [samples]
  Array<float> means_, forms_;  ///< [samples, peers]
  Array<SeenBlock> seen_;       ///< [samples]
  Array<int32_t> finite_;       ///< [samples]
  Array<double> scores_;        ///< [samples, peers]
};

size_t SingleRemoval::bytesEach() const {
  const size_t floats = block_ * (peers_ + 1) + 2 + 2 * peers_ + layer_.inputs;
  return floats * sizeof(float) + sizeof(SeenBlock) + sizeof(int32_t) + peers_ * sizeof(double);
}

SingleRemoval::SingleRemoval(IntermodelSession& session, const IntermodelBatch& batch)
    : session_(session),
      machine_(session.machine),
      batch_(batch),
      layer_(batch.head->layers[0]),
      peers_(batch.peers),
      block_(std::min(layer_.outputs, kSingleBlock)),
      most_(samplesToAPart(session, batch.samples, bytesEach())),
      softmax_(batch.loss == kSoftmaxCrossEntropy),
      offsets_(machine_, batch.offsets, peers_ + 1),
      weights_(machine_, layer_.outputs * layer_.inputs),
      bias_(machine_, layer_.outputs),
      parts_(machine_, most_ * peers_ * block_),
      z_(machine_, most_ * block_),
      largest_(machine_, most_),
      sum_(machine_, most_),
      means_(machine_, most_ * peers_),
      forms_(machine_, most_ * peers_),
      seen_(machine_, most_),
      finite_(machine_, most_),
      scores_(machine_, most_ * peers_) {}

void SingleRemoval::takeWeights() {
  const double *weights = layer_.weights, *bias = layer_.bias;
  float *w = weights_.data(), *b = bias_.data();
  each(machine_, layer_.outputs * layer_.inputs,
       [=] INTERMODEL_BOTH(size_t k) { w[k] = static_cast<float>(weights[k]); });
  each(machine_, layer_.outputs, [=] INTERMODEL_BOTH(size_t o) { b[o] = static_cast<float>(bias[o]); });
}

/// z = bias, then the contribution of peer 0, 1, ... added in order.
void SingleRemoval::logits(size_t samples, size_t begin, size_t n) {
  const float *bias = bias_.data() + begin, *parts = parts_.data();
  float* z = z_.data();
  const size_t peers = peers_;
  each(machine_, samples * n, [=] INTERMODEL_BOTH(size_t k) {
    float sum = bias[k % n];
    for (size_t i = 0; i < peers; i++) sum = sum + parts[i * samples * n + k];
    z[k] = sum;
  });
}

/// z becomes e^(z - the block's largest); the running sums take the block in.
void SingleRemoval::exponentials(size_t samples, size_t n, bool starts) {
  float *z = z_.data(), *largest = largest_.data(), *sum = sum_.data();
  SeenBlock* seen = seen_.data();
  each(machine_, samples, [=] INTERMODEL_BOTH(size_t s) {
    float* e = z + s * n;
    F32 top = splat(-static_cast<float>(__builtin_inf()));
    for (size_t c = 0; c < n; c++) top = maximum(load(e + c), top);
    for (size_t c = 0; c < n; c++) store(e + c, exponential(load(e + c) - top));
    const F32 total = curvature::treeAcross<float>(n, [=](size_t c, F32 lane) { return lane + load(e + c); });
    SeenBlock block{total, {}};
    if (!starts) block.merge = curvature::mergeOf(load(largest + s), load(sum + s), top, total);
    seen[s] = block;
    store(sum + s, starts ? total : block.merge.sum);
    store(largest + s, starts ? top : maximum(load(largest + s), top));
  });
}

/// z becomes the diagonal of the loss's Hessian.
void SingleRemoval::slopes(size_t samples, size_t n) {
  float* z = z_.data();
  const bool binary = batch_.loss == kBinaryCrossEntropy;
  each(machine_, samples * n, [=] INTERMODEL_BOTH(size_t k) {
    store(z + k, binary ? viaDouble<sigmoidDerivative>(load(z + k)) : splat(1.0f));
  });
}

/// The block's forms of every peer, merged into those of the blocks before.
void SingleRemoval::addForms(size_t samples, size_t n, bool starts) {
  const float *z = z_.data(), *parts = parts_.data();
  float *means = means_.data(), *forms = forms_.data();
  const SeenBlock* seen = seen_.data();
  const size_t peers = peers_;
  const bool softmax = softmax_;
  each(machine_, samples * peers, [=] INTERMODEL_BOTH(size_t cell) {
    const size_t s = cell / peers, i = cell % peers;
    const float *e = z + s * n, *part = parts + (i * samples + s) * n;
    if (!softmax) {
      const F32 form = curvature::treeAcross<float>(
          n, [=](size_t c, F32 lane) { return fma(load(e + c) * load(part + c), load(part + c), lane); });
      store(forms + cell, starts ? form : load(forms + cell) + form);
      return;
    }
    const curvature::SingleMerge& merge = seen[s].merge;
    const F32 dot =
        curvature::treeAcross<float>(n, [=](size_t c, F32 lane) { return fma(load(e + c), load(part + c), lane); });
    const F32 mean = dot / seen[s].sum;
    const F32 form = curvature::treeAcross<float>(n, [=](size_t c, F32 lane) {
      const F32 centred = load(part + c) - mean;
      return fma(load(e + c) * centred, centred, lane);
    });
    if (starts) {
      store(means + cell, mean);
      store(forms + cell, form);
      return;
    }
    const F32 apart = mean - load(means + cell);
    store(means + cell, fma(apart, merge.share, load(means + cell)));
    store(forms + cell, fma(apart * apart, merge.spread, fma(merge.before, load(forms + cell), merge.now * form)));
  });
}

/// Classes begin .. end - 1 of a part of the batch.
void SingleRemoval::addBlock(const float* responses, size_t samples, size_t begin, size_t end) {
  const size_t n = end - begin;
  ProductOf<float> g{};
  g.m = samples;
  g.n = n;
  g.a = responses;
  g.aRow = layer_.inputs;
  g.aColumn = 1;
  g.b = weights_.data() + begin * layer_.inputs;
  g.bRow = 1;
  g.bColumn = layer_.inputs;
  g.c = parts_.data();
  g.cRow = n;
  g.cStep = samples * n;
  g.offsets = offsets_.data();
  multiply(machine_, g, peers_);
  logits(samples, begin, n);
  if (begin == 0) {
    const float* z = z_.data();
    int32_t* finite = finite_.data();
    each(machine_, samples, [=] INTERMODEL_BOTH(size_t s) { finite[s] = z[s * n] - z[s * n] == 0.0f ? 1 : 0; });
  }
  if (softmax_)
    exponentials(samples, n, begin == 0);
  else
    slopes(samples, n);
  addForms(samples, n, begin == 0);
}

/// Each form over the whole sum, in double, times the sample's weight: exactly 0 at weight 0.
void SingleRemoval::scores(const double* weights, size_t samples, double* out) {
  const float *forms = forms_.data(), *sum = sum_.data();
  double* scores = scores_.data();
  const size_t peers = peers_;
  const bool softmax = softmax_;
  each(machine_, samples * peers, [=] INTERMODEL_BOTH(size_t cell) {
    const float form = softmax ? forms[cell] / sum[cell / peers] : forms[cell];
    const double score = static_cast<double>(form), weight = weights == nullptr ? 1.0 : weights[cell / peers];
    scores[cell] = weights == nullptr ? score : weight == 0.0 ? 0.0 : weight * score;
  });
  scores_.get(out, 0, samples * peers);
}

bool SingleRemoval::run(double* out) {
  takeWeights();
  bool finite = true;
  const size_t inputs = layer_.inputs;
  for (size_t first = 0; first < batch_.samples; first += most_) {
    const size_t samples = std::min(most_, batch_.samples - first);
    const Input<float> responses(session_, batch_.responses_f32 + first * inputs, samples * inputs);
    const Input<double> weights(session_, BatchPart::advance(batch_.weights, first), samples);
    for (size_t begin = 0; begin < layer_.outputs; begin += block_)
      addBlock(responses.data(), samples, begin, std::min(layer_.outputs, begin + block_));
    scores(weights.data(), samples, out + first * peers_);
    std::vector<int32_t> flags(samples);
    finite_.get(flags.data(), 0, samples);
    for (const int32_t flag : flags) finite = finite && flag == 1;
  }
  return finite;
}

}  // namespace

bool removalSingle(IntermodelSession& session, const IntermodelBatch& batch, double* scores) {
  return SingleRemoval(session, batch).run(scores);
}

}  // namespace intermodel::gpu
