/// Bytes of a fuzzer, read as sizes and numbers. When they run out, everything is 0.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : at_(data), left_(size) {}

  std::uint8_t byte() {
    if (left_ == 0) return 0;
    left_--;
    return *at_++;
  }

  /// A whole number of [least, most].
  std::size_t whole(std::size_t least, std::size_t most) {
    const std::size_t raw = most - least < 256 ? byte() : byte() | static_cast<std::size_t>(byte()) << 8;
    return least + raw % (most - least + 1);
  }

  std::uint64_t word() {
    std::uint64_t value = 0;
    for (int k = 0; k < 8; k++) value = value << 8 | byte();
    return value;
  }

  /// Any double: a small fraction, an extreme, or eight bytes as they are.
  double any() {
    static const double extremes[] = {0.0,   -0.0,   1.0,      -1.0,    1e308,    -1e308,    5e-324, -5e-324,
                                      1e-16, 1e-300, 709.7827, -745.13, INFINITY, -INFINITY, NAN,    0x1p53};
    const std::uint8_t kind = byte();
    if (kind < 160) return (static_cast<double>(byte()) - 128.0) / 16.0;
    if (kind < 224) return extremes[kind % 16];
    const std::uint64_t bits = word();
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }

  double finite() {
    const double value = any();
    return std::isfinite(value) ? value : 0.5;
  }

  double positive() {
    const double value = std::fabs(finite());
    return value > 0.0 ? value : 1.0;
  }

  std::vector<double> anys(std::size_t n) {
    return list(n, [this] { return any(); });
  }
  std::vector<double> finites(std::size_t n) {
    return list(n, [this] { return finite(); });
  }

  /// A point of the simplex, of rows of n.
  std::vector<double> weights(std::size_t rows, std::size_t n) {
    std::vector<double> out(rows * n);
    for (std::size_t r = 0; r < rows; r++) {
      double sum = 0.0;
      for (std::size_t j = 0; j < n; j++) sum += out[r * n + j] = 1.0 + byte();
      for (std::size_t j = 0; j < n; j++) out[r * n + j] /= sum;
    }
    return out;
  }

  std::vector<std::int32_t> integers(std::size_t n, std::int32_t least, std::int32_t most) {
    std::vector<std::int32_t> out(n);
    for (std::int32_t& value : out)
      value = least + static_cast<std::int32_t>(whole(0, static_cast<std::size_t>(most - least)));
    return out;
  }

 private:
  template <class Make>
  std::vector<double> list(std::size_t n, Make make) {
    std::vector<double> out(n);
    for (double& value : out) value = make();
    return out;
  }

  const std::uint8_t* at_;
  std::size_t left_;
};

}  // namespace fuzz
