/// The curvature family for JavaScript. Kernels trust their input, so labels, sizes and codes are checked here too.
#include <string>

#include "curvature_batch.hpp"
#include "engine.hpp"

namespace intermodel::addon {
namespace {

Runner runnerOf(const Engine& engine) { return {engine.kernels, engine.threads}; }

/// The head as it arrives: parameters, sizes, activations, widths of the peers.
struct HeadArguments {
  std::span<const double> parameters;
  std::span<const std::int32_t> sizes, activations, widths;

  std::size_t outputs() const { return static_cast<std::size_t>(sizes.back()); }
  std::size_t inputs() const { return static_cast<std::size_t>(sizes.front()); }
};

/// Reads parameters, sizes, activations, widths and checks that they describe a head over peers.
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
  head.widths = args.i32("widths");
  std::size_t inputs = 0;
  for (const std::int32_t width : head.widths) {
    if (width < 1) args.fail("BTM_DOMAIN", "widths", "must be positive");
    inputs += static_cast<std::size_t>(width);
  }
  if (inputs != head.inputs()) args.fail("BTM_SHAPE", "widths", "must add up to sizes[0]");
  return head;
}

PackedHead pack(const Engine& engine, const HeadArguments& head) {
  return {runnerOf(engine),        head.parameters.data(), head.sizes.data(), head.activations.data(),
          head.activations.size(), head.widths.data(),     head.widths.size()};
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
    if (loss != kSoftmaxCrossEntropy) compared.labels = nullptr;
    const bool missing = compared.labels == nullptr && compared.targets == nullptr;
    if (needed && missing && batch > 0) args.fail("BTM_SHAPE", "targets", "must not be empty without labels");
    return compared;
  }
};

ComparedArguments readCompared(Args& args) {
  ComparedArguments compared;
  compared.labels = args.i32("labels");
  compared.targets = args.f64("targets");
  return compared;
}

/// What stands in for peers, each array empty or of its full length.
Absence absenceOf(const Args& args, const HeadArguments& head, std::span<const double> baseline,
                  std::span<const std::int32_t> answered, std::size_t batch) {
  return {orNull(args, "baseline", baseline, head.inputs()), nullptr,
          orNull(args, "answered", answered, checkedProduct(batch, head.widths.size()))};
}

/// Groups of peers that are removed together: ascending members, none twice in a group.
Groups readGroups(Args& args, std::size_t peers) {
  const auto offsets = args.i32("groupOffsets"), members = args.i32("groupMembers");
  if (offsets.empty()) return {peers, nullptr, nullptr};
  if (offsets.front() != 0 || static_cast<std::size_t>(offsets.back()) != members.size())
    args.fail("BTM_SHAPE", "groupOffsets", "must begin with 0 and end with the number of members");
  for (std::size_t g = 0; g + 1 < offsets.size(); g++) {
    if (offsets[g + 1] <= offsets[g] || static_cast<std::size_t>(offsets[g + 1]) > members.size())
      args.fail("BTM_DOMAIN", "groupOffsets", "must ascend");
    for (std::int32_t k = offsets[g]; k < offsets[g + 1]; k++) {
      const std::int32_t least = k == offsets[g] ? 0 : members[static_cast<std::size_t>(k) - 1] + 1;
      const std::int32_t member = members[static_cast<std::size_t>(k)];
      if (member < least || static_cast<std::size_t>(member) >= peers)
        args.fail("BTM_DOMAIN", "groupMembers", "must be peers in ascending order");
    }
  }
  return {offsets.size() - 1, offsets.data(), members.data()};
}

Napi::Value removalScoresMethod(const Engine& engine, Args& args) {
  const auto scores = args.f64Out("scores"), linear = args.f64Out("linear");
  const auto quadratic = args.f64Out("quadratic");
  const auto responses = args.f64("responses");
  const auto answered = args.i32("answered");
  const HeadArguments head = readHead(args);
  const auto baseline = args.f64("baseline");
  const ComparedArguments compared = readCompared(args);
  const auto weights = args.f64("sampleWeights");
  const Groups groups = readGroups(args, head.widths.size());
  const auto noise = args.f64("noise");
  const std::size_t draws = args.size("draws");
  const auto estimator = static_cast<Estimator>(args.integer("estimator", 0, kEstimatorCount - 1));
  const Loss loss = readLoss(args);
  Dim batch = args.dim("batch"), inputs(head.inputs());

  args.expect("responses", responses, batch, inputs);
  const PackedHead packed = pack(engine, head);
  const std::size_t cells = checkedProduct(batch, groups.count), outputs = head.outputs();
  args.expect("scores", scores, cells);
  RemovalTile tile{};
  tile.head = &packed.head();
  tile.estimator = estimator;
  tile.groups = groups;
  tile.samples = batch;
  tile.responses = responses.data();
  tile.absence = absenceOf(args, head, baseline, answered, batch);
  tile.weights = orNull(args, "sampleWeights", weights, batch);
  tile.scores = scores.data();
  tile.linear = orNull(args, "linear", linear, cells);
  tile.quadratic = orNull(args, "quadratic", quadratic, cells);
  if ((tile.linear == nullptr) != (tile.quadratic == nullptr)) args.fail("BTM_SHAPE", "linear", "needs quadratic");
  if (estimator == kDiagonal && groups.offsets != nullptr)
    args.fail("BTM_DOMAIN", "groupOffsets", "must be empty for the diagonal form");
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
  const auto answered = args.i32("answered");
  const HeadArguments head = readHead(args);
  const auto baseline = args.f64("baseline");
  const auto weights = args.f64("sampleWeights");
  const Loss loss = readLoss(args);
  Dim batch = args.dim("batch"), inputs(head.inputs()), peers(head.widths.size());
  args.expect("responses", responses, batch, inputs);
  args.expect("gram", gram, peers, peers);
  const PackedHead packed = pack(engine, head);
  double* rows = orNull(args, "factor", factor, checkedProduct(batch, head.outputs(), head.widths.size()));
  GramBlock whole{};
  whole.head = &packed.head();
  whole.loss = loss;
  whole.samples = batch;
  whole.responses = responses.data();
  whole.absence = absenceOf(args, head, baseline, answered, batch);
  whole.weights = orNull(args, "sampleWeights", weights, batch);
  return Napi::Boolean::New(args.env(), peerGram(runnerOf(engine), whole, gram.data(), rows));
}

Napi::Value headForwardMethod(const Engine& engine, Args& args) {
  const auto logits = args.f64Out("out");
  const auto responses = args.f64("responses");
  const HeadArguments head = readHead(args);
  Dim batch = args.dim("batch"), inputs(head.inputs());
  args.expect("responses", responses, batch, inputs);
  const PackedHead packed = pack(engine, head);
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
  const auto weights = args.f64("sampleWeights");
  const auto upstream = args.f64("outputGradient");
  const Loss loss = readLoss(args);
  const double divisor = args.number("divisor");
  Dim batch = args.dim("batch"), inputs(head.inputs());

  args.expect("responses", responses, batch, inputs);
  const PackedHead packed = pack(engine, head);
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
  whole.weights = orNull(args, "sampleWeights", weights, batch);
  if (whole.upstream == nullptr) args.expect("losses", losses, batch);
  whole.losses = losses.data();
  whole.logits = logits.data();
  whole.responseGradient = responseGradient.data();
  return Napi::Boolean::New(args.env(), headGradient(runnerOf(engine), whole, parameterGradient.data()));
}

Napi::Value importanceMethod(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const HeadArguments head = readHead(args);
  args.expect("out", out, head.widths.size());
  const PackedHead packed = pack(engine, head);
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
