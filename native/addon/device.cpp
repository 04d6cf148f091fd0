#include "device.hpp"

#ifndef _WIN32
#include <dlfcn.h>
#endif

#include <algorithm>
#include <vector>

#include "errors.hpp"

namespace intermodel::addon {
namespace {

#ifdef _WIN32
void* openLibrary(const std::string& path) { throw NoDevice{path, "CUDA modules are not built for Windows"}; }
void* symbolOf(void*, const char*) { return nullptr; }
#else
/// Never closed again: a driver's threads may outlive every environment.
void* openLibrary(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library != nullptr) return library;
  const char* why = dlerror();
  throw NoDevice{path, why == nullptr ? "does not open" : why};
}
void* symbolOf(void* library, const char* name) { return dlsym(library, name); }
#endif

template <class Function>
Function functionOf(void* library, const char* name, const std::string& path, const std::string& missing) {
  void* symbol = symbolOf(library, name);
  if (symbol == nullptr) throw NoDevice{path, missing};
  return reinterpret_cast<Function>(symbol);
}

std::string versionText(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// Asks the driver's library itself, before anything that was built with CUDA is opened. Returns its version.
int askDriver(const std::string& path) {
  void* driver = openLibrary(path);
  const std::string foreign = "is not a CUDA driver";
  const auto initialise = functionOf<int (*)(unsigned)>(driver, "cuInit", path, foreign);
  const auto versionOf = functionOf<int (*)(int*)>(driver, "cuDriverGetVersion", path, foreign);
  const auto countOf = functionOf<int (*)(int*)>(driver, "cuDeviceGetCount", path, foreign);
  constexpr int kNoDevice = 100;
  int status = initialise(0), version = 0, count = 0;
  if (status == kNoDevice) throw NoDevice{path, "the driver finds no device"};
  if (status != 0) throw NoDevice{path, "the driver does not start: cuInit returned " + std::to_string(status)};
  if ((status = versionOf(&version)) != 0)
    throw NoDevice{path, "the driver has no version: cuDriverGetVersion returned " + std::to_string(status)};
  if ((status = countOf(&count)) != 0 || count == 0) throw NoDevice{path, "the driver finds no device"};
  return version;
}

const IntermodelCuda* openModule(const std::string& path) {
  void* module = openLibrary(path);
  const auto entry =
      functionOf<decltype(&intermodel_cuda)>(module, "intermodel_cuda", path, "is not a module of intermodel");
  const IntermodelCuda* api = entry(INTERMODEL_CUDA_VERSION);
  if (api == nullptr || api->version != INTERMODEL_CUDA_VERSION || api->size != sizeof(IntermodelCuda))
    throw NoDevice{path, "does not offer version " + std::to_string(INTERMODEL_CUDA_VERSION) + " of the interface"};
  return api;
}

}  // namespace

Device::Device(const DeviceChoice& choice) {
  const int driver = choice.driver.empty() ? 0 : askDriver(choice.driver);
  api_ = openModule(choice.module);
  if (choice.driver.empty() && api_->needs != 0) throw NoDevice{choice.module, "needs a driver"};
  if (driver < api_->needs)
    throw NoDevice{choice.driver, "the driver serves CUDA " + versionText(driver) + ", the module needs " +
                                      versionText(api_->needs) + " or later"};
  const std::string name = "device " + std::to_string(choice.options.device);
  char reason[512] = "";
  std::int32_t count = 0;
  const auto refuse = [&](std::int32_t status) {
    if (status != INTERMODEL_CUDA_OK) throw NoDevice{name, reason[0] == '\0' ? "cannot be used" : reason};
  };
  refuse(api_->devices(&count, reason, sizeof reason));
  if (choice.options.device >= count) throw NoDevice{name, "there are " + std::to_string(count)};
  refuse(api_->describe(choice.options.device, &description_, reason, sizeof reason));
  refuse(api_->open(&choice.options, &session_, reason, sizeof reason));
}

void Device::close() {
  if (session_ == nullptr) return;
  for (IntermodelHead* head : heads_) api_->head_free(session_, head);
  for (IntermodelGames* games : games_) api_->games_free(session_, games);
  heads_.clear();
  games_.clear();
  api_->close(session_);
  session_ = nullptr;
}

bool Device::dispose() {
  if (runs_.load() > 0) return false;
  const std::lock_guard lock(mutex_);
  close();
  return true;
}

void Device::refuseClosed() const {
  if (session_ == nullptr) throw ArgumentError("BTM_NO_CUDA", "BTM_NO_CUDA: the backend has been disposed of");
}

void Device::check(std::int32_t status) const {
  if (status == INTERMODEL_CUDA_OK) return;
  const std::string reason = api_->reason(session_);
  if (status == INTERMODEL_CUDA_NO_MEMORY)
    throw ArgumentError("BTM_SHAPE", "BTM_SHAPE: the device has not enough memory for these sizes: " + reason);
  throw ArgumentError("BTM_NO_CUDA", "BTM_NO_CUDA: the device failed: " + reason);
}

std::uint64_t Device::held() {
  const std::lock_guard lock(mutex_);
  return session_ == nullptr ? 0 : api_->held(session_);
}

void Device::upload(const void* host, std::size_t bytes) { call(&IntermodelCuda::upload, host, bytes); }

void Device::forget(const void* host) {
  const std::lock_guard lock(mutex_);
  if (session_ != nullptr) api_->forget(session_, host);
}

namespace {

/// What packed.companion points to.
struct Companion {
  std::weak_ptr<Device> device;
  IntermodelHead* head;
};

}  // namespace

void Device::prepare(PackedHead& packed, const std::int32_t* sizes, const std::int32_t* activations,
                     std::size_t layers) {
  IntermodelHead* head = nullptr;
  call(&IntermodelCuda::head_create, packed.parameterData(), sizes, activations, layers, &head);
  heads_.insert(head);
  packed.companion = std::shared_ptr<void>(new Companion{weak_from_this(), head}, [](void* given) {
    const std::unique_ptr<Companion> mine(static_cast<Companion*>(given));
    const std::shared_ptr<Device> device = mine->device.lock();
    if (device == nullptr) return;
    const std::lock_guard lock(device->mutex_);
    if (device->heads_.erase(mine->head) == 1) device->api_->head_free(device->session_, mine->head);
  });
}

bool Device::knows(const PackedHead& packed) {
  const auto* companion = static_cast<const Companion*>(packed.companion.get());
  return companion != nullptr && companion->device.lock().get() == this;
}

const IntermodelHead* Device::headOf(const PackedHead& packed) const {
  return static_cast<const Companion*>(packed.companion.get())->head;
}

IntermodelBatch Device::batchOf(const PackedHead& packed, const Head& head, std::size_t samples,
                                Responses responses) const {
  IntermodelBatch batch{};
  batch.head = headOf(packed);
  batch.peers = head.peers;
  batch.offsets = head.offsets;
  batch.samples = samples;
  batch.responses = responses.f64;
  batch.responses_f32 = responses.f32;
  return batch;
}

bool Device::removalScores(const PackedHead& packed, const RemovalTile& tile, Responses responses) {
  IntermodelRemoval call{};
  call.batch = batchOf(packed, *tile.head, tile.samples, responses);
  call.batch.baseline = tile.absence.baseline;
  call.batch.answered = tile.absence.answered;
  call.batch.weights = tile.weights;
  call.batch.loss = tile.compared.loss;
  call.batch.labels = tile.compared.labels;
  call.batch.targets = tile.compared.targets;
  call.estimator = tile.estimator;
  call.groups = tile.groups.count;
  call.group_offsets = tile.groups.offsets;
  call.group_members = tile.groups.members;
  call.noise = tile.noise;
  call.draws = tile.draws;
  call.noise_per_sample = tile.noisePerSample;
  call.scores = tile.scores;
  call.linear = tile.linear;
  call.quadratic = tile.quadratic;
  std::int32_t finite = 0;
  this->call(&IntermodelCuda::removal, &call, &finite);
  return finite == 1;
}

bool Device::removalScoresSingle(const PackedHead& packed, const SingleTile& tile, const double* weights) {
  IntermodelBatch batch = batchOf(packed, *tile.head, tile.samples, {nullptr, tile.responses});
  batch.weights = weights;
  batch.loss = tile.loss;
  std::int32_t finite = 0;
  call(&IntermodelCuda::removal_single, &batch, tile.scores, &finite);
  return finite == 1;
}

bool Device::peerGram(const PackedHead& packed, const GramBlock& whole, Responses responses, double* gram,
                      double* factor) {
  IntermodelBatch batch = batchOf(packed, *whole.head, whole.samples, responses);
  batch.baseline = whole.absence.baseline;
  batch.answered = whole.absence.answered;
  batch.weights = whole.weights;
  batch.loss = whole.loss;
  std::int32_t finite = 0;
  call(&IntermodelCuda::gram, &batch, gram, factor, &finite);
  return finite == 1;
}

bool Device::headForward(const PackedHead& packed, const Head& head, std::size_t samples, Responses responses,
                         double* logits) {
  const IntermodelBatch batch = batchOf(packed, head, samples, responses);
  std::int32_t finite = 0;
  call(&IntermodelCuda::forward, &batch, logits, &finite);
  return finite == 1;
}

bool Device::headGradient(const PackedHead& packed, const GradientTile& whole, double* parameterGradient) {
  IntermodelGradient call{};
  call.batch = batchOf(packed, *whole.head, whole.batch, {whole.responses, nullptr});
  call.batch.weights = whole.weights;
  call.batch.loss = whole.compared.loss;
  call.batch.labels = whole.compared.labels;
  call.batch.targets = whole.compared.targets;
  call.divisor = whole.divisor;
  call.upstream = whole.upstream;
  call.losses = whole.losses;
  call.logits = whole.logits;
  call.response_gradient = whole.responseGradient;
  call.parameter_gradient = parameterGradient;
  std::int32_t finite = 0;
  this->call(&IntermodelCuda::gradient, &call, &finite);
  return finite == 1;
}

std::shared_ptr<DeviceGames> Device::createGames(const GameBatchArrays& arrays) {
  std::vector<IntermodelHessians> hessians;
  for (const auto data : arrays.hessians)
    hessians.push_back({data.data(), data.size(), static_cast<std::int32_t>(arrays.form.storage), arrays.form.rank,
                        arrays.form.own ? 1 : 0, arrays.form.n});
  const IntermodelGameArrays given{hessians.data(),
                                   hessians.size(),
                                   arrays.hessianIndex.data(),
                                   arrays.stake.data(),
                                   arrays.referenceMask.data(),
                                   arrays.terms.data(),
                                   arrays.settings.data(),
                                   arrays.count,
                                   arrays.form.n};
  IntermodelGames* games = nullptr;
  call(&IntermodelCuda::games_create, &given, &games);
  games_.insert(games);
  return std::make_shared<DeviceGames>(shared_from_this(), games);
}

DeviceGames::~DeviceGames() {
  const std::lock_guard lock(device_->mutex_);
  if (device_->games_.erase(games_) == 1) device_->api_->games_free(device_->session_, games_);
}

namespace {

/// Passes on what a slice says, and counts its updates.
struct Slice {
  RunWatch& watch;
  std::uint64_t made = 0;
};

}  // namespace

/// In slices, between which other calls get the device.
void DeviceGames::run(std::uint64_t steps, RunWatch& watch) {
  constexpr std::uint64_t kSlice = 256;
  struct Mark {
    std::atomic<int>& runs;
    explicit Mark(std::atomic<int>& count) : runs(count) { runs.fetch_add(1); }
    ~Mark() { runs.fetch_sub(1); }
  } const mark(device_->runs_);
  for (std::uint64_t left = steps; left > 0 && !watch.cancelled();) {
    Slice slice{watch};
    const IntermodelWatch seen{&slice,
                               [](void* context) { return static_cast<Slice*>(context)->watch.cancelled() ? 1 : 0; },
                               [](void* context, std::uint64_t made) {
                                 static_cast<Slice*>(context)->made += made;
                                 static_cast<Slice*>(context)->watch.advance(made);
                               }};
    const std::uint64_t now = std::min(left, kSlice);
    device_->call(&IntermodelCuda::games_run, games_, now, &seen);
    if (slice.made == 0) return;
    left -= now;
  }
}

}  // namespace intermodel::addon
