/// What this machine can do at most on one thread: fused multiply-adds a second, and bytes read a second from arrays of several sizes.
/// Compiled by the benchmark suite for the machine it runs on; prints JSON. Usage: limits SECONDS
#include <ctime>
#include <cstdio>
#include <cstdlib>
#include <vector>

static double now() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

static volatile double sink;

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#else
constexpr int kBytes = 32;
#endif

template <class T>
double multiplyAdds() {
  typedef T Vector __attribute__((vector_size(kBytes)));
  constexpr int kChains = 12;
  Vector chain[kChains];
  for (int c = 0; c < kChains; c++) chain[c] = Vector{} + T(c);
  Vector a = Vector{} + T(0.999999), b = Vector{} + T(1e-6);
  for (int c = 0; c < kChains; c++) asm volatile("" : "+x"(chain[c]));
  const long rounds = 200000;
  const double begin = now();
  for (long r = 0; r < rounds; r++) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; c++) chain[c] = chain[c] * a + b;
    asm volatile("" : "+x"(a), "+x"(b));
  }
  const double used = now() - begin;
  T sum = 0;
  for (int c = 0; c < kChains; c++) sum += chain[c][0];
  sink = double(sum);
  return 2.0 * double(kBytes / sizeof(T)) * kChains * double(rounds) / used;
}

double bytesRead(std::size_t bytes) {
  typedef double Vector __attribute__((vector_size(kBytes), aligned(8), may_alias));
  const std::size_t count = bytes / sizeof(Vector) / 8 * 8;
  static std::vector<double> area;
  if (area.size() < bytes / 8 + 64) area.assign(bytes / 8 + 64, 1.0);
  const Vector* data = reinterpret_cast<const Vector*>(area.data());
  Vector sum[8] = {};
  const std::size_t passes = (std::size_t{1} << 28) / bytes + 1;
  const double begin = now();
  for (std::size_t p = 0; p < passes; p++) {
    for (std::size_t k = 0; k < count; k += 8)
      for (std::size_t c = 0; c < 8; c++) sum[c] += data[k + c];
    asm volatile("" ::: "memory");
  }
  const double used = now() - begin;
  for (auto& s : sum) sink = s[0];
  return double(passes) * double(count * sizeof(Vector)) / used;
}

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 2.0;
  const std::size_t sizes[] = {std::size_t{1} << 14, std::size_t{1} << 18, std::size_t{1} << 22, std::size_t{1} << 28};
  double f64 = 0, f32 = 0, read[4] = {};
  const double begin = now();
  do {
    const double a = multiplyAdds<double>(), b = multiplyAdds<float>();
    f64 = a > f64 ? a : f64;
    f32 = b > f32 ? b : f32;
    for (int s = 0; s < 4; s++) {
      const double found = bytesRead(sizes[s]);
      read[s] = found > read[s] ? found : read[s];
    }
  } while (now() - begin < seconds);
  std::printf("{\"f64\": %.4g, \"f32\": %.4g, \"read\": [", f64, f32);
  for (int s = 0; s < 4; s++) std::printf("%s{\"bytes\": %zu, \"rate\": %.4g}", s ? ", " : "", sizes[s], read[s]);
  std::printf("]}\n");
}
