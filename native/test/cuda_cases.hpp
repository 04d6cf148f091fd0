/// What the tests of the CUDA module share: the interface under test, a session, and the cases by file.
#pragma once

#include <vector>

#include "../cuda/interface.h"
#include "check.hpp"
#include "random.hpp"

/// The interface under test: the host form, or a module's.
inline const IntermodelCuda* api = intermodel_cuda(INTERMODEL_CUDA_VERSION);
/// Random schedules of blocks and threads beside the ascending one, and how many shapes of heads.
inline uint64_t schedules = 20;
inline size_t shapes = 6;

/// A session on the first device.
struct Session {
  explicit Session(uint64_t schedule, uint64_t memory = 0, uint64_t fault = 0) {
    const IntermodelOptions options{0, memory, schedule, fault};
    char reason[256];
    CHECK(api->open(&options, &at, reason, sizeof reason) == INTERMODEL_CUDA_OK);
  }
  Session(const Session&) = delete;
  ~Session() { api->close(at); }
  IntermodelSession* at = nullptr;
};

inline std::vector<double> normals(intermodel::RandomStream& random, size_t n, double scale) {
  std::vector<double> x(n);
  for (double& v : x) v = scale * random.normal();
  return x;
}

inline bool same(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  for (size_t k = 0; k < a.size(); k++)
    if (!check::sameBits(a[k], b[k])) return false;
  return true;
}

void testCurvature();
void testControl();
void testOverflow();
void testSingle();
void testMechanism();
void testLargeGame();
void testLedger();
