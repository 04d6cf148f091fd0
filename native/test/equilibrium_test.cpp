/// Equilibria: no participant of a game that converged gains by moving its row, by the payoff written out; one with a
/// known equilibrium; and the same weights in lanes, in row groups and alone on threads.
#include <cmath>
#include <vector>

#include "check.hpp"
#include "equilibrium_batch.hpp"
#include "intermodel/dispatch.hpp"
#include "random.hpp"

using namespace intermodel;

namespace {

using Numbers = std::vector<double>;
constexpr double kTemperature = 3.0;

struct Never final : RunWatch {
  bool cancelled() const override { return false; }
  void advance(std::uint64_t) override {}
};

struct Problem {
  size_t n;
  double lossFactor, rankFactor;
  Numbers diagonal, stake;  ///< h_j of all participants
};

/// What participant i earns with these weights: lossFactor sum_j h_j (1 - m_ij)^2 + rankFactor R_i.
double payoffOf(const Problem& p, const Numbers& w, size_t i) {
  const size_t n = p.n;
  double loss = 0.0, own = 0.0;
  for (size_t j = 0; j < n; j++) {
    double mean = 0.0;
    for (size_t k = 0; k < n; k++) mean += p.stake[k] * w[k * n + j] / static_cast<double>(n);
    const double closed = 1.0 - 1.0 / (1.0 + std::exp(-(p.stake[i] * w[i * n + j] - mean) / kTemperature));
    loss += p.diagonal[j] * closed * closed;
    if (j == i) own = mean;
  }
  return p.lossFactor * loss + p.rankFactor * own;
}

struct Solved {
  Numbers weights;
  SearchOutcome outcome;
};

/// `count` copies of the game, so that lanes are used where the library would; the first one.
Solved solve(const Problem& p, const KernelTable& kernels, size_t count, int threads, SearchMethod method,
             double checkEvery) {
  const size_t n = p.n;
  Numbers stake, reference(count * n * n, 1.0), terms;
  for (size_t k = 0; k < count; k++) {
    stake.insert(stake.end(), p.stake.begin(), p.stake.end());
    for (const double term : {kTemperature, p.lossFactor, p.rankFactor, 0.0, 0.0, 0.0}) terms.push_back(term);
  }
  const Numbers settings{
      static_cast<double>(static_cast<int>(method)), 0.5, 1e-3, 1e3, 1e-9, 20000.0, checkEvery, 0.0, 0.0};
  const std::vector<std::int32_t> index(count, 0);
  GameBatch batch({.hessians = {p.diagonal},
                   .hessianIndex = index,
                   .stake = stake,
                   .referenceMask = reference,
                   .terms = terms,
                   .settings = settings,
                   .form = {p.diagonal.data(), HessianStorage::kDiagonal, 0, false, n},
                   .count = count});
  const size_t length = stateLength(n), square = n * n;
  for (size_t k = 0; k < count; k++)
    for (size_t at = 0; at < square; at++) batch.states()[k * length + at] = 1.0 / static_cast<double>(n);
  for (size_t k = 0; k < count; k++) batch.states()[k * length + 4 * square + kRate] = 0.5;
  Never watch;
  batch.run(kernels, threads, 20001, watch);
  const double* state = batch.states().data();
  return {Numbers(state, state + square), static_cast<SearchOutcome>(static_cast<int>(state[4 * square + kOutcome]))};
}

/// Small moves of weight from one peer to another gain nothing.
void noMoveGains(const Problem& p, const Solved& solved) {
  CHECK(solved.outcome == SearchOutcome::kConverged);
  const size_t n = p.n;
  const double h = 1e-3;
  for (size_t i = 0; i < n; i++) {
    double sum = 0.0;
    for (size_t j = 0; j < n; j++) sum += solved.weights[i * n + j];
    CHECK(std::fabs(sum - 1.0) < 1e-12);
    const double before = payoffOf(p, solved.weights, i);
    for (size_t from = 0; from < n; from++) {
      for (size_t to = 0; to < n; to++) {
        if (from == to || solved.weights[i * n + from] < h) continue;
        Numbers moved = solved.weights;
        moved[i * n + from] -= h;
        moved[i * n + to] += h;
        CHECK(payoffOf(p, moved, i) <= before + 1e-8);
      }
    }
  }
}

}  // namespace

int main() {
  for (const IsaChoice& isa : listIsas()) {
    if (isa.kernels == nullptr) continue;
    RandomStream random(13, nullptr, 0);
    for (const size_t n : {2, 3, 5}) {
      Problem p{n, -2.0, 0.3, Numbers(n), Numbers(n)};
      for (double& v : p.diagonal) v = 0.5 + random.uniform();
      for (double& v : p.stake) v = 1.0 + random.uniform();
      const Solved spectral = solve(p, *isa.kernels, 1, 1, SearchMethod::kSpectral, 10.0);
      noMoveGains(p, spectral);
      const Solved plain = solve(p, *isa.kernels, 1, 1, SearchMethod::kProjectedGradient, 10.0);
      noMoveGains(p, plain);
      for (const size_t count : {3, 9}) {
        const Solved lanes = solve(p, *isa.kernels, count, 3, SearchMethod::kSpectral, 10.0);
        CHECK(lanes.weights == spectral.weights && lanes.outcome == spectral.outcome);
      }
      // without a loss only the own rank pays: every row turns to its author
      const Problem vain{n, 0.0, 1.0, p.diagonal, p.stake};
      const Solved selfish = solve(vain, *isa.kernels, 1, 1, SearchMethod::kSpectral, 1.0);
      CHECK(selfish.outcome == SearchOutcome::kConverged);
      for (size_t at = 0; at < n * n; at++)
        CHECK(std::fabs(selfish.weights[at] - (at / n == at % n ? 1.0 : 0.0)) < 1e-9);
    }
  }
  return check::finish();
}
