/// The empirical loss (14) and its gradient (19): every storage against the full matrix written out, and differences.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "check.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"
#include "random.hpp"

using namespace intermodel;

namespace {

using Numbers = std::vector<double>;

Numbers normals(RandomStream& random, size_t count) {
  Numbers x(count);
  for (double& v : x) v = random.normal();
  return x;
}

/// The full matrix [n, n] of one participant.
Numbers fullMatrix(const PeerHessians& form, size_t participant) {
  const size_t n = form.n;
  const double* own = form.data + participant * form.stride();
  Numbers h(n * n, 0.0);
  for (size_t i = 0; i < n; i++) {
    if (form.storage == HessianStorage::kDiagonal) h[i * n + i] = own[i];
    if (form.storage == HessianStorage::kDense || form.storage == HessianStorage::kShared)
      for (size_t j = 0; j < n; j++) h[i * n + j] = own[i * n + j];
    if (form.storage == HessianStorage::kLowRank)
      for (size_t j = 0; j < n; j++)
        for (size_t k = 0; k < form.rank; k++) h[i * n + j] += own[k * n + i] * own[k * n + j];
  }
  return h;
}

void gradients(const PayoffKernels& kernels, RandomStream& random, HessianStorage storage, bool own, size_t n) {
  const size_t rank = storage == HessianStorage::kLowRank ? 3 : 0;
  PeerHessians form{nullptr, storage, rank, own, n};
  PeerHessians one{nullptr, storage, rank, true, n};
  Numbers data = normals(random, one.stride() * (own ? n : 1));
  if (storage == HessianStorage::kDense || storage == HessianStorage::kShared)
    for (size_t at = 0; at < data.size(); at += n * n)
      for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) data[at + i * n + j] = data[at + j * n + i];
  form.data = data.data();
  const Numbers mask = normals(random, n * n), derivative = normals(random, n * n), reference = normals(random, n * n);
  Numbers gradient(n * n), loss(n);
  for (const size_t step : {size_t{1}, n}) {
    Numbers scratch(kernels.weightGradientScratch(form, step) + 8);
    for (size_t begin = 0; begin < n; begin += step)
      kernels.weightGradientRows(form, mask.data(), derivative.data(), reference.data(), gradient.data(), loss.data(),
                                 begin, std::min(n, begin + step), scratch.data());
    for (size_t i = 0; i < n; i++) {
      const Numbers h = fullMatrix(form, i);
      double form2 = 0.0, size = 1.0;
      for (size_t j = 0; j < n; j++) {
        double along = 0.0;
        for (size_t k = 0; k < n; k++) along += h[j * n + k] * (mask[i * n + k] - reference[i * n + k]);
        form2 += (mask[i * n + j] - reference[i * n + j]) * along;
        size += std::fabs((mask[i * n + j] - reference[i * n + j]) * along);
        CHECK(std::fabs(gradient[i * n + j] - 2.0 * along * derivative[i * n + j]) < 1e-12 * (1.0 + size));
      }
      CHECK(std::fabs(loss[i] - form2) < 1e-13 * size);
    }
  }
}

void others(const PayoffKernels& kernels, RandomStream& random, size_t n) {
  Numbers h = normals(random, n * n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) h[i * n + j] = h[j * n + i];
  CHECK(kernels.isSymmetric(h.data(), n));
  if (n > 1) {
    h[n - 1] = std::nextafter(h[n - 1], 1e9);
    CHECK(!kernels.isSymmetric(h.data(), n));
    h[n - 1] = h[(n - 1) * n];
  }
  h[n * n - 1] = std::numeric_limits<double>::infinity();
  CHECK(!kernels.isSymmetric(h.data(), n));

  const size_t batch = 3, width = 5;
  const Numbers slopes = normals(random, batch * n * width), responses = normals(random, batch * n * width);
  for (size_t j = 0; j < n; j++) {
    double sum = 0.0;
    for (size_t b = 0; b < batch; b++)
      for (size_t k = 0; k < width; k++) sum += slopes[(b * n + j) * width + k] * responses[(b * n + j) * width + k];
    CHECK(std::fabs(kernels.innerProduct(slopes.data(), responses.data(), batch, n, width, j) - sum) < 1e-13);
  }
  const Numbers lossGradient = normals(random, n);
  Numbers out(n);
  kernels.payoffRow(lossGradient.data(), 2.0, -3.0, 0.7, n - 1, out.data(), n);
  for (size_t j = 0; j < n; j++) {
    const double reward = j == n - 1 ? 0.7 * 2.0 / static_cast<double>(n) : 0.0;
    CHECK(std::fabs(out[j] - (-3.0 * lossGradient[j] + reward)) < 1e-14);
  }
}

}  // namespace

int main() {
  for (const IsaChoice& isa : listIsas()) {
    if (isa.kernels == nullptr) continue;
    RandomStream random(14, nullptr, 0);
    for (const size_t n : {1, 2, 7, 8, 9, 20}) {
      gradients(isa.kernels->payoff, random, HessianStorage::kDense, true, n);
      gradients(isa.kernels->payoff, random, HessianStorage::kShared, false, n);
      for (const bool own : {true, false}) {
        gradients(isa.kernels->payoff, random, HessianStorage::kLowRank, own, n);
        gradients(isa.kernels->payoff, random, HessianStorage::kDiagonal, own, n);
      }
      others(isa.kernels->payoff, random, n);
    }
  }
  return check::finish();
}
