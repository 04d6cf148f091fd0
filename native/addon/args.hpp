/// Arguments of one call from JavaScript, taken in order, each checked for type and exact length.
///
/// Nothing past this file reads a JavaScript value, so a wrong call ends in a typed error and never in a crash.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>

namespace intermodel::addon {

/// A refused argument; turned into a JavaScript error with this code in one place (engine.cpp).
struct ArgumentError : std::runtime_error {
  ArgumentError(const char* error_code, const std::string& message) : std::runtime_error(message), code(error_code) {}
  const char* code;
};

/// a * b * c, refused when it does not fit.
inline std::size_t checkedProduct(std::size_t a, std::size_t b, std::size_t c = 1) {
  constexpr std::size_t limit = std::numeric_limits<std::size_t>::max();
  if ((b != 0 && a > limit / b) || (c != 0 && a * b > limit / c)) {
    throw ArgumentError("BTM_SHAPE", "BTM_SHAPE: sizes overflow");
  }
  return a * b * c;
}

class Args {
 public:
  Args(const Napi::CallbackInfo& info, const char* method) : info_(info), method_(method) {}

  Napi::Env env() const { return info_.Env(); }

  /// A count or size: an integer from 0 up to 2^40.
  std::size_t size(const char* name) { return static_cast<std::size_t>(whole(name, 0, std::int64_t{1} << 40)); }

  /// The size at a later place, without taking it: outputs come first, and their lengths follow from the sizes.
  std::size_t sizeAt(std::size_t place, const char* name) {
    const std::size_t kept = at_;
    at_ = place;
    const std::size_t value = size(name);
    at_ = kept;
    return value;
  }

  /// An integer in [low, high]; enums are passed this way.
  std::int32_t integer(const char* name, std::int32_t low, std::int32_t high) {
    return static_cast<std::int32_t>(whole(name, low, high));
  }

  /// Any double, NaN included: kernels promise to survive it.
  double number(const char* name) {
    const Napi::Value value = next();
    if (!value.IsNumber()) fail("BTM_TYPE", name, "must be a number");
    return value.As<Napi::Number>().DoubleValue();
  }

  bool boolean(const char* name) {
    const Napi::Value value = next();
    if (!value.IsBoolean()) fail("BTM_TYPE", name, "must be a boolean");
    return value.As<Napi::Boolean>().Value();
  }

  std::span<double> f64Out(const char* name, std::size_t length) {
    return typed<double>(name, length, napi_float64_array);
  }
  std::span<const double> f64(const char* name, std::size_t length) { return f64Out(name, length); }
  std::span<float> f32Out(const char* name, std::size_t length) {
    return typed<float>(name, length, napi_float32_array);
  }
  std::span<const float> f32(const char* name, std::size_t length) { return f32Out(name, length); }
  std::span<std::int32_t> i32Out(const char* name, std::size_t length) {
    return typed<std::int32_t>(name, length, napi_int32_array);
  }
  std::span<const std::int32_t> i32(const char* name, std::size_t length) { return i32Out(name, length); }
  std::span<std::uint32_t> u32Out(const char* name, std::size_t length) {
    return typed<std::uint32_t>(name, length, napi_uint32_array);
  }
  std::span<const std::uint32_t> u32(const char* name, std::size_t length) { return u32Out(name, length); }

  /// Length of the typed array at the next place, without taking it: for arrays whose length is the size.
  std::size_t peekLength(const char* name) const {
    const Napi::Value value = info_[at_];
    if (!value.IsTypedArray()) fail("BTM_TYPE", name, "must be a typed array");
    return value.As<Napi::TypedArray>().ElementLength();
  }

  /// The next argument as it is, for callbacks and handles.
  Napi::Value next() { return info_[at_++]; }

  [[noreturn]] void fail(const char* code, const char* name, const std::string& problem) const {
    throw ArgumentError(code, std::string(code) + ": " + method_ + ": " + name + " " + problem);
  }

 private:
  std::int64_t whole(const char* name, std::int64_t low, std::int64_t high) {
    const double value = number(name);
    const bool inside = value >= static_cast<double>(low) && value <= static_cast<double>(high);
    if (!inside || value != static_cast<double>(static_cast<std::int64_t>(value))) {
      fail("BTM_DOMAIN", name, "must be an integer between " + std::to_string(low) + " and " + std::to_string(high));
    }
    return static_cast<std::int64_t>(value);
  }

  template <class T>
  std::span<T> typed(const char* name, std::size_t length, napi_typedarray_type wanted) {
    const Napi::Value value = next();
    if (!value.IsTypedArray()) fail("BTM_TYPE", name, "must be a typed array");
    napi_typedarray_type type;
    std::size_t found = 0;
    void* data = nullptr;
    if (napi_get_typedarray_info(env(), value, &type, &found, &data, nullptr, nullptr) != napi_ok || type != wanted) {
      fail("BTM_TYPE", name, "is not the kind of typed array asked for");
    }
    if (found != length || (data == nullptr && length > 0)) {
      fail("BTM_SHAPE", name, "must have length " + std::to_string(length) + ", got " + std::to_string(found));
    }
    return {static_cast<T*>(data), length};
  }

  const Napi::CallbackInfo& info_;
  const char* method_;
  std::size_t at_ = 0;
};

}  // namespace intermodel::addon
