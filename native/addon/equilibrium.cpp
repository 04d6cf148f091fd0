#include <atomic>
#include <memory>

#include "device.hpp"
#include "equilibrium_batch.hpp"
#include "job.hpp"
#include "row_blocks.hpp"

namespace intermodel::addon {
namespace {

/// Games on their way to JavaScript: the batch, and whether a job owns its states now.
struct HeldBatch {
  HeldBatch(const GameBatchArrays& arrays, const Engine& engine)
      : batch(arrays),
        kernels(engine.kernels),
        threads(engine.threads),
        onDevice(engine.device == nullptr ? nullptr : engine.device->createGames(arrays)) {}
  GameBatch batch;
  const KernelTable& kernels;
  int threads;
  std::shared_ptr<DeviceGames> onDevice;  ///< the games themselves, where a device has them
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

/// The states belong to a job for as long as this exists, whether the job runs, throws or never begins.
class BusyMark {
 public:
  explicit BusyMark(std::shared_ptr<HeldBatch> held) : held_(std::move(held)) { held_->busy.store(true); }
  BusyMark(const BusyMark&) = delete;
  BusyMark& operator=(const BusyMark&) = delete;
  ~BusyMark() { held_->busy.store(false); }
  HeldBatch& operator*() const { return *held_; }

 private:
  std::shared_ptr<HeldBatch> held_;
};

void refuseWhileBusy(const HeldBatch& held, const Args& args) {
  if (held.busy.load()) args.fail("BTM_DOMAIN", "batch", "is being advanced by a job; wait for its promise");
}

class StepCount final : public RunWatch {
 public:
  bool cancelled() const override { return false; }
  void advance(std::uint64_t steps) override { made_.fetch_add(steps, std::memory_order_relaxed); }
  double made() const { return static_cast<double>(made_.load()); }

 private:
  std::atomic<std::uint64_t> made_{0};
};

/// runHere(steps): the updates made, over all games, where that is less work than a job costs the caller in waiting;
/// else -1, and nothing is done.
Napi::Value runHere(const std::shared_ptr<HeldBatch>& held, Args& args) {
  constexpr double kBrief = 1 << 21;  // multiplications: a millisecond at most
  const std::size_t steps = args.size("steps");
  refuseWhileBusy(*held, args);
  const double n = static_cast<double>(held->batch.size());
  const double work = static_cast<double>(steps) * static_cast<double>(held->batch.count()) * n * n * (n + 64.0);
  if (held->onDevice != nullptr || work > kBrief) return Napi::Number::New(args.env(), -1.0);
  StepCount watch;
  held->batch.run(held->kernels, held->threads, steps, watch);
  return Napi::Number::New(args.env(), watch.made());
}

/// run(steps): a job.
Napi::Value run(const std::shared_ptr<HeldBatch>& held, Args& args) {
  const std::size_t steps = args.size("steps");
  refuseWhileBusy(*held, args);
  const auto mark = std::make_shared<BusyMark>(held);
  return startJob(args.env(), static_cast<std::uint64_t>(steps) * held->batch.count(),
                  [mark, steps](JobControl& control) {
                    HeldBatch& mine = **mark;
                    JobWatch watch(control);
                    if (mine.onDevice != nullptr) return mine.onDevice->run(steps, watch);
                    mine.batch.run(mine.kernels, mine.threads, steps, watch);
                  });
}

Napi::Value read(const std::shared_ptr<HeldBatch>& held, Args& args) {
  const auto out = args.f64Out("out", held->batch.states().size());
  refuseWhileBusy(*held, args);
  if (held->onDevice != nullptr)
    held->onDevice->read(out.data());
  else
    std::copy(held->batch.states().begin(), held->batch.states().end(), out.begin());
  return args.env().Undefined();
}

Napi::Value write(const std::shared_ptr<HeldBatch>& held, Args& args) {
  const auto states = args.f64("states", held->batch.states().size());
  refuseWhileBusy(*held, args);
  if (held->onDevice != nullptr)
    held->onDevice->write(states.data());
  else
    std::copy(states.begin(), states.end(), held->batch.states().begin());
  return args.env().Undefined();
}

Napi::Value setFactors(const std::shared_ptr<HeldBatch>& held, Args& args) {
  const auto loss = args.f64("lossFactors", held->batch.count());
  const auto rank = args.f64("rankFactors", held->batch.count());
  refuseWhileBusy(*held, args);
  if (held->onDevice != nullptr)
    held->onDevice->setFactors(loss.data(), rank.data());
  else
    held->batch.setFactors(loss, rank);
  return args.env().Undefined();
}

/// setOrders(rows): any number of orders [m, n] of the rows, each holding every row once.
Napi::Value setOrders(const std::shared_ptr<HeldBatch>& held, Args& args) {
  const std::size_t n = held->batch.size();
  const auto rows = args.i32("rows");
  if (n == 0 ? !rows.empty() : rows.empty() || rows.size() % n != 0)
    args.fail("BTM_SHAPE", "rows", "must be whole orders of the rows");
  for (std::size_t begin = 0; begin < rows.size(); begin += n) {
    std::vector<bool> seen(n);
    for (std::size_t k = begin; k < begin + n; k++) {
      const auto row = static_cast<std::size_t>(rows[k]);
      if (rows[k] < 0 || row >= n || seen[row]) args.fail("BTM_DOMAIN", "rows", "must hold every row of the game once");
      seen[row] = true;
    }
  }
  refuseWhileBusy(*held, args);
  if (held->onDevice != nullptr)
    held->onDevice->setOrders(rows);
  else
    held->batch.setOrders(rows);
  return args.env().Undefined();
}

void checkSettings(const Args& args, std::span<const double> settings) {
  const auto isWhole = [](double value, double low) { return value >= low && value <= 0x1p40; };
  const bool method = settings[0] == 0.0 || settings[0] == 1.0 || settings[0] == 2.0;
  if (!method || !isWhole(settings[5], 0.0) || !isWhole(settings[6], 1.0))
    args.fail("BTM_DOMAIN", "settings", "must name a method and whole numbers of steps");
}

/// createGameBatch(hessians, hessianIndex, stake, referenceMask, terms, settings, storage, rank, own, count, n). The
/// Hessians stay where they are: the handle keeps their arrays alive.
Napi::Value createGameBatch(const Engine& engine, Args& args) {
  GameBatchArrays arrays{};
  const auto entries = args.listAt(0, "hessians");
  args.skip();
  for (napi_value entry : entries) arrays.hessians.push_back(args.doubles("hessians", entry));
  arrays.hessianIndex = args.i32("hessianIndex");
  arrays.stake = args.f64("stake");
  arrays.referenceMask = args.f64("referenceMask");
  arrays.terms = args.f64("terms");
  arrays.settings = args.f64("settings", GameBatch::kSettings);
  checkSettings(args, arrays.settings);
  PeerHessians& form = arrays.form;
  Dim rank = readForm(args, form);
  Dim count = args.dim("count"), n = args.dim("n"), terms(GameBatch::kTerms);
  const bool isMatrix = form.storage == HessianStorage::kDense || form.storage == HessianStorage::kShared;
  Dim one(1), copies = form.own ? n : one;
  Dim& rows = isMatrix ? n : form.storage == HessianStorage::kDiagonal ? one : rank;
  for (const auto hessian : arrays.hessians) args.expect("hessians", hessian, rows, n, copies);
  args.expect("hessianIndex", arrays.hessianIndex, count);
  args.expect("stake", arrays.stake, count, n);
  args.expect("referenceMask", arrays.referenceMask, count, n, n);
  args.expect("terms", arrays.terms, count, terms);
  arrays.count = count;
  form.n = n;
  form.rank = rank;
  for (const std::int32_t index : arrays.hessianIndex)
    if (index < 0 || static_cast<std::size_t>(index) >= arrays.hessians.size())
      args.fail("BTM_DOMAIN", "hessianIndex", "must name one of the Hessians");
  auto held = std::make_shared<HeldBatch>(arrays, engine);
  Napi::Object handle = Napi::Object::New(args.env());
  const auto add = [&](const char* name, Napi::Value (*body)(const std::shared_ptr<HeldBatch>&, Args&)) {
    handle.Set(name, wrap(args.env(), name, [held, body](Args& call) { return body(held, call); }));
  };
  add("run", run);
  add("runHere", runHere);
  add("read", read);
  add("write", write);
  add("setFactors", setFactors);
  add("setOrders", setOrders);
  Napi::Array kept = Napi::Array::New(args.env(), entries.size());
  for (std::size_t k = 0; k < entries.size(); k++)
    kept.Set(static_cast<std::uint32_t>(k), Napi::Value(args.env(), entries[k]));
  handle.DefineProperty(Napi::PropertyDescriptor::Value("hessians", kept, napi_default));
  return handle;
}

}  // namespace

void defineEquilibrium(Methods& methods) { methods.add("createGameBatch", createGameBatch); }

}  // namespace intermodel::addon
