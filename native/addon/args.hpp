/// Arguments of one call from JavaScript, taken in order, each checked for type and exact length.
///
/// Nothing past this file reads a JavaScript value, so a wrong call ends in a typed error and never in a crash. Three
/// rules make that hold, each kept here and nowhere else:
/// - Values whose reading can run JavaScript (lists: getters, which may detach or resize any buffer) are read before
///   the first pointer is taken. A method that does it the other way round fails at its first call.
/// - Integer arrays are indices that are checked before they are used. They must not change in between, so they may
///   neither overlap an output of the call nor lie in memory shared with other threads.
/// - A size counts only when an array of that extent was passed (Dim): no loop is longer than the memory it walks.
#pragma once

#include <napi.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "errors.hpp"

namespace intermodel::addon {

/// a * b * c, refused when it does not fit.
inline std::size_t checkedProduct(std::size_t a, std::size_t b, std::size_t c = 1) {
  constexpr std::size_t limit = std::numeric_limits<std::size_t>::max();
  if ((b != 0 && a > limit / b) || (c != 0 && a * b > limit / c)) {
    throw ArgumentError("BTM_SHAPE", "BTM_SHAPE: sizes overflow");
  }
  return a * b * c;
}

/// A size as asked for. As a number it is 0 until an array whose length it divides was found not to be empty.
class Dim {
 public:
  explicit Dim(std::size_t asked) : asked_(asked) {}
  operator std::size_t() const { return witnessed_ ? asked_ : 0; }

  /// The size as it was asked for, for checks of its range.
  std::size_t asked() const { return asked_; }

  /// The length of an array with these extents; one that is not empty is the witness of them all.
  template <class... Dims>
  friend std::size_t lengthOf(Dims&... dims) {
    const std::size_t length = productOf({dims.asked_...});
    if (length != 0) ((dims.witnessed_ = true), ...);
    return length;
  }

 private:
  static std::size_t productOf(std::initializer_list<std::size_t> sizes) {
    std::size_t length = 1;
    for (const std::size_t size : sizes) length = checkedProduct(length, size);
    return length;
  }

  std::size_t asked_;
  bool witnessed_ = false;
};

/// Numbers as they are stored; one of the two is empty.
struct Reals {
  std::span<const double> f64;
  std::span<const float> f32;
  std::size_t size() const { return f64.size() + f32.size(); }
};

class Args {
 public:
  Args(const Napi::CallbackInfo& info, const char* method) : info_(info), method_(method) {}

  Napi::Env env() const { return info_.Env(); }

  /// The extent of arrays: an integer from 0 up to 2^40.
  Dim dim(const char* name) { return Dim(size(name)); }

  /// The extent at a later place, without taking it: outputs come first, and their lengths follow from the sizes.
  Dim dimAt(std::size_t place, const char* name) {
    const std::size_t kept = at_;
    at_ = place;
    const std::size_t value = size(name);
    at_ = kept;
    return Dim(value);
  }

  /// A count that is not the extent of an array.
  std::size_t size(const char* name) { return static_cast<std::size_t>(whole(name, 0, std::int64_t{1} << 40)); }

  /// An integer in [low, high]; enums are passed this way.
  std::int32_t integer(const char* name, std::int32_t low, std::int32_t high) {
    return static_cast<std::int32_t>(whole(name, low, high));
  }

  /// Any double, NaN included: kernels promise to survive it.
  double number(const char* name) {
    double number = 0;
    if (napi_get_value_double(env(), next(), &number) != napi_ok) fail("BTM_TYPE", name, "must be a number");
    return number;
  }

  bool boolean(const char* name) {
    bool value = false;
    if (napi_get_value_bool(env(), next(), &value) != napi_ok) fail("BTM_TYPE", name, "must be a boolean");
    return value;
  }

  /// An unsigned 64-bit integer given as a bigint.
  std::uint64_t word(const char* name) {
    std::uint64_t value = 0;
    bool lossless = false;
    if (napi_get_value_bigint_uint64(env(), next(), &value, &lossless) != napi_ok) {
      fail("BTM_TYPE", name, "must be a bigint");
    }
    if (!lossless) fail("BTM_DOMAIN", name, "must be between 0 and 2^64 - 1");
    return value;
  }

  std::span<double> f64Out(const char* name, std::size_t length) {
    return output(typed<double>(name, next(), napi_float64_array, "Float64Array", length));
  }
  std::span<double> f64Out(const char* name) { return f64Out(name, kAnyLength); }
  std::span<const double> f64(const char* name, std::size_t length = kAnyLength) {
    return typed<double>(name, next(), napi_float64_array, "Float64Array", length);
  }
  std::span<float> f32Out(const char* name) {
    return output(typed<float>(name, next(), napi_float32_array, "Float32Array", kAnyLength));
  }
  std::span<const float> f32(const char* name) {
    return typed<float>(name, next(), napi_float32_array, "Float32Array", kAnyLength);
  }
  /// Numbers in either precision.
  Reals reals(const char* name) {
    const napi_value value = next();
    auto type = static_cast<napi_typedarray_type>(-1);
    napi_get_typedarray_info(env(), value, &type, nullptr, nullptr, nullptr, nullptr);
    if (type == napi_float32_array) return {{}, typed<float>(name, value, type, "Float32Array", kAnyLength)};
    return {typed<double>(name, value, napi_float64_array, "Float64Array or Float32Array", kAnyLength), {}};
  }

  /// The memory of an array of numbers that kernels read.
  std::span<const std::byte> bytes(const char* name) {
    const napi_value value = next();
    auto type = static_cast<napi_typedarray_type>(-1);
    napi_get_typedarray_info(env(), value, &type, nullptr, nullptr, nullptr, nullptr);
    if (type == napi_float32_array) return std::as_bytes(typed<float>(name, value, type, "", kAnyLength));
    if (type == napi_uint32_array) return std::as_bytes(typed<std::uint32_t>(name, value, type, "", kAnyLength));
    const char* kinds = "Float64Array, Float32Array or Uint32Array";
    return std::as_bytes(typed<double>(name, value, napi_float64_array, kinds, kAnyLength));
  }

  /// What a handle wraps that was made with this tag.
  template <class T>
  const T& handle(const char* name, const napi_type_tag& tag, const char* kind) {
    const napi_value value = next();
    bool tagged = false;
    void* data = nullptr;
    napi_valuetype type = napi_undefined;
    if (napi_typeof(env(), value, &type) != napi_ok || type != napi_object ||
        napi_check_object_type_tag(env(), value, &tag, &tagged) != napi_ok || !tagged ||
        napi_unwrap(env(), value, &data) != napi_ok || data == nullptr) {
      fail("BTM_TYPE", name, std::string("must be ") + kind);
    }
    return *static_cast<const T*>(data);
  }

  std::span<std::int32_t> i32Out(const char* name, std::size_t length) {
    return output(typed<std::int32_t>(name, next(), napi_int32_array, "Int32Array", length));
  }
  std::span<const std::int32_t> i32(const char* name, std::size_t length = kAnyLength) {
    inputTaken_ = true;
    return index<std::int32_t>(name, next(), napi_int32_array, "Int32Array", length);
  }
  std::span<std::uint64_t> u64Out(const char* name, std::size_t length = kAnyLength) {
    return output(index<std::uint64_t>(name, next(), napi_biguint64_array, "BigUint64Array", length));
  }
  std::span<const std::uint64_t> u64(const char* name, std::size_t length = kAnyLength) {
    inputTaken_ = true;
    return index<std::uint64_t>(name, next(), napi_biguint64_array, "BigUint64Array", length);
  }

  /// The entries of the array at `place`: typed arrays or null. Reading them may run JavaScript, so it comes first.
  std::vector<napi_value> listAt(std::size_t place, const char* name) {
    if (pointerTaken_) throw std::logic_error(std::string(name) + " is read after a pointer was taken");
    const Napi::Value value = info_[place];
    if (!value.IsArray()) fail("BTM_TYPE", name, "must be an array");
    const std::uint32_t length = value.As<Napi::Array>().Length();
    std::vector<napi_value> entries;
    for (std::uint32_t at = 0; at < length; ++at) {
      napi_value entry = nullptr;
      if (napi_get_element(env(), value, at, &entry) != napi_ok) throw Napi::Error::New(env());
      // Checked one by one: a list of 2^32 holes is refused at the first.
      if (!Napi::Value(env(), entry).IsNull() && !Napi::Value(env(), entry).IsTypedArray()) {
        fail("BTM_TYPE", name, "must hold typed arrays or null");
      }
      entries.push_back(entry);
    }
    return entries;
  }

  /// An entry of a list as indices.
  std::span<const std::uint32_t> words(const char* name, napi_value entry) {
    inputTaken_ = true;
    return index<std::uint32_t>(name, entry, napi_uint32_array, "Uint32Array", kAnyLength);
  }

  /// An entry of a list as numbers.
  std::span<const double> doubles(const char* name, napi_value entry) {
    return typed<double>(name, entry, napi_float64_array, "Float64Array", kAnyLength);
  }

  /// Moves past an argument that was read by its place.
  void skip() { ++at_; }

  [[noreturn]] void fail(const char* code, const char* name, const std::string& problem) const {
    throw ArgumentError(code, std::string(code) + ": " + method_ + ": " + name + " " + problem);
  }

  /// Refuses an array, read with any length, that does not have the one the sizes ask for.
  template <class T>
  void expect(const char* name, std::span<T> found, std::size_t length) const {
    if (found.size() != length) failLength(name, found.size(), length);
  }
  template <class T, std::same_as<Dim>... Dims>
  requires(sizeof...(Dims) > 0) void expect(const char* name, std::span<T> found, Dims&... dims) const {
    expect(name, found, lengthOf(dims...));
  }

 private:
  static constexpr std::size_t kAnyLength = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t kMaxOutputs = 8;

  struct Bytes {
    const void* begin;
    const void* end;
  };

  napi_value next() { return info_[at_++]; }

  std::int64_t whole(const char* name, std::int64_t low, std::int64_t high) {
    const double value = number(name);
    const bool inside = value >= static_cast<double>(low) && value <= static_cast<double>(high);
    if (!inside || value != static_cast<double>(static_cast<std::int64_t>(value))) {
      fail("BTM_DOMAIN", name, "must be an integer between " + std::to_string(low) + " and " + std::to_string(high));
    }
    return static_cast<std::int64_t>(value);
  }

  [[noreturn]] void failLength(const char* name, std::size_t found, std::size_t length) const {
    fail("BTM_SHAPE", name, "must have length " + std::to_string(length) + ", got " + std::to_string(found));
  }

  template <class T>
  std::span<T> typed(const char* name, napi_value value, napi_typedarray_type wanted, const char* kind,
                     std::size_t length, napi_value* buffer = nullptr) {
    auto type = static_cast<napi_typedarray_type>(-1);  // kinds newer than this Node-API leave it as it is
    std::size_t found = 0;
    void* data = nullptr;
    if (napi_get_typedarray_info(env(), value, &type, &found, &data, buffer, nullptr) != napi_ok || type != wanted) {
      fail("BTM_TYPE", name, std::string("must be a ") + kind);
    }
    if ((length != kAnyLength && found != length) || (data == nullptr && found > 0)) failLength(name, found, length);
    pointerTaken_ = true;
    return {static_cast<T*>(data), found};
  }

  /// An array whose entries decide where memory is touched.
  template <class T>
  std::span<T> index(const char* name, napi_value value, napi_typedarray_type wanted, const char* kind,
                     std::size_t length) {
    napi_value buffer = nullptr;
    const std::span<T> array = typed<T>(name, value, wanted, kind, length, &buffer);
    bool plain = false;
    if (napi_is_arraybuffer(env(), buffer, &plain) != napi_ok || !plain) {
      fail("BTM_TYPE", name, "must not lie in shared memory");
    }
    const std::span<const std::byte> bytes = std::as_bytes(array);
    for (std::size_t k = 0; k < outputCount_; ++k) {
      if (bytes.data() < outputs_[k].end && outputs_[k].begin < bytes.data() + bytes.size()) {
        fail("BTM_DOMAIN", name, "must not overlap an output");
      }
    }
    return array;
  }

  template <class T>
  std::span<T> output(std::span<T> array) {
    if (outputCount_ == kMaxOutputs) throw std::logic_error("more outputs than Args keeps");
    if (inputTaken_) throw std::logic_error("outputs come before indices");
    const std::span<const std::byte> bytes = std::as_bytes(array);
    outputs_[outputCount_++] = {bytes.data(), bytes.data() + bytes.size()};
    return array;
  }

  const Napi::CallbackInfo& info_;
  const char* method_;
  std::size_t at_ = 0;
  std::size_t outputCount_ = 0;
  bool pointerTaken_ = false;
  bool inputTaken_ = false;
  std::array<Bytes, kMaxOutputs> outputs_;
};

}  // namespace intermodel::addon
