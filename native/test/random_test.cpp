/// Philox4x32-10 gives the known answers of Random123; the stream gives the numbers that src/core/random.ts gives.
#include "random.hpp"

#include <cmath>

#include "check.hpp"

using namespace intermodel;

namespace {

void knownAnswer(PhiloxKey key, PhiloxBlock counter, PhiloxBlock expected) {
  const PhiloxBlock found = philox(key, counter);
  for (int i = 0; i < 4; i++) CHECK(found.word[i] == expected.word[i]);
}

/// Everything a stream can draw, hashed; test/core/random.test.ts expects the same hash.
void streamValues() {
  const uint64_t indices[] = {3, (uint64_t{5} << 32) + 1};
  RandomStream random(7, indices, 2);
  const double weights[] = {0.0, 0.25, 3.0, 0.0, 1.5, 0.0};
  uint32_t h = 1;
  const auto add = [&h](double value) {
    const uint64_t bits = bitsOf(value);
    h = ((h << 5 | h >> 27) ^ static_cast<uint32_t>(bits)) * 0x9e3779b1u;
    h = ((h << 5 | h >> 27) ^ static_cast<uint32_t>(bits >> 32)) * 0x9e3779b1u;
  };
  for (int i = 0; i < 20000; i++) {
    add(static_cast<double>(random.nextUint32()));
    add(random.uniform());
    add(random.normal());
    add(static_cast<double>(random.integer(10)));
    add(static_cast<double>(random.integer((uint64_t{1} << 40) + 7)));
    add(static_cast<double>(random.categorical(weights, 6)));
  }
  int order[50];
  for (int i = 0; i < 50; i++) order[i] = i;
  random.shuffle(order, 50);
  for (int item : order) add(item);
  std::printf("# stream hash %08x\n", h);
  CHECK(h == 0xe7fc200cu);
}

void moments() {
  RandomStream random(1, nullptr, 0);
  const int count = 400000;
  double sum = 0, squares = 0, fourth = 0, uniformSum = 0;
  int below[7] = {};
  for (int i = 0; i < count; i++) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
    uniformSum += random.uniform();
    below[random.integer(7)]++;
  }
  CHECK(std::fabs(sum / count) < 0.01);
  CHECK(std::fabs(squares / count - 1) < 0.01);
  CHECK(std::fabs(fourth / count - 3) < 0.08);
  CHECK(std::fabs(uniformSum / count - 0.5) < 0.003);
  for (int bucket : below) CHECK(std::fabs(bucket - count / 7.0) < 5 * std::sqrt(count / 7.0));
}

}  // namespace

int main() {
  knownAnswer({{0, 0}}, {{0, 0, 0, 0}}, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
  knownAnswer({{~0u, ~0u}}, {{~0u, ~0u, ~0u, ~0u}}, {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
  knownAnswer({{0xa4093822, 0x299f31d0}}, {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
              {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});
  streamValues();
  moments();
  return check::finish();
}
