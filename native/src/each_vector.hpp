/// Elementwise loops over arrays of any length: whole vectors, then one partial vector.
#pragma once

#include "simd.hpp"

namespace intermodel {
namespace {

/// body(r, count) for r = 0, kLanes, ...; count is kLanes except perhaps the last time.
template <class Body>
INTERMODEL_INLINE void eachVector(size_t n, Body body) {
  size_t r = 0;
  for (; r + kLanes <= n; r += kLanes) body(r, size_t{kLanes});
  if (r < n) body(r, n - r);
}

INTERMODEL_INLINE F64 loadSome(const double* p, size_t count) {
  return count == kLanes ? load(p) : loadPartial(p, count);
}

INTERMODEL_INLINE void storeSome(double* p, F64 a, size_t count) {
  if (count == kLanes)
    store(p, a);
  else
    storePartial(p, a, count);
}

}  // namespace
}  // namespace intermodel
