/// Hashes of the elementwise functions over the common points, the same table as test/arithmetic/hashes.json.
#pragma once

#include <cstdint>

struct NamedHash {
  const char* name;
  uint32_t hash;
};

inline constexpr NamedHash kHashes[] = {
    {"exp", 0x4c9eaeee},   {"expm1", 0x16f76094},   {"log", 0x2319915a},
    {"log1p", 0xcef3d5ce}, {"sigmoid", 0x76fcfd0e}, {"sigmoidDerivative", 0xbba57808},
    {"tanh", 0x5ed910a1},
};
