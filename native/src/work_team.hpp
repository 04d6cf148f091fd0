/// Threads that share the many short phases of one loop without going to sleep in between.
///
/// The leader runs the loop; a helper takes pieces of a phase whenever it is there, and none is waited for but for
/// pieces it has begun. So a helper that never comes, because every thread of the pool is busy, costs nothing and
/// cannot block anything.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "intermodel/thread_pool.hpp"

namespace intermodel {

class WorkTeam {
 public:
  /// The most pieces of a phase.
  static constexpr std::uint64_t kMostPieces = std::uint64_t{1} << 20;

  explicit WorkTeam(int threads) : threads_(threads) {}

  /// Runs `lead(team)` in the caller, with helpers from the pool.
  template <class Lead>
  void run(Lead lead) {
    if (threads_ <= 1) return lead(*this);
    std::atomic<int> places{0};  // whoever comes first leads, the others help until it is over
    parallelFor(threads_, static_cast<std::size_t>(threads_), [&](std::size_t) {
      const int place = places.fetch_add(1);
      if (place == 0) {
        lead(*this);
        over_.store(true, std::memory_order_release);
      } else {
        help(place);
      }
    });
  }

  /// body(piece, thread) for every piece; the caller is thread 0 and returns when all are done.
  template <class Body>
  void phase(std::size_t pieces, const Body& body) {
    if (threads_ <= 1 || pieces <= 1) {
      for (std::size_t piece = 0; piece < pieces; ++piece) body(piece, 0);
      return;
    }
    context_ = &body;
    call_ = [](const void* context, std::size_t piece, int thread) {
      (*static_cast<const Body*>(context))(piece, thread);
    };
    pieces_.store(pieces, std::memory_order_relaxed);
    done_.store(0, std::memory_order_relaxed);
    const std::uint64_t turn = ++turn_;
    next_.store(turn * kMostPieces, std::memory_order_release);
    const std::size_t own = work(turn, 0);
    std::size_t total = done_.fetch_add(own, std::memory_order_acq_rel) + own;
    for (int spins = 0; total != pieces; ++spins) {
      pause(spins);
      total = done_.load(std::memory_order_acquire);
    }
    // no helper may still read this phase: those that come late find it closed
    next_.store(turn * kMostPieces + kMostPieces - 1, std::memory_order_release);
  }

  int threads() const { return threads_; }

 private:
  /// Takes pieces of a phase until none is left; returns how many.
  std::size_t work(std::uint64_t turn, int thread) {
    std::size_t made = 0;
    for (;;) {
      std::uint64_t ticket = next_.load(std::memory_order_acquire);
      if (ticket / kMostPieces != turn) return made;
      const std::uint64_t piece = ticket % kMostPieces;
      if (piece >= pieces_.load(std::memory_order_relaxed)) return made;
      if (!next_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel)) continue;
      call_(context_, static_cast<std::size_t>(piece), thread);
      ++made;
      if (thread != 0) done_.fetch_add(1, std::memory_order_acq_rel);
    }
  }

  void help(int thread) {
    int spins = 0;
    while (!over_.load(std::memory_order_acquire)) {
      const std::uint64_t turn = next_.load(std::memory_order_acquire) / kMostPieces;
      if (turn == 0 || work(turn, thread) == 0)
        pause(++spins);
      else
        spins = 0;
    }
  }

  static void pause(int spins) {
    if (spins > 256) std::this_thread::yield();
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  int threads_;
  std::uint64_t turn_ = 0;
  std::atomic<std::size_t> pieces_{0};
  const void* context_ = nullptr;
  void (*call_)(const void*, std::size_t, int) = nullptr;
  alignas(64) std::atomic<std::uint64_t> next_{0};  // turn and piece in one word
  alignas(64) std::atomic<std::size_t> done_{0};
  alignas(64) std::atomic<bool> over_{false};
};

}  // namespace intermodel
