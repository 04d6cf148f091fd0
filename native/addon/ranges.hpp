/// Splitting independent samples over threads. Kernels give the same bits for every split.
#pragma once

#include <algorithm>
#include <cstddef>

#include "engine.hpp"
#include "intermodel/thread_pool.hpp"

namespace intermodel::addon {

/// How many ranges [0, count) is cut into: one per thread, but none smaller than `least`.
inline std::size_t rangesOf(const Engine& engine, std::size_t count, std::size_t least) {
  return std::clamp<std::size_t>(count / std::max<std::size_t>(least, 1), 1, static_cast<std::size_t>(engine.threads));
}

/// body(part, begin, end) for each of `parts` ranges of [0, count); every part may own scratch, allocated before.
template <class Body>
void parallelRanges(const Engine& engine, std::size_t parts, std::size_t count, Body&& body) {
  parallelFor(engine.threads, parts,
              [&](std::size_t part) { body(part, count * part / parts, count * (part + 1) / parts); });
}

}  // namespace intermodel::addon
