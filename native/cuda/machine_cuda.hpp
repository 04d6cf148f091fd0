/// A GPU through the CUDA runtime, linked statically. Include machine.hpp, not this file.
#pragma once

#include <cuda_runtime.h>

#include <cstdio>
#include <cstring>

namespace intermodel::gpu {

inline void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  (void)cudaGetLastError();
  const int32_t status = error == cudaErrorMemoryAllocation ? INTERMODEL_CUDA_NO_MEMORY : INTERMODEL_CUDA_FAILED;
  throw Failure{status, std::string(what) + ": " + cudaGetErrorString(error)};
}

template <class Kernel>
__global__ void __launch_bounds__(Kernel::kThreads) runKernel(const typename Kernel::Arguments arguments) {
  __shared__ typename Kernel::Shared shared;
  typename Kernel::Registers registers;
  const Place at{blockIdx.x, blockIdx.y, gridDim.x, threadIdx.x};
  const size_t phases = Kernel::phases(arguments, at);
  for (size_t p = 0; p < phases; p++) {
    if (p > 0) __syncthreads();
    Kernel::phase(p, arguments, at, shared, registers);
  }
}

class Machine {
 public:
  static constexpr size_t kMostRows = 65535;

  explicit Machine(const IntermodelOptions& options) : device_(options.device), limit_(options.memory) {
    enter();
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "a stream");
    check(cudaDeviceGetAttribute(&processors_, cudaDevAttrMultiProcessorCount, device_), "the device's properties");
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() {
    (void)cudaSetDevice(device_);
    for (const auto& [bytes, area] : spare_) (void)cudaFree(area);
    (void)cudaStreamDestroy(stream_);
  }

  /// Memory of earlier calls is used again where the size is the same.
  void* take(size_t bytes) {
    const auto found = spare_.find(bytes);
    void* area = nullptr;
    if (found != spare_.end()) {
      area = found->second;
      spare_.erase(found);
      spareBytes_ -= bytes;
    } else {
      if (limit_ != 0 && bytes > limit_) failNoMemory(bytes);
      if (cudaMalloc(&area, bytes) != cudaSuccess) {
        (void)cudaGetLastError();
        empty();
        if (cudaMalloc(&area, bytes) != cudaSuccess) {
          (void)cudaGetLastError();
          failNoMemory(bytes);
        }
      }
    }
    held_ += bytes;
    return area;
  }
  void give(void* area, size_t bytes) {
    held_ -= bytes;
    spareBytes_ += bytes;
    spare_.emplace(bytes, area);
  }
  void toDevice(void* to, const void* from, size_t bytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_), "a copy to the device");
    finish();
  }
  void toHost(void* to, const void* from, size_t bytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_), "a copy from the device");
    finish();
  }
  void copy(void* to, const void* from, size_t bytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_), "a copy on the device");
  }
  size_t free() const {
    size_t unused = 0, total = 0;
    check(cudaMemGetInfo(&unused, &total), "the device's memory");
    return unused + spareBytes_;
  }
  size_t held() const { return held_; }
  void enter() const { check(cudaSetDevice(device_), "the device"); }
  void finish() const { check(cudaStreamSynchronize(stream_), "a kernel"); }
  size_t processors() const { return static_cast<size_t>(processors_); }

  template <class Kernel>
  void launch(size_t columns, size_t rows, const typename Kernel::Arguments& arguments) {
    constexpr size_t kMostColumns = 0x7fffffff;
    if (columns > kMostColumns || rows > kMostRows)
      throw Failure{INTERMODEL_CUDA_FAILED, "a grid of " + std::to_string(columns) + " x " + std::to_string(rows)};
    const dim3 grid(static_cast<unsigned>(columns), static_cast<unsigned>(rows));
    runKernel<Kernel><<<grid, Kernel::kThreads, 0, stream_>>>(arguments);
    check(cudaGetLastError(), "a launch");
  }

 private:
  void empty() {
    (void)cudaStreamSynchronize(stream_);
    for (const auto& [bytes, area] : spare_) (void)cudaFree(area);
    spare_.clear();
    spareBytes_ = 0;
  }

  int device_;
  size_t limit_, held_ = 0, spareBytes_ = 0;
  int processors_ = 1;
  cudaStream_t stream_ = nullptr;
  std::multimap<size_t, void*> spare_;
};

inline int32_t refuse(cudaError_t error, std::string& reason) {
  (void)cudaGetLastError();
  reason = cudaGetErrorString(error);
  if (error == cudaErrorInsufficientDriver) return INTERMODEL_CUDA_OLD_DRIVER;
  if (error == cudaErrorNoDevice || error == cudaErrorInvalidDevice) return INTERMODEL_CUDA_NO_DEVICE;
  return error == cudaErrorMemoryAllocation ? INTERMODEL_CUDA_NO_MEMORY : INTERMODEL_CUDA_FAILED;
}

inline int32_t deviceCount(int32_t* count, std::string& reason) {
  int found = 0;
  const cudaError_t error = cudaGetDeviceCount(&found);
  *count = error == cudaSuccess ? found : 0;
  return error == cudaSuccess ? INTERMODEL_CUDA_OK : refuse(error, reason);
}

inline int32_t describeDevice(int32_t device, IntermodelDevice* out, std::string& reason) {
  cudaDeviceProp properties;
  cudaError_t error = cudaGetDeviceProperties(&properties, device);
  size_t unused = 0, total = 0;
  if (error == cudaSuccess) error = cudaSetDevice(device);
  if (error == cudaSuccess) error = cudaMemGetInfo(&unused, &total);
  if (error != cudaSuccess) return refuse(error, reason);
  *out = {};
  std::snprintf(out->name, sizeof out->name, "%s", properties.name);
  out->major = properties.major;
  out->minor = properties.minor;
  (void)cudaDriverGetVersion(&out->driver);
  (void)cudaRuntimeGetVersion(&out->runtime);
  out->memory = total;
  out->free = unused;
  return INTERMODEL_CUDA_OK;
}

inline const char* const kKind = "cuda";
#define INTERMODEL_TEXT_OF(x) #x
#define INTERMODEL_TEXT(x) INTERMODEL_TEXT_OF(x)
inline const char* const kBuilt =
    "CUDA " INTERMODEL_TEXT(__CUDACC_VER_MAJOR__) "." INTERMODEL_TEXT(__CUDACC_VER_MINOR__);
inline constexpr int32_t kNeeds = CUDART_VERSION / 1000 * 1000;  // every minor version of a driver serves its major one

}  // namespace intermodel::gpu
