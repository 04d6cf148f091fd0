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
  head.parameters = args.f64("parameters", args.peekLength("parameters"));
  const std::size_t entries = args.peekLength("sizes");
  head.sizes = args.i32("sizes", entries);
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

PackedHead pack(const Engine& engine, Args& args, const HeadArguments& head, std::size_t peers, std::size_t width) {
  if (checkedProduct(peers, width) != head.inputs()) args.fail("BTM_SHAPE", "sizes", "must begin with peers * width");
  return {runnerOf(engine),
          head.parameters.data(),
          head.sizes.data(),
          head.activations.data(),
          head.activations.size(),
          peers,
          width};
}

void expect(const Args& args, const char* name, std::size_t found, std::size_t wanted) {
  if (found != wanted) {
    args.fail("BTM_SHAPE", name, "must have length " + std::to_string(wanted) + ", got " + std::to_string(found));
  }
}

/// An array whose length is checked once the sizes, which come later, are known.
template <class Span>
auto* orNull(const Args& args, const char* name, Span span, std::size_t wanted) {
  if (span.empty()) return decltype(span.data())(nullptr);
  expect(args, name, span.size(), wanted);
  return span.data();
}

std::span<const double> anyF64(Args& args, const char* name) { return args.f64(name, args.peekLength(name)); }
std::span<double> anyF64Out(Args& args, const char* name) { return args.f64Out(name, args.peekLength(name)); }

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
  compared.labels = args.i32("labels", args.peekLength("labels"));
  compared.targets = anyF64(args, "targets");
  return compared;
}

Napi::Value removalScoresMethod(const Engine& engine, Args& args) {
  const auto scores = anyF64Out(args, "scores"), linear = anyF64Out(args, "linear");
  const auto quadratic = anyF64Out(args, "quadratic");
  const auto responses = anyF64(args, "responses");
  const HeadArguments head = readHead(args);
  const ComparedArguments compared = readCompared(args);
  const auto noise = anyF64(args, "noise");
  const std::size_t draws = args.size("draws");
  const auto estimator = static_cast<Estimator>(args.integer("estimator", 0, kEstimatorCount - 1));
  const Loss loss = readLoss(args);
  const std::size_t batch = args.size("batch"), peers = args.size("peers"), width = args.size("width");

  const PackedHead packed = pack(engine, args, head, peers, width);
  const std::size_t cells = checkedProduct(batch, peers), outputs = head.outputs();
  expect(args, "responses", responses.size(), checkedProduct(cells, width));
  expect(args, "scores", scores.size(), cells);
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
    expect(args, "noise", noise.size(), checkedProduct(batch, tile.noisePerSample));
    tile.noise = noise.data();
  }
  return Napi::Boolean::New(args.env(), removalScores(runnerOf(engine), tile));
}

Napi::Value peerGramMethod(const Engine& engine, Args& args) {
  const auto gram = anyF64Out(args, "gram"), factor = anyF64Out(args, "factor");
  const auto responses = anyF64(args, "responses");
  const HeadArguments head = readHead(args);
  const Loss loss = readLoss(args);
  const std::size_t batch = args.size("batch"), peers = args.size("peers"), width = args.size("width");
  const PackedHead packed = pack(engine, args, head, peers, width);
  expect(args, "gram", gram.size(), checkedProduct(peers, peers));
  expect(args, "responses", responses.size(), checkedProduct(batch, peers, width));
  double* rows = orNull(args, "factor", factor, checkedProduct(batch, head.outputs(), peers));
  return Napi::Boolean::New(
      args.env(), peerGram(runnerOf(engine), packed.head(), loss, batch, responses.data(), gram.data(), rows));
}

Napi::Value headForwardMethod(const Engine& engine, Args& args) {
  const auto logits = anyF64Out(args, "out");
  const auto responses = anyF64(args, "responses");
  const HeadArguments head = readHead(args);
  const std::size_t batch = args.size("batch"), peers = args.size("peers"), width = args.size("width");
  const PackedHead packed = pack(engine, args, head, peers, width);
  expect(args, "out", logits.size(), checkedProduct(batch, head.outputs()));
  expect(args, "responses", responses.size(), checkedProduct(batch, peers, width));
  return Napi::Boolean::New(args.env(),
                            headForward(runnerOf(engine), packed.head(), batch, responses.data(), logits.data()));
}

Napi::Value headGradientMethod(const Engine& engine, Args& args) {
  const auto losses = anyF64Out(args, "losses"), logits = anyF64Out(args, "logits");
  const auto responseGradient = anyF64Out(args, "responseGradient");
  const auto parameterGradient = anyF64Out(args, "parameterGradient");
  const auto responses = anyF64(args, "responses");
  const HeadArguments head = readHead(args);
  const ComparedArguments compared = readCompared(args);
  const auto upstream = anyF64(args, "outputGradient");
  const Loss loss = readLoss(args);
  const double divisor = args.number("divisor");
  const std::size_t batch = args.size("batch"), peers = args.size("peers"), width = args.size("width");

  const PackedHead packed = pack(engine, args, head, peers, width);
  const std::size_t cells = checkedProduct(batch, head.outputs());
  expect(args, "logits", logits.size(), cells);
  expect(args, "responses", responses.size(), checkedProduct(batch, peers, width));
  expect(args, "responseGradient", responseGradient.size(), responses.size());
  expect(args, "parameterGradient", parameterGradient.size(), head.parameters.size());
  GradientTile whole{};
  whole.head = &packed.head();
  whole.upstream = orNull(args, "outputGradient", upstream, cells);
  whole.compared = compared.check(args, loss, batch, head.outputs(), whole.upstream == nullptr);
  whole.divisor = divisor;
  whole.batch = batch;
  whole.responses = responses.data();
  if (whole.upstream == nullptr) expect(args, "losses", losses.size(), batch);
  whole.losses = losses.data();
  whole.logits = logits.data();
  whole.responseGradient = responseGradient.data();
  return Napi::Boolean::New(args.env(), headGradient(runnerOf(engine), whole, parameterGradient.data()));
}

Napi::Value importanceMethod(const Engine& engine, Args& args) {
  const auto out = anyF64Out(args, "out");
  const HeadArguments head = readHead(args);
  const std::size_t peers = args.size("peers"), width = args.size("width");
  const PackedHead packed = pack(engine, args, head, peers, width);
  expect(args, "out", out.size(), peers);
  headImportance(runnerOf(engine), packed.head(), out.data());
  return args.env().Undefined();
}

Napi::Value sumSamplesMethod(const Engine& engine, Args& args) {
  const auto out = anyF64Out(args, "out");
  const auto values = anyF64(args, "values");
  const std::size_t batch = args.size("batch"), columns = args.size("columns");
  expect(args, "out", out.size(), columns);
  expect(args, "values", values.size(), checkedProduct(batch, columns));
  sumSamples(runnerOf(engine), out.data(), values.data(), batch, columns);
  return args.env().Undefined();
}

Napi::Value outputQuadraticFormMethod(const Engine& engine, Args& args) {
  const auto out = anyF64Out(args, "out");
  const auto logits = anyF64(args, "logits"), vectors = anyF64(args, "vectors");
  const Loss loss = readLoss(args);
  const std::size_t batch = args.size("batch"), outputs = args.size("outputs"), peers = args.size("peers");
  expect(args, "out", out.size(), checkedProduct(batch, peers));
  expect(args, "logits", logits.size(), checkedProduct(batch, outputs));
  expect(args, "vectors", vectors.size(), checkedProduct(batch, peers, outputs));
  if (outputs == 0) args.fail("BTM_DOMAIN", "outputs", "must be positive");
  outputForms(runnerOf(engine), out.data(), logits.data(), vectors.data(), loss, batch, outputs, peers);
  return args.env().Undefined();
}

Napi::Value quadraticFormMethod(const Engine& engine, Args& args) {
  const auto out = anyF64Out(args, "out");
  const auto data = anyF64(args, "data"), vectors = anyF64(args, "vectors");
  const std::size_t count = args.size("count"), n = args.size("n");
  const auto storage = static_cast<Storage>(args.integer("storage", 0, kStorageCount - 1));
  const std::size_t rank = args.size("rank");
  const bool own = args.integer("own", 0, 1) == 1;
  const std::size_t one = storage == kLowRank           ? checkedProduct(rank, n)
                          : storage == kDiagonalStorage ? n
                                                        : checkedProduct(n, n);
  expect(args, "out", out.size(), count);
  expect(args, "data", data.size(), own ? checkedProduct(count, one) : one);
  expect(args, "vectors", vectors.size(), checkedProduct(count, n));
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
