/// What runs kernels and owns memory: a GPU through the CUDA runtime, or the host form's loops. The rest of the module
/// does not know which.
#pragma once

#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "interface.h"
#include "kernel.hpp"

namespace intermodel::gpu {

/// A call that cannot go on; the interface turns it into a status and a reason.
struct Failure {
  int32_t status;
  std::string reason;
};

[[noreturn]] inline void failNoMemory(size_t bytes) {
  throw Failure{INTERMODEL_CUDA_NO_MEMORY, "not enough memory for " + std::to_string(bytes) + " bytes"};
}

}  // namespace intermodel::gpu

#ifdef __CUDACC__
#include "machine_cuda.hpp"
#else
#include "machine_host.hpp"
#endif

namespace intermodel::gpu {

/// body(k) for every k below count.
template <class Body>
void each(Machine& machine, size_t count, Body body) {
  using Kernel = Each<Body>;
  if (count == 0) return;
  machine.launch<Kernel>((count + Kernel::kThreads - 1) / Kernel::kThreads, 1, {count, body});
}

/// An array on the device, given back with its owner.
template <class T>
class Array {
 public:
  Array() = default;
  Array(Machine& machine, size_t length) : machine_(&machine), length_(length) {
    if (length > SIZE_MAX / sizeof(T)) failNoMemory(SIZE_MAX);
    if (length > 0) data_ = static_cast<T*>(machine.take(length * sizeof(T)));
  }
  Array(Machine& machine, const T* from, size_t length) : Array(machine, from == nullptr ? 0 : length) { set(from); }
  Array(Array&& other) noexcept { swap(other); }
  Array& operator=(Array&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Array() {
    if (data_ != nullptr) machine_->give(data_, length_ * sizeof(T));
  }

  T* data() const { return data_; }
  size_t size() const { return length_; }
  size_t bytes() const { return length_ * sizeof(T); }
  void set(const T* from) {
    if (length_ > 0) machine_->toDevice(data_, from, bytes());
  }
  void get(T* to) const { get(to, 0, length_); }
  void get(T* to, size_t begin, size_t count) const {
    if (count > 0) machine_->toHost(to, data_ + begin, count * sizeof(T));
  }

 private:
  void swap(Array& other) noexcept {
    std::swap(machine_, other.machine_);
    std::swap(data_, other.data_);
    std::swap(length_, other.length_);
  }

  Machine* machine_ = nullptr;
  T* data_ = nullptr;
  size_t length_ = 0;
};

}  // namespace intermodel::gpu
