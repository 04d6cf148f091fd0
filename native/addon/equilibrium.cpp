#include <atomic>
#include <memory>

#include "equilibrium_batch.hpp"
#include "job.hpp"
#include "market_args.hpp"

namespace intermodel::addon {
namespace {

/// Games on their way to JavaScript: the batch, and whether a job owns its states now.
struct HeldBatch {
  HeldBatch(const GameBatchArrays& arrays, const Engine& engine)
      : batch(arrays), kernels(engine.kernels), threads(engine.threads) {}
  GameBatch batch;
  const KernelTable& kernels;
  int threads;
  std::atomic<bool> busy{false};
};

class JobWatch final : public RunWatch {
 public:
  explicit JobWatch(JobControl& control) : control_(control) {}
  bool cancelled() const override { return control_.cancelled(); }
  void advance(std::uint64_t steps) override { control_.advance(steps); }

 private:
  JobControl& control_;
};

void refuseWhileBusy(const HeldBatch& held, const Args& args) {
  if (held.busy.load()) args.fail("BTM_DOMAIN", "batch", "is being advanced by a job; wait for its promise");
}

/// run(steps): a job.
Napi::Value run(const std::shared_ptr<HeldBatch>& held, Args& args) {
  const std::size_t steps = args.size("steps");
  refuseWhileBusy(*held, args);
  held->busy.store(true);
  return startJob(
      args.env(),
      [held, steps](JobControl& control) {
        control.expect(static_cast<std::uint64_t>(steps) * held->batch.count());
        JobWatch watch(control);
        held->batch.run(held->kernels, held->threads, steps, watch);
        held->busy.store(false);
      },
      [](Napi::Env env) -> Napi::Value { return env.Undefined(); });
}

Napi::Value read(const std::shared_ptr<HeldBatch>& held, Args& args) {
  const auto out = args.f64Out("out", held->batch.states().size());
  refuseWhileBusy(*held, args);
  std::copy(held->batch.states().begin(), held->batch.states().end(), out.begin());
  return args.env().Undefined();
}

Napi::Value write(const std::shared_ptr<HeldBatch>& held, Args& args) {
  const auto states = args.f64("states", held->batch.states().size());
  refuseWhileBusy(*held, args);
  std::copy(states.begin(), states.end(), held->batch.states().begin());
  return args.env().Undefined();
}

Napi::Value setFactors(const std::shared_ptr<HeldBatch>& held, Args& args) {
  const auto loss = args.f64("lossFactors", held->batch.count());
  const auto rank = args.f64("rankFactors", held->batch.count());
  refuseWhileBusy(*held, args);
  held->batch.setFactors(loss, rank);
  return args.env().Undefined();
}

Napi::Value setOrder(const std::shared_ptr<HeldBatch>& held, Args& args) {
  const std::size_t n = held->batch.size();
  const auto rows = args.i32("rows", n);
  for (const std::int32_t row : rows)
    if (row < 0 || static_cast<std::size_t>(row) >= n) args.fail("BTM_DOMAIN", "rows", "must be rows of the game");
  refuseWhileBusy(*held, args);
  held->batch.setOrder(rows);
  return args.env().Undefined();
}

void checkSettings(const Args& args, std::span<const double> settings) {
  const auto isWhole = [](double value, double low) { return value >= low && value <= 0x1p40; };
  const bool method = settings[0] == 0.0 || settings[0] == 1.0 || settings[0] == 2.0;
  if (!method || !isWhole(settings[5], 0.0) || !isWhole(settings[6], 1.0))
    args.fail("BTM_DOMAIN", "settings", "must name a method and whole numbers of steps");
}

/// createGameBatch(data, hessianIndex, stake, referenceMask, terms, settings, hessianCount, storage, rank, own, count,
/// n)
Napi::Value createGameBatch(const Engine& engine, Args& args) {
  GameBatchArrays arrays{};
  arrays.data = anyLength(args, "data");
  arrays.hessianIndex = args.i32("hessianIndex", args.peekLength("hessianIndex"));
  arrays.stake = anyLength(args, "stake");
  arrays.referenceMask = anyLength(args, "referenceMask");
  arrays.terms = anyLength(args, "terms");
  arrays.settings = args.f64("settings", GameBatch::kSettings);
  checkSettings(args, arrays.settings);
  arrays.hessianCount = args.size("hessianCount");
  PeerHessians& form = arrays.form;
  form.storage = static_cast<HessianStorage>(args.integer("storage", 0, 3));
  form.rank = args.size("rank");
  form.own = args.integer("own", 0, 1) == 1;
  arrays.count = args.size("count");
  const std::size_t n = form.n = args.size("n");
  const bool isMatrix = form.storage == HessianStorage::kDense || form.storage == HessianStorage::kShared;
  if (form.storage != HessianStorage::kLowRank && form.rank != 0) args.fail("BTM_DOMAIN", "rank", "must be 0");
  const std::size_t rows = isMatrix ? n : form.storage == HessianStorage::kDiagonal ? 1 : form.rank;
  const std::size_t one = checkedProduct(rows, n, form.own ? n : 1);
  checkLength(args, "data", arrays.data.size(), checkedProduct(one, arrays.hessianCount));
  checkLength(args, "hessianIndex", arrays.hessianIndex.size(), arrays.count);
  checkLength(args, "stake", arrays.stake.size(), checkedProduct(arrays.count, n));
  checkLength(args, "referenceMask", arrays.referenceMask.size(), checkedProduct(arrays.count, n, n));
  checkLength(args, "terms", arrays.terms.size(), checkedProduct(arrays.count, GameBatch::kTerms));
  for (const std::int32_t index : arrays.hessianIndex)
    if (index < 0 || static_cast<std::size_t>(index) >= arrays.hessianCount)
      args.fail("BTM_DOMAIN", "hessianIndex", "must name one of the Hessians");
  auto held = std::make_shared<HeldBatch>(arrays, engine);
  Napi::Object handle = Napi::Object::New(args.env());
  const auto add = [&](const char* name, Napi::Value (*body)(const std::shared_ptr<HeldBatch>&, Args&)) {
    handle.Set(name, wrap(args.env(), name, [held, body](Args& call) { return body(held, call); }));
  };
  add("run", run);
  add("read", read);
  add("write", write);
  add("setFactors", setFactors);
  add("setOrder", setOrder);
  return handle;
}

}  // namespace

void defineEquilibrium(Methods& methods) { methods.add("createGameBatch", createGameBatch); }

}  // namespace intermodel::addon
