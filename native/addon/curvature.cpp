/// The curvature family for JavaScript. Kernels trust their input, so labels, sizes and codes are checked here too.
#include <memory>
#include <string>
#include <vector>

#include "curvature_batch.hpp"
#include "device.hpp"
#include "engine.hpp"

namespace intermodel::addon {
namespace {

Runner runnerOf(const Engine& engine) { return {engine.kernels, engine.threads}; }

/// The parameters of a head as they arrive: checked to describe one.
struct HeadArguments {
  std::span<const double> parameters;
  std::span<const std::int32_t> sizes, activations;
};

HeadArguments readParameters(Args& args) {
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

constexpr napi_type_tag kHeadTag{0x6b0f5c1f2f4e4b7aULL, 0x9d1c3a5e7f902b46ULL};

/// prepareHead(parameters, sizes, activations): a handle that owns a copy.
Napi::Value prepareHeadMethod(const Engine& engine, Args& args) {
  const HeadArguments head = readParameters(args);
  auto packed = std::make_unique<PackedHead>(runnerOf(engine), head.parameters.data(), head.sizes.data(),
                                             head.activations.data(), head.activations.size());
  if (engine.device != nullptr)
    engine.device->prepare(*packed, head.sizes.data(), head.activations.data(), head.activations.size());
  const Napi::Env env = args.env();
  const Napi::Object handle = Napi::Object::New(env);
  const auto bytes = static_cast<std::int64_t>(packed->bytes());
  if (napi_type_tag_object(env, handle, &kHeadTag) != napi_ok) throw Napi::Error::New(env);
  const auto finalize = [](napi_env owner, void* data, void*) {
    const std::unique_ptr<PackedHead> done(static_cast<PackedHead*>(data));
    std::int64_t total = 0;
    napi_adjust_external_memory(owner, -static_cast<std::int64_t>(done->bytes()), &total);
  };
  if (napi_wrap(env, handle, packed.get(), finalize, nullptr, nullptr) != napi_ok) throw Napi::Error::New(env);
  packed.release();
  Napi::MemoryManagement::AdjustExternalMemory(env, bytes);
  return handle;
}

/// A prepared head over the peers of one call.
struct HeadOverPeers {
  const PackedHead& packed;
  std::vector<std::size_t> offsets;
  Head head;

  std::size_t peers() const { return head.peers; }
  std::size_t inputs() const { return packed.inputs(); }
  std::size_t outputs() const { return packed.outputs(); }
};

/// Reads head, widths and checks that they fit.
HeadOverPeers readHead(const Engine& engine, Args& args) {
  const auto& packed = args.handle<PackedHead>("head", kHeadTag, "a handle from prepareHead");
  const bool foreign = engine.device != nullptr && !engine.device->knows(packed);
  if (&packed.kernels() != &engine.kernels || foreign)
    args.fail("BTM_DOMAIN", "head", "was prepared for other kernels");
  const auto widths = args.i32("widths");
  std::size_t inputs = 0;
  for (const std::int32_t width : widths) {
    if (width < 1) args.fail("BTM_DOMAIN", "widths", "must be positive");
    inputs += static_cast<std::size_t>(width);
  }
  if (inputs != packed.inputs()) args.fail("BTM_SHAPE", "widths", "must add up to the head's inputs");
  HeadOverPeers over{packed, offsetsOf(widths.data(), widths.size()), {}};
  over.head = packed.over(over.offsets);
  return over;
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

/// Refuses responses that are not [batch, inputs].
void expectReals(const Args& args, const Reals& responses, Dim& batch, Dim& inputs) {
  if (responses.f32.empty())
    args.expect("responses", responses.f64, batch, inputs);
  else
    args.expect("responses", responses.f32, batch, inputs);
}

Responses storedIn(const Reals& responses) {
  return {responses.f32.empty() ? responses.f64.data() : nullptr,
          responses.f32.empty() ? nullptr : responses.f32.data()};
}

/// What stands in for peers, each array empty or of its full length.
Absence absenceOf(const Args& args, const HeadOverPeers& head, std::span<const double> baseline,
                  std::span<const std::int32_t> answered, std::size_t batch) {
  return {orNull(args, "baseline", baseline, head.inputs()), nullptr,
          orNull(args, "answered", answered, checkedProduct(batch, head.peers()))};
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
  const Reals responses = args.reals("responses");
  const auto answered = args.i32("answered");
  const HeadOverPeers head = readHead(engine, args);
  const auto baseline = args.f64("baseline");
  const ComparedArguments compared = readCompared(args);
  const auto weights = args.f64("sampleWeights");
  const Groups groups = readGroups(args, head.peers());
  const auto noise = args.f64("noise");
  const std::size_t draws = args.size("draws");
  const auto estimator = static_cast<Estimator>(args.integer("estimator", 0, kEstimatorCount - 1));
  const Loss loss = readLoss(args);
  Dim batch = args.dim("batch"), inputs(head.inputs());

  expectReals(args, responses, batch, inputs);
  const std::size_t cells = checkedProduct(batch, groups.count), outputs = head.outputs();
  args.expect("scores", scores, cells);
  RemovalTile tile{};
  tile.head = &head.head;
  tile.estimator = estimator;
  tile.groups = groups;
  tile.samples = batch;
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
  const bool finite = engine.device != nullptr ? engine.device->removalScores(head.packed, tile, storedIn(responses))
                                               : removalScores(runnerOf(engine), tile, storedIn(responses));
  return Napi::Boolean::New(args.env(), finite);
}

/// removalScoresSingle(scores, responses, head, widths, sampleWeights, loss, batch)
Napi::Value removalScoresSingleMethod(const Engine& engine, Args& args) {
  const auto scores = args.f64Out("scores");
  const auto responses = args.f32("responses");
  const HeadOverPeers head = readHead(engine, args);
  const auto weights = args.f64("sampleWeights");
  const Loss loss = readLoss(args);
  Dim batch = args.dim("batch"), inputs(head.inputs()), peers(head.peers());
  if (head.head.layers != 1 || head.head.layer[0].activation != kIdentity)
    args.fail("BTM_DOMAIN", "head", "must be one linear layer");
  args.expect("responses", responses, batch, inputs);
  args.expect("scores", scores, batch, peers);
  SingleTile tile{};
  tile.head = &head.head;
  tile.loss = loss;
  tile.samples = batch;
  tile.responses = responses.data();
  tile.scores = scores.data();
  const double* factors = orNull(args, "sampleWeights", weights, batch);
  const bool finite = engine.device != nullptr ? engine.device->removalScoresSingle(head.packed, tile, factors)
                                               : removalScoresSingle(runnerOf(engine), head.packed, tile, factors);
  return Napi::Boolean::New(args.env(), finite);
}

Napi::Value peerGramMethod(const Engine& engine, Args& args) {
  const auto gram = args.f64Out("gram"), factor = args.f64Out("factor");
  const Reals responses = args.reals("responses");
  const auto answered = args.i32("answered");
  const HeadOverPeers head = readHead(engine, args);
  const auto baseline = args.f64("baseline");
  const auto weights = args.f64("sampleWeights");
  const Loss loss = readLoss(args);
  Dim batch = args.dim("batch"), inputs(head.inputs()), peers(head.peers());
  expectReals(args, responses, batch, inputs);
  args.expect("gram", gram, peers, peers);
  double* rows = orNull(args, "factor", factor, checkedProduct(batch, head.outputs(), head.peers()));
  GramBlock whole{};
  whole.head = &head.head;
  whole.loss = loss;
  whole.samples = batch;
  whole.absence = absenceOf(args, head, baseline, answered, batch);
  whole.weights = orNull(args, "sampleWeights", weights, batch);
  const bool finite = engine.device != nullptr
                          ? engine.device->peerGram(head.packed, whole, storedIn(responses), gram.data(), rows)
                          : peerGram(runnerOf(engine), whole, storedIn(responses), gram.data(), rows);
  return Napi::Boolean::New(args.env(), finite);
}

Napi::Value headForwardMethod(const Engine& engine, Args& args) {
  const auto logits = args.f64Out("out");
  const Reals responses = args.reals("responses");
  const HeadOverPeers head = readHead(engine, args);
  Dim batch = args.dim("batch"), inputs(head.inputs());
  expectReals(args, responses, batch, inputs);
  args.expect("out", logits, checkedProduct(batch, head.outputs()));
  const bool finite =
      engine.device != nullptr
          ? engine.device->headForward(head.packed, head.head, batch, storedIn(responses), logits.data())
          : headForward(runnerOf(engine), head.head, batch, storedIn(responses), logits.data());
  return Napi::Boolean::New(args.env(), finite);
}

Napi::Value headGradientMethod(const Engine& engine, Args& args) {
  const auto losses = args.f64Out("losses"), logits = args.f64Out("logits");
  const auto responseGradient = args.f64Out("responseGradient");
  const auto parameterGradient = args.f64Out("parameterGradient");
  const auto responses = args.f64("responses");
  const HeadOverPeers head = readHead(engine, args);
  const ComparedArguments compared = readCompared(args);
  const auto weights = args.f64("sampleWeights");
  const auto upstream = args.f64("outputGradient");
  const Loss loss = readLoss(args);
  const double divisor = args.number("divisor");
  Dim batch = args.dim("batch"), inputs(head.inputs());

  args.expect("responses", responses, batch, inputs);
  const std::size_t cells = checkedProduct(batch, head.outputs());
  args.expect("logits", logits, cells);
  args.expect("responseGradient", responseGradient, responses.size());
  args.expect("parameterGradient", parameterGradient, head.packed.parameters());
  GradientTile whole{};
  whole.head = &head.head;
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
  const bool finite = engine.device != nullptr
                          ? engine.device->headGradient(head.packed, whole, parameterGradient.data())
                          : headGradient(runnerOf(engine), whole, parameterGradient.data());
  return Napi::Boolean::New(args.env(), finite);
}

Napi::Value importanceMethod(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const HeadOverPeers head = readHead(engine, args);
  args.expect("out", out, head.peers());
  headImportance(runnerOf(engine), head.head, out.data());
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
  methods.add("prepareHead", prepareHeadMethod);
  methods.add("removalScores", removalScoresMethod);
  methods.add("removalScoresSingle", removalScoresSingleMethod);
  methods.add("peerGram", peerGramMethod);
  methods.add("headForward", headForwardMethod);
  methods.add("headGradient", headGradientMethod);
  methods.add("importance", importanceMethod);
  methods.add("sumSamples", sumSamplesMethod);
  methods.add("outputQuadraticForm", outputQuadraticFormMethod);
  methods.add("quadraticForm", quadraticFormMethod);
}

}  // namespace intermodel::addon
