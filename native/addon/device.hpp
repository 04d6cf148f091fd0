/// A GPU as the kernels of an engine: the driver and the module are opened once, each call goes to the module's
/// interface.
///
/// Nothing here links against CUDA. What cannot be opened ends in an exception that names what was tried and why not.
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "../cuda/interface.h"
#include "curvature_batch.hpp"
#include "equilibrium_batch.hpp"

namespace intermodel::addon {

/// Why there is no device.
struct NoDevice {
  std::string what, reason;
};

/// Where to look, and for what.
struct DeviceChoice {
  std::string driver;  ///< library of the driver; empty: none is opened, for the host form
  std::string module;
  IntermodelOptions options;
};

/// Games in a device's memory.
class DeviceGames;

class Device : public std::enable_shared_from_this<Device> {
 public:
  /// Opens driver, module and device; throws NoDevice.
  explicit Device(const DeviceChoice& choice);
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  ~Device() { close(); }

  /// Gives everything back; later calls throw. False while games are being advanced.
  bool dispose();

  const IntermodelDevice& description() const { return description_; }
  const IntermodelCuda& interface() const { return *api_; }
  std::uint64_t held();

  void upload(const void* host, std::size_t bytes);
  void forget(const void* host);

  /// A copy of the head on the device, kept by packed.companion.
  void prepare(PackedHead& packed, const std::int32_t* sizes, const std::int32_t* activations, std::size_t layers);
  /// Whether the head was prepared here.
  bool knows(const PackedHead& packed);

  bool removalScores(const PackedHead& packed, const RemovalTile& tile, Responses responses);
  bool removalScoresSingle(const PackedHead& packed, const SingleTile& tile, const double* weights);
  bool peerGram(const PackedHead& packed, const GramBlock& whole, Responses responses, double* gram, double* factor);
  bool headForward(const PackedHead& packed, const Head& head, std::size_t batch, Responses responses, double* logits);
  bool headGradient(const PackedHead& packed, const GradientTile& whole, double* parameterGradient);

  std::shared_ptr<DeviceGames> createGames(const GameBatchArrays& arrays);

  /// Makes a call of the interface on the open session; throws what its status means.
  template <class Function, class... Arguments>
  void call(Function function, Arguments... arguments) {
    const std::lock_guard lock(mutex_);
    refuseClosed();
    check((api_->*function)(session_, arguments...));
  }

 private:
  friend class DeviceGames;
  void refuseClosed() const;
  void check(std::int32_t status) const;
  void close();
  const IntermodelHead* headOf(const PackedHead& packed) const;
  IntermodelBatch batchOf(const PackedHead& packed, const Head& head, std::size_t samples, Responses responses) const;

  const IntermodelCuda* api_ = nullptr;
  IntermodelSession* session_ = nullptr;
  IntermodelDevice description_{};
  std::mutex mutex_;  // of session_, heads_ and games_; a run holds it for as long as it takes
  std::set<IntermodelHead*> heads_;
  std::set<IntermodelGames*> games_;
  std::atomic<int> runs_{0};
};

class DeviceGames {
 public:
  DeviceGames(std::shared_ptr<Device> device, IntermodelGames* games) : device_(std::move(device)), games_(games) {}
  DeviceGames(const DeviceGames&) = delete;
  DeviceGames& operator=(const DeviceGames&) = delete;
  ~DeviceGames();

  void run(std::uint64_t steps, RunWatch& watch);
  void read(double* states) { device_->call(&IntermodelCuda::games_read, games_, states); }
  void write(const double* states) { device_->call(&IntermodelCuda::games_write, games_, states); }
  void setFactors(const double* loss, const double* rank) {
    device_->call(&IntermodelCuda::games_factors, games_, loss, rank);
  }
  void setOrders(std::span<const std::int32_t> rows) {
    device_->call(&IntermodelCuda::games_orders, games_, rows.data(), rows.size());
  }

 private:
  std::shared_ptr<Device> device_;
  IntermodelGames* games_;
};

/// createCudaEngine(driver, module, device, memory, schedule, fault): an engine whose kernels run on a device where the
/// device has them. Throws BTM_NO_CUDA with `what` and `reason`.
Napi::Value createCudaEngine(const Napi::CallbackInfo& info);

}  // namespace intermodel::addon
