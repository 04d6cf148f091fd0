/// What a session keeps on the device between calls, and how calls see their inputs.
#pragma once

#include <mutex>

#include "machine.hpp"

/// A session of the interface.
struct IntermodelSession {
  explicit IntermodelSession(const IntermodelOptions& given) : machine(given), options(given) {}

  intermodel::gpu::Machine machine;
  IntermodelOptions options;
  std::mutex mutex;
  std::string reason;
  /// Copies of host memory, by where it starts.
  std::map<const void*, intermodel::gpu::Array<unsigned char>> uploads;

  /// Bytes that the work of one call may take.
  size_t budget() { return options.memory != 0 ? options.memory : machine.free() / 4; }
};

namespace intermodel::gpu {

/// `length` numbers from host memory on the device: the upload where there is one, else a copy for this call.
template <class T>
class Input {
 public:
  Input(IntermodelSession& session, const T* host, size_t length) {
    if (host == nullptr || length == 0) return;
    const auto at = reinterpret_cast<uintptr_t>(host);
    auto found = session.uploads.upper_bound(host);
    if (found != session.uploads.begin()) {
      --found;
      const size_t offset = at - reinterpret_cast<uintptr_t>(found->first);
      if (offset <= found->second.size() && length * sizeof(T) <= found->second.size() - offset) {
        data_ = reinterpret_cast<const T*>(found->second.data() + offset);
        return;
      }
    }
    copy_ = Array<T>(session.machine, host, length);
    data_ = copy_.data();
  }
  const T* data() const { return data_; }
  /// Bytes copied for this call alone.
  size_t copied() const { return copy_.bytes(); }

 private:
  Array<T> copy_;
  const T* data_ = nullptr;
};

}  // namespace intermodel::gpu
