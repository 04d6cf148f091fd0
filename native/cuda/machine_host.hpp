/// The host form: every kernel as loops over blocks, phases and threads. Include machine.hpp, not this file.
#pragma once

#include <cstring>
#include <numeric>

namespace intermodel::gpu {

class Machine {
 public:
  /// Rows of a grid: few, so that tests see launches cut into several.
  static constexpr size_t kMostRows = 2;

  explicit Machine(const IntermodelOptions& options)
      : limit_(options.memory), state_(options.schedule), fault_(options.fault) {}

  void* take(size_t bytes) {
    if (fault_ == 2 || (limit_ != 0 && bytes > limit_)) failNoMemory(bytes);
    void* area = std::malloc(bytes);
    if (area == nullptr) failNoMemory(bytes);
    held_ += bytes;
    return area;
  }
  void give(void* area, size_t bytes) {
    held_ -= bytes;
    std::free(area);
  }
  void toDevice(void* to, const void* from, size_t bytes) { std::memcpy(to, from, bytes); }
  void toHost(void* to, const void* from, size_t bytes) { std::memcpy(to, from, bytes); }
  void copy(void* to, const void* from, size_t bytes) { std::memmove(to, from, bytes); }
  size_t free() const { return size_t{1} << 30; }
  size_t held() const { return held_; }
  void enter() const {}
  void finish() const {}
  /// Blocks of one game that a launch of many blocks would use; small, so that tests see several.
  size_t processors() const { return 2; }

  template <class Kernel>
  void launch(size_t columns, size_t rows, const typename Kernel::Arguments& arguments) {
    if (rows > kMostRows) throw Failure{INTERMODEL_CUDA_FAILED, "a grid of " + std::to_string(rows) + " rows"};
    const std::vector<size_t> blocks = order(columns * rows);
    for (const size_t block : blocks) runBlock<Kernel>({block % columns, block / columns, columns, 0}, arguments);
  }

 private:
  template <class Kernel>
  void runBlock(const Place& block, const typename Kernel::Arguments& arguments) {
    auto shared = std::make_unique<typename Kernel::Shared>();
    std::vector<typename Kernel::Registers> registers(Kernel::kThreads);
    const size_t phases = Kernel::phases(arguments, block);
    // the control: without barriers each thread runs through, as one far ahead of the others would
    const size_t together = fault_ == 1 ? phases : 1;
    const std::vector<size_t> threads = order(Kernel::kThreads);
    static_assert((Kernel::kThreads & (Kernel::kThreads - 1)) == 0);
    for (size_t begin = 0; begin < phases; begin += together) {
      // another walk over the block's threads in every phase: odd strides pass each of a power of two once
      const size_t start = state_ == 0 ? 0 : next(), stride = state_ == 0 ? 1 : next() | 1;
      for (size_t k = 0; k < Kernel::kThreads; k++) {
        Place at = block;
        at.thread = threads[(start + stride * k) % Kernel::kThreads];
        for (size_t p = begin; p < begin + together; p++)
          Kernel::phase(p, arguments, at, *shared, registers[at.thread]);
      }
    }
  }

  uint64_t next() {  // splitmix64
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  std::vector<size_t> order(size_t count) {
    std::vector<size_t> all(count);
    std::iota(all.begin(), all.end(), size_t{0});
    if (state_ != 0)
      for (size_t k = count; k > 1; k--) std::swap(all[k - 1], all[next() % k]);
    return all;
  }

  size_t limit_, held_ = 0;
  uint64_t state_, fault_;
};

inline int32_t deviceCount(int32_t* count, std::string&) {
  *count = 1;
  return INTERMODEL_CUDA_OK;
}

inline int32_t describeDevice(int32_t device, IntermodelDevice* out, std::string& reason) {
  if (device != 0) {
    reason = "no device " + std::to_string(device);
    return INTERMODEL_CUDA_NO_DEVICE;
  }
  *out = {};
  std::strcpy(out->name, "host form");
  return INTERMODEL_CUDA_OK;
}

inline const char* const kKind = "host";
inline const char* const kBuilt = "loops on the processor";
inline constexpr int32_t kNeeds = 0;

}  // namespace intermodel::gpu
