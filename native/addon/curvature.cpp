/// The curvature family for JavaScript. Kernels trust their input, so labels, sizes and codes are checked here too.
#include <string>

#include "curvature_batch.hpp"
#include "engine.hpp"

namespace intermodel::addon {
namespace {

Runner runnerOf(const Engine& engine) { return {engine.kernels, engine.threads}; }

/// The head as it arrives: parameters, sizes, activations. peers and width come later in every signature.
struct HeadArguments {
  std::span<const double> parameters;
  std::span<const std::int32_t> sizes, activations;

  std::size_t outputs() const { return static_cast<std::size_t>(sizes.back()); }
  std::size_t inputs() const { return static_cast<std::size_t>(sizes.front()); }
};

/// Reads parameters, sizes, activations and checks that they describe a head.
HeadArguments readHead(Args& args) {
  HeadArguments head;
  head.parameters = args.f64("parameters");
  head.sizes = args.i32("sizes");
  const std::size_t entries = head.sizes.size();
  if (entries < 2) args.fail("BTM_SHAPE", "sizes", "must have at least 2 entries");
  head.activations = args.i32("activations", entries - 1);
  std::size_t count = 0;
  for (std::size_t l = 0; l < entries; l++) {
    if (head.sizes[l] < 1) args.fail("BTM_DOMAIN", "sizes", "must be positive");
    if (l == 0) continue;
    const std::int32_t code = head.activations[l - 1];
    if (code < 0 || code >= kActivationCount) args.fail("BTM_DOMAIN", "activations", "must be known codes");
    count += checkedProduct(static_cast<std::size_t>(head.sizes[l]), static_cast<std::size_t>(head.sizes[l - 1]) + 1);
    if (count > head.parameters.size()) break;
  }
  if (count != head.parameters.size()) args.fail("BTM_SHAPE", "parameters", "must match sizes");
  return head;
}

PackedHead pack(const Engine& engine, Args& args, const HeadArguments& head, Dim& peers, Dim& width) {
  if (lengthOf(peers, width) != head.inputs()) args.fail("BTM_SHAPE", "sizes", "must begin with peers * width");
  return {runnerOf(engine),
          head.parameters.data(),
          head.sizes.data(),
          head.activations.data(),
          head.activations.size(),
          peers,
          width};
}

/// An array whose length is checked once the sizes, which come later, are known.
template <class Span>
auto* orNull(const Args& args, const char* name, Span span, std::size_t wanted) {
  if (span.empty()) return decltype(span.data())(nullptr);
  args.expect(name, span, wanted);
  return span.data();
}

void checkLabelRange(const Args& args, std::span<const std::int32_t> labels, std::size_t outputs) {
  for (const std::int32_t label : labels) {
    if (label < 0 || static_cast<std::size_t>(label) >= outputs) args.fail("BTM_LABEL", "labels", "must be in range");
  }
}

Loss readLoss(Args& args) { return static_cast<Loss>(args.integer("loss", 0, kLossCount - 1)); }

/// What samples are compared with, before the batch size is known.
struct ComparedArguments {
  std::span<const std::int32_t> labels;
  std::span<const double> targets;

  Compared check(const Args& args, Loss loss, std::size_t batch, std::size_t outputs, bool needed) const {
    checkLabelRange(args, labels, outputs);
    Compared compared{loss, orNull(args, "labels", labels, batch),
                      orNull(args, "targets", targets, checkedProduct(batch, outputs))};
    const bool softmax = loss == kSoftmaxCrossEntropy;
    if (softmax)
      compared.targets = nullptr;
    else
      compared.labels = nullptr;
    const bool missing = softmax ? compared.labels == nullptr : compared.targets == nullptr;
    if (needed && missing && batch > 0) args.fail("BTM_SHAPE", softmax ? "labels" : "targets", "must not be empty");
    return compared;
  }
};

ComparedArguments readCompared(Args& args) {
  ComparedArguments compared;
  compared.labels = args.i32("labels");
  compared.targets = args.f64("targets");
  return compared;
}

Napi::Value removalScoresMethod(const Engine& engine, Args& args) {
  const auto scores = args.f64Out("scores"), linear = args.f64Out("linear");
  const auto quadratic = args.f64Out("quadratic");
  const auto responses = args.f64("responses");
  const HeadArguments head = readHead(args);
  const ComparedArguments compared = readCompared(args);
  const auto noise = args.f64("noise");
  const std::size_t draws = args.size("draws");
  const auto estimator = static_cast<Estimator>(args.integer("estimator", 0, kEstimatorCount - 1));
  const Loss loss = readLoss(args);
  Dim batch = args.dim("batch"), peers = args.dim("peers"), width = args.dim("width");

  const PackedHead packed = pack(engine, args, head, peers, width);
  args.expect("responses", responses, batch, peers, width);
  const std::size_t cells = lengthOf(batch, peers), outputs = head.outputs();
  args.expect("scores", scores, cells);
  RemovalTile tile{};
  tile.head = &packed.head();
  tile.estimator = estimator;
  tile.samples = batch;
  tile.responses = responses.data();
  tile.scores = scores.data();
  tile.linear = orNull(args, "linear", linear, cells);
  tile.quadratic = orNull(args, "quadratic", quadratic, cells);
  if ((tile.linear == nullptr) != (tile.quadratic == nullptr)) args.fail("BTM_SHAPE", "linear", "needs quadratic");
  const bool slopes = estimator == kTaylor2 || estimator == kFirstOrder || estimator == kEmpiricalFisher ||
                      estimator == kAblation || tile.linear != nullptr;
  tile.compared = compared.check(args, loss, batch, outputs, slopes);
  if (estimator == kMonteCarloFisher) {
    if (draws == 0) args.fail("BTM_DOMAIN", "draws", "must be positive");
    tile.draws = draws;
    tile.noisePerSample = checkedProduct(draws, loss == kSoftmaxCrossEntropy ? 1 : outputs);
    args.expect("noise", noise, checkedProduct(batch, tile.noisePerSample));
    tile.noise = noise.data();
  }
  return Napi::Boolean::New(args.env(), removalScores(runnerOf(engine), tile));
}

Napi::Value peerGramMethod(const Engine& engine, Args& args) {
  const auto gram = args.f64Out("gram"), factor = args.f64Out("factor");
  const auto responses = args.f64("responses");
  const HeadArguments head = readHead(args);
  const Loss loss = readLoss(args);
  Dim batch = args.dim("batch"), peers = args.dim("peers"), width = args.dim("width");
  const PackedHead packed = pack(engine, args, head, peers, width);
  args.expect("gram", gram, peers, peers);
  args.expect("responses", responses, batch, peers, width);
  double* rows = orNull(args, "factor", factor, checkedProduct(batch, head.outputs(), peers));
  return Napi::Boolean::New(
      args.env(), peerGram(runnerOf(engine), packed.head(), loss, batch, responses.data(), gram.data(), rows));
}

Napi::Value headForwardMethod(const Engine& engine, Args& args) {
  const auto logits = args.f64Out("out");
  const auto responses = args.f64("responses");
  const HeadArguments head = readHead(args);
  Dim batch = args.dim("batch"), peers = args.dim("peers"), width = args.dim("width");
  const PackedHead packed = pack(engine, args, head, peers, width);
  args.expect("responses", responses, batch, peers, width);
  args.expect("out", logits, checkedProduct(batch, head.outputs()));
  return Napi::Boolean::New(args.env(),
                            headForward(runnerOf(engine), packed.head(), batch, responses.data(), logits.data()));
}

Napi::Value headGradientMethod(const Engine& engine, Args& args) {
  const auto losses = args.f64Out("losses"), logits = args.f64Out("logits");
  const auto responseGradient = args.f64Out("responseGradient");
  const auto parameterGradient = args.f64Out("parameterGradient");
  const auto responses = args.f64("responses");
  const HeadArguments head = readHead(args);
  const ComparedArguments compared = readCompared(args);
  const auto upstream = args.f64("outputGradient");
  const Loss loss = readLoss(args);
  const double divisor = args.number("divisor");
  Dim batch = args.dim("batch"), peers = args.dim("peers"), width = args.dim("width");

  const PackedHead packed = pack(engine, args, head, peers, width);
  args.expect("responses", responses, batch, peers, width);
  const std::size_t cells = checkedProduct(batch, head.outputs());
  args.expect("logits", logits, cells);
  args.expect("responseGradient", responseGradient, responses.size());
  args.expect("parameterGradient", parameterGradient, head.parameters.size());
  GradientTile whole{};
  whole.head = &packed.head();
  whole.upstream = orNull(args, "outputGradient", upstream, cells);
  whole.compared = compared.check(args, loss, batch, head.outputs(), whole.upstream == nullptr);
  whole.divisor = divisor;
  whole.batch = batch;
  whole.responses = responses.data();
  if (whole.upstream == nullptr) args.expect("losses", losses, batch);
  whole.losses = losses.data();
  whole.logits = logits.data();
  whole.responseGradient = responseGradient.data();
  return Napi::Boolean::New(args.env(), headGradient(runnerOf(engine), whole, parameterGradient.data()));
}

Napi::Value importanceMethod(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const HeadArguments head = readHead(args);
  Dim peers = args.dim("peers"), width = args.dim("width");
  const PackedHead packed = pack(engine, args, head, peers, width);
  args.expect("out", out, peers);
  headImportance(runnerOf(engine), packed.head(), out.data());
  return args.env().Undefined();
}

Napi::Value sumSamplesMethod(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const auto values = args.f64("values");
  Dim batch = args.dim("batch"), columns = args.dim("columns");
  args.expect("out", out, columns);
  args.expect("values", values, batch, columns);
  sumSamples(runnerOf(engine), out.data(), values.data(), batch, columns);
  return args.env().Undefined();
}

Napi::Value outputQuadraticFormMethod(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const auto logits = args.f64("logits"), vectors = args.f64("vectors");
  const Loss loss = readLoss(args);
  Dim batch = args.dim("batch"), outputs = args.dim("outputs"), peers = args.dim("peers");
  args.expect("out", out, batch, peers);
  args.expect("logits", logits, batch, outputs);
  args.expect("vectors", vectors, batch, peers, outputs);
  if (outputs.asked() == 0) args.fail("BTM_DOMAIN", "outputs", "must be positive");
  outputForms(runnerOf(engine), out.data(), logits.data(), vectors.data(), loss, batch, outputs, peers);
  return args.env().Undefined();
}

Napi::Value quadraticFormMethod(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const auto data = args.f64("data"), vectors = args.f64("vectors");
  Dim count = args.dim("count"), n = args.dim("n");
  const auto storage = static_cast<Storage>(args.integer("storage", 0, kStorageCount - 1));
  Dim rank = args.dim("rank");
  const bool own = args.integer("own", 0, 1) == 1;
  args.expect("out", out, count);
  args.expect("vectors", vectors, count, n);
  Dim copies = own ? count : Dim(1);
  if (storage == kLowRank) {
    args.expect("data", data, copies, rank, n);
  } else if (storage == kDiagonalStorage) {
    args.expect("data", data, copies, n);
  } else {
    args.expect("data", data, copies, n, n);
  }
  const std::size_t one = storage == kLowRank ? rank * n : storage == kDiagonalStorage ? n : n * n;
  quadraticForms(runnerOf(engine), out.data(), data.data(), vectors.data(), count, n, storage, rank, own ? one : 0);
  return args.env().Undefined();
}

}  // namespace

void defineCurvature(Methods& methods) {
  methods.add("removalScores", removalScoresMethod);
  methods.add("peerGram", peerGramMethod);
  methods.add("headForward", headForwardMethod);
  methods.add("headGradient", headGradientMethod);
  methods.add("importance", importanceMethod);
  methods.add("sumSamples", sumSamplesMethod);
  methods.add("outputQuadraticForm", outputQuadraticFormMethod);
  methods.add("quadraticForm", quadraticFormMethod);
}

}  // namespace intermodel::addon
