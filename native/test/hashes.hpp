/// Hashes of the elementwise functions over the common points, the same table as test/arithmetic/hashes.json.
#pragma once

#include <cstdint>

struct NamedHash {
  const char* name;
  uint32_t hash;
};

inline constexpr NamedHash kHashes[] = {
    {"exp", 0x4af87f41},   {"expm1", 0x9986ced8},   {"log", 0xb53ac45f},
    {"log1p", 0x8f62a708}, {"sigmoid", 0x263df1a3}, {"sigmoidDerivative", 0x5806731f},
    {"tanh", 0x541a107b},
};
