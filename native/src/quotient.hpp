/// Many divisions by one number, with the bits of the division.
#pragma once

#include "simd.hpp"

namespace intermodel {
namespace {

/// A divisor, 1 / divisor in two parts. Where vectors are short, or the number is too large or small, it divides.
struct Divisor {
  F64 by, minusBy, reciprocal, rest;
  bool multiplies;
};

INTERMODEL_INLINE Divisor divisorOf(double by) {
  const F64 all = broadcast(by), reciprocal = broadcast(1.0) / all;
  const F64 rest = fma(-all, reciprocal, broadcast(1.0)) * reciprocal;
  return {all, -all, reciprocal, rest, kLanes >= 4 && by >= 0x1p-400 && by <= 0x1p400};
}

/// a / by for |a| <= by. The product with both parts of the reciprocal is within a unit in the last place, so its
/// remainder is exact, and adding the remainder's share rounds as the division would (Markstein 1990; Muller and
/// others, Handbook of Floating-Point Arithmetic, section 4.7). A remainder of very small numbers would be rounded, and
/// a zero would lose its sign: those are divided.
INTERMODEL_INLINE F64 quotient(F64 a, const Divisor& by) {
  if (!by.multiplies || any(less(absolute(a), broadcast(0x1p-440)))) return a / by.by;
  const F64 near = fma(a, by.reciprocal, a * by.rest);
  return fma(fma(near, by.minusBy, a), by.reciprocal, near);
}

}  // namespace
}  // namespace intermodel
