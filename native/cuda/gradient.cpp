/// Heads on the device, their forward pass and gradient: the operations of gradientTile in
/// native/src/curvature_kernels.hpp and headGradient in native/src/curvature_batch.cpp.
#include "batch.hpp"
#include "calls.hpp"

namespace intermodel::gpu {
namespace {

struct Gradient {
  Gradient(IntermodelSession& session, const IntermodelGradient& call);
  bool run();

  void outputGradient(const BatchPart& part);
  void carryBack(size_t samples);
  void addParameters(const BatchPart& part);
  double* delta(size_t l, size_t samples) const { return deltas_.data() + samples * head_.layers[l].before; }

  IntermodelSession& session_;
  Machine& machine_;
  const IntermodelGradient& call_;
  const IntermodelBatch& batch_;
  const IntermodelHead& head_;
  const size_t outputs_, most_;
  Forward forward_;
  Array<double> deltas_;  ///< dL/da of each layer, laid out like the pre-activations
  Array<double> inputGradient_, losses_, terms_, parameters_;
};

Gradient::Gradient(IntermodelSession& session, const IntermodelGradient& call)
    : session_(session),
      machine_(session.machine),
      call_(call),
      batch_(call.batch),
      head_(*call.batch.head),
      outputs_(head_.outputs()),
      // sums over samples go on from part to part at whole blocks of the fixed tree
      most_(samplesToAPart(
          session, batch_.samples,
          forwardBytes(batch_) + sizeof(double) * (head_.totalOutputs + head_.inputs() + 2 * outputs_ + 1), kBlock)),
      forward_(session, batch_, most_),
      deltas_(machine_, most_ * head_.totalOutputs),
      inputGradient_(machine_, most_ * head_.inputs()),
      losses_(machine_, most_),
      terms_(machine_, most_ * outputs_),
      parameters_(machine_, head_.parameters.size()) {}

/// dL/dz of every sample, divided by the divisor, and the losses.
void Gradient::outputGradient(const BatchPart& part) {
  const size_t samples = part.part.samples, n = outputs_, last = head_.layers.size() - 1;
  double* out = delta(last, samples);
  if (call_.upstream != nullptr) {
    machine_.toDevice(out, call_.upstream + part.part.first * n, samples * n * sizeof(double));
    return;
  }
  const double *z = forward_.values(last, samples), *targets = part.targets(), *weights = part.weights();
  const int32_t* labels = part.labels();
  double *losses = losses_.data(), *terms = terms_.data();
  const Loss loss = static_cast<Loss>(batch_.loss);
  const double divisor = call_.divisor;
  each(machine_, samples, [=] INTERMODEL_BOTH(size_t s) {
    const double *mine = z + s * n, *wanted = targets == nullptr ? nullptr : targets + s * n;
    double *gradient = out + s * n, *room = terms + s * n;
    const int32_t label = labels == nullptr ? -1 : labels[s];
    const double weight = weights == nullptr ? 1.0 : weights[s];
    const double value = curvature::lossValue(loss, mine, label, wanted, n, room);
    losses[s] = weight == 0.0 ? 0.0 : weight * value;
    curvature::predict(loss, mine, gradient, room, n);
    if (loss != kSoftmaxCrossEntropy)
      curvature::subtractTargets(loss, mine, wanted, gradient, n);
    else if (label < 0)
      subtractSoft(gradient, wanted, n);
    else
      subtractOneHot(gradient, static_cast<size_t>(label), n);
    for (size_t c = 0; c < n; c++) gradient[c] = (weight * (weight == 0.0 ? 0.0 : gradient[c])) / divisor;
  });
}

/// dL/da of each layer, and dL/dx of the first.
void Gradient::carryBack(size_t samples) {
  for (size_t l = head_.layers.size(); l-- > 0;) {
    const Layer& layer = head_.layers[l];
    double* mine = delta(l, samples);
    const double* slope = forward_.slope.data() + samples * layer.before;
    if (layer.activation != kIdentity)
      each(machine_, samples * layer.outputs, [=] INTERMODEL_BOTH(size_t k) { mine[k] = slope[k] * mine[k]; });
    ProductArguments g{};
    g.m = samples;
    g.n = layer.inputs;
    g.k = layer.outputs;
    g.a = mine;
    g.aRow = layer.outputs;
    g.aColumn = 1;
    g.b = layer.weights;
    g.bRow = layer.inputs;
    g.bColumn = 1;
    g.c = l == 0 ? inputGradient_.data() : delta(l - 1, samples);
    g.cRow = layer.inputs;
    multiply(machine_, g);
  }
}

/// Sums over the samples of this part, going on from those of the parts before: chains for the weights, the fixed
/// tree's blocks for the biases.
void Gradient::addParameters(const BatchPart& part) {
  const size_t samples = part.part.samples;
  const bool starts = part.part.first == 0;
  double* out = parameters_.data();
  for (size_t l = 0; l < head_.layers.size(); l++) {
    const Layer& layer = head_.layers[l];
    const double* mine = delta(l, samples);
    ProductArguments g{};
    g.m = layer.outputs;
    g.n = layer.inputs;
    g.k = samples;
    g.a = mine;
    g.aRow = 1;
    g.aColumn = layer.outputs;
    g.b = l == 0 ? part.part.responses : forward_.values(l - 1, samples);
    g.bRow = layer.inputs;
    g.bColumn = 1;
    g.init = starts ? nullptr : out;
    g.initRow = layer.inputs;
    g.c = out;
    g.cRow = layer.inputs;
    multiply(machine_, g);
    out += layer.inputs * layer.outputs;
    const size_t n = layer.outputs;
    double* bias = out;
    each(machine_, n, [=] INTERMODEL_BOTH(size_t o) {
      double total = bias[o];
      for (size_t begin = 0; begin < samples; begin += kTreeBlock) {
        const size_t end = samples - begin < kTreeBlock ? samples : begin + kTreeBlock;
        const double sum = foldBlock<Add>(begin, end, [=](size_t s, size_t) { return F64{mine[s * n + o]}; });
        total = starts && begin == 0 ? sum : total + sum;
      }
      bias[o] = total;
    });
    out += n;
  }
}

bool Gradient::run() {
  bool finite = true;
  forParts(session_, batch_, most_, [&](const BatchPart& part) {
    const size_t first = part.part.first, samples = part.part.samples;
    forward_.run(part.part, true);
    machine_.toHost(call_.logits + first * outputs_, forward_.values(head_.layers.size() - 1, samples),
                    samples * outputs_ * sizeof(double));
    outputGradient(part);
    carryBack(samples);
    addParameters(part);
    inputGradient_.get(call_.response_gradient + first * head_.inputs(), 0, samples * head_.inputs());
    if (call_.upstream == nullptr) losses_.get(call_.losses + first, 0, samples);
    finite = forward_.isFinite(samples) && finite;
  });
  if (batch_.samples > 0)
    parameters_.get(call_.parameter_gradient);
  else
    std::fill_n(call_.parameter_gradient, parameters_.size(), 0.0);
  return finite;
}

}  // namespace

bool gradient(IntermodelSession& session, const IntermodelGradient& call) { return Gradient(session, call).run(); }

bool forward(IntermodelSession& session, const IntermodelBatch& batch, double* logits) {
  const size_t most = samplesToAPart(session, batch.samples, forwardBytes(batch));
  Forward pass(session, batch, most);
  const size_t outputs = batch.head->outputs();
  bool finite = true;
  forParts(session, batch, most, [&](const BatchPart& part) {
    pass.run(part.part, false);
    session.machine.toHost(logits + part.part.first * outputs,
                           pass.values(batch.head->layers.size() - 1, part.part.samples),
                           part.part.samples * outputs * sizeof(double));
    finite = pass.isFinite(part.part.samples) && finite;
  });
  return finite;
}

IntermodelHead* createHead(IntermodelSession& session, const double* parameters, const int32_t* sizes,
                           const int32_t* activations, size_t layers) {
  auto head = std::make_unique<IntermodelHead>();
  size_t count = 0;
  for (size_t l = 0; l < layers; l++) count += (static_cast<size_t>(sizes[l]) + 1) * static_cast<size_t>(sizes[l + 1]);
  head->parameters = Array<double>(session.machine, parameters, count);
  const double* at = head->parameters.data();
  for (size_t l = 0; l < layers; l++) {
    const auto inputs = static_cast<size_t>(sizes[l]), outputs = static_cast<size_t>(sizes[l + 1]);
    head->layers.push_back(
        {inputs, outputs, static_cast<Activation>(activations[l]), at, at + inputs * outputs, head->totalOutputs});
    at += (inputs + 1) * outputs;
    head->totalOutputs += outputs;
    head->widest = std::max(head->widest, outputs);
  }
  return head.release();
}

void freeHead(IntermodelSession&, IntermodelHead* head) { delete head; }

}  // namespace intermodel::gpu
