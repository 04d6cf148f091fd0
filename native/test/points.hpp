/// The points at which the elementwise functions are compared, and the hash that stands for their results.
/// test/arithmetic/points.ts builds the same points and the same hash.
#pragma once

#include <vector>

#include "random.hpp"

namespace points {

inline constexpr size_t kCount = size_t{1} << 20;

/// Where a formula changes, and the ends of the range.
inline constexpr double kEdges[] = {0.0,
                                    4.9406564584124654e-324,
                                    2.2250738585072014e-308,
                                    1.7976931348623157e308,
                                    5.5511151231257827e-17,
                                    1.1102230246251565e-16,
                                    0.34657359027997264,
                                    0.6931471805599453,
                                    1.0397207708399179,
                                    13.516370020918933,
                                    38.816242111356935,
                                    50.0,
                                    624.17903609423069,
                                    708.39641853226408,
                                    709.78271289338397,
                                    745.13321910194122,
                                    710.0,
                                    746.0,
                                    0.25,
                                    0.2928,
                                    0.4142,
                                    0.5,
                                    0.70710678118654757,
                                    1.0,
                                    1.4142135623730951,
                                    2.0,
                                    37.0,
                                    9007199254740992.0,
                                    __builtin_inf(),
                                    __builtin_nan("")};
inline constexpr uint32_t kEdgeCount = sizeof kEdges / sizeof kEdges[0];

inline double fromWords(uint32_t high, uint32_t low) { return intermodel::doubleFromBits(uint64_t{high} << 32 | low); }

/// A quarter each: any bits at all; [-750, 750); [-2, 2); within four units of an edge, either sign.
inline double point(uint32_t index) {
  const intermodel::PhiloxBlock block = intermodel::philox({{2026, 1}}, {{index, 0, 0, 0}});
  const uint32_t* w = block.word;
  const double unit = (static_cast<double>(w[0] >> 5) * 67108864.0 + static_cast<double>(w[1] >> 6)) * 0x1p-53;
  switch (w[3] % 4) {
    case 0:
      return fromWords(w[0], w[1]);
    case 1:
      return unit * 1500.0 - 750.0;
    case 2:
      return unit * 4.0 - 2.0;
    default: {
      const double edge = kEdges[w[0] % kEdgeCount];
      const double nudged = intermodel::doubleFromBits(intermodel::bitsOf(edge) + w[1] % 9 - (edge == 0.0 ? 0 : 4));
      return w[2] % 2 == 0 ? nudged : -nudged;
    }
  }
}

inline std::vector<double> all() {
  std::vector<double> x(kCount);
  for (size_t i = 0; i < kCount; i++) x[i] = point(static_cast<uint32_t>(i));
  return x;
}

/// Of the bits of all results, every NaN counted as 0x7ff8000000000000.
inline uint32_t hash(const std::vector<double>& values) {
  uint32_t h = 1;
  for (const double value : values) {
    const uint64_t bits = value != value ? 0x7ff8000000000000ull : intermodel::bitsOf(value);
    for (const uint32_t word : {static_cast<uint32_t>(bits), static_cast<uint32_t>(bits >> 32)})
      h = ((h << 5 | h >> 27) ^ word) * 0x9e3779b1u;
  }
  return h;
}

}  // namespace points
