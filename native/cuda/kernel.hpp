/// How kernels are written: once, for a GPU and for ordinary loops.
///
/// A kernel is a sequence of phases. On a GPU all threads of a block run a phase, meet at a barrier, and run the next.
/// In the host form a loop runs each phase over all threads of a block, in an order that a seed may shuffle: where a
/// thread reads what another writes in the same phase, some order shows it.
///
///   struct Kernel {
///     static constexpr int kThreads;               // of a block
///     struct Arguments, Shared, Registers;         // Registers: what a thread keeps from phase to phase
///     static size_t phases(const Arguments&, const Place&);   // the same for all threads of a block
///     static void phase(size_t p, const Arguments&, const Place&, Shared&, Registers&);
///   };
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "portable.hpp"

namespace intermodel::gpu {

/// Where a thread is. Blocks lie on a grid of x columns and y rows.
struct Place {
  size_t x, y;     ///< of the block
  size_t columns;  ///< of the grid
  size_t thread;   ///< in the block
};

/// body(k) for k = 0 .. count - 1, one output or a fixed set of outputs a thread: no barriers.
template <class Body>
struct Each {
  static constexpr int kThreads = 128;
  struct Arguments {
    size_t count;
    Body body;
  };
  struct Shared {};
  struct Registers {};
  INTERMODEL_BOTH static size_t phases(const Arguments&, const Place&) { return 1; }
  INTERMODEL_BOTH static void phase(size_t, const Arguments& a, const Place& at, Shared&, Registers&) {
    const size_t k = at.x * kThreads + at.thread;
    if (k < a.count) a.body(k);
  }
};

}  // namespace intermodel::gpu
