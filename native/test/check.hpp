/// Just enough of a test runner: CHECK counts, finish() prints the count and gives the exit status.
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace check {

inline int passed = 0, failed = 0;

inline void that(bool holds, const char* what, const char* file, int line) {
  if (holds) {
    passed++;
    return;
  }
  failed++;
  if (failed <= 20) std::printf("not ok: %s (%s:%d)\n", what, file, line);
}

/// The same bits, except that one NaN is as good as another.
inline bool sameBits(double a, double b) {
  if (a != a || b != b) return a != a && b != b;
  return std::memcmp(&a, &b, sizeof a) == 0;
}

inline int finish() {
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace check

#define CHECK(condition) ::check::that((condition), #condition, __FILE__, __LINE__)
