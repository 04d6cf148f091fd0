/// A power of two that keeps squares, products and sums of numbers inside the range of a double.
///
/// Multiplying by a power of two is exact, so results keep their bits wherever nothing would have overflowed or
/// underflowed. The same rule as src/reference/safe-scale.ts.
#pragma once

namespace intermodel {

/// The factor for numbers whose largest magnitude is `largest`: 1 between 2^-400 and 2^400, and for 0.
constexpr double safeScale(double largest) {
  if (largest > 0x1p400) return 0x1p-600;
  return largest > 0.0 && largest < 0x1p-400 ? 0x1p600 : 1.0;
}

}  // namespace intermodel
