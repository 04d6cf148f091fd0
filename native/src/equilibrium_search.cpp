#include "equilibrium_search.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "equilibrium_stop.hpp"

namespace intermodel {
namespace {

constexpr std::size_t kMostPacked = std::size_t{1}
                                    << 26;  // doubles of packed Hessians, 512 MB: above, H stays as it is
constexpr double kWorthAThread = 1 << 18;   // multiplications of a step; below, two threads are slower

}  // namespace

bool fitsRows(const PeerHessians& form, const SearchSettings& settings) {
  if (form.n == 0 || settings.epsilon > 0.0 || settings.method == SearchMethod::kSoftmax) return false;
  const std::size_t square = form.n * form.n;
  const std::size_t packed =
      form.storage == HessianStorage::kDense ? square * (form.n + 1) / 2 : form.n * form.stride();
  return packed <= kMostPacked;
}

SearchRows::SearchRows(const KernelTable& kernels, int threads, const PeerHessians& form,
                       const SearchSettings& settings, const SearchGame& game)
    : kernels_(kernels.rows),
      ranking_(kernels.ranking),
      settings_(settings),
      game_(game),
      n_(form.n),
      lanes_(static_cast<std::size_t>(kernels.lanes)),
      area_(0),
      scratchLength_((kernels.rows.scratchLength(form) + 7) / 8 * 8),
      threads_(1),
      memory_([&] {
        const std::size_t groups = (form.n + lanes_ - 1) / lanes_, padded = (groups * lanes_ + 7) / 8 * 8;
        const double work = static_cast<double>(groups) * static_cast<double>(kernels.rows.packedLength(form)) +
                            16.0 * static_cast<double>(form.n * form.n) +
                            (form.own ? 0.0
                                      : static_cast<double>(form.n * form.n) *
                                            static_cast<double>(form.rank > 0 ? 2 * form.rank : form.n));
        threads_ = work < kWorthAThread ? 1 : std::min(threads, static_cast<int>(groups));
        area_ = (groups * form.n * lanes_ + 7) / 8 * 8;
        const std::size_t matrix = (form.n * form.n + 7) / 8 * 8;
        return 7 * area_ + matrix + 3 * padded + padded + 2 * padded + 3 * padded +
               static_cast<std::size_t>(threads_) * scratchLength_ + groups * kernels.rows.packedLength(form) + 64;
      }()) {
  const std::size_t groups = (n_ + lanes_ - 1) / lanes_, padded = (groups * lanes_ + 7) / 8 * 8, square = n_ * n_;
  double* at = memory_.data();
  const auto take = [&at](std::size_t count) {
    double* part = at;
    at += (count + 7) / 8 * 8;
    return part;
  };
  s_.n = n_;
  s_.groups = groups;
  s_.form = form;
  s_.data = game.hessian;
  s_.weights = take(area_);
  s_.next = take(area_);
  s_.gradient = take(area_);
  s_.companion = take(area_);
  s_.previous = take(area_);
  s_.snapshot = take(area_);
  s_.reference = take(area_);
  s_.matrix = take(square);
  s_.stake = take(padded);
  s_.slope = take(padded);
  s_.bonus = take(padded);
  s_.shift = take(padded);
  residuals_ = take(padded);
  distances_ = take(padded);
  sums_ = take(3 * padded);
  scratch_ = take(static_cast<std::size_t>(threads_) * scratchLength_);
  s_.packedLength = kernels_.packedLength(form);
  double* packed = take(groups * s_.packedLength);
  s_.packed = packed;

  const double count = static_cast<double>(n_);
  const GameTerms& terms = game.terms;
  s_.inverse = 1.0 / terms.temperature;
  s_.lossFactor = terms.lossFactor;
  s_.open = terms.openDiagonal;
  s_.clip = terms.clip;
  const double ownShare = terms.exactShift ? (count - 1.0) / count : 1.0;
  for (std::size_t i = 0; i < groups * lanes_; i++) {
    const double stake = i < n_ ? game.stake[i] : 0.0;
    s_.stake[i] = stake;
    s_.slope[i] = stake * ownShare * s_.inverse;
    s_.bonus[i] = terms.rankFactor * (stake / count);
  }
  const double* state = game.state;
  kernels_.intoLanes(state, s_.weights, n_);
  kernels_.intoLanes(state + square, s_.companion, n_);
  kernels_.intoLanes(state + 2 * square, s_.previous, n_);
  kernels_.intoLanes(state + 3 * square, s_.snapshot, n_);
  kernels_.intoLanes(game.referenceMask, s_.reference, n_);
  std::copy(state, state + square, s_.matrix);
  scalars_ = game.state + 4 * square;
  if (s_.packedLength > 0) {
    parallelFor(threads_, groups,
                [&](std::size_t group) { kernels_.pack(s_, group, packed + group * s_.packedLength); });
  }
}

void SearchRows::store() {
  const std::size_t square = n_ * n_;
  double* state = game_.state;
  kernels_.outOfLanes(s_.weights, state, n_);
  kernels_.outOfLanes(s_.snapshot, state + 3 * square, n_);
  if (settings_.method != SearchMethod::kSpectral) return;
  kernels_.outOfLanes(s_.companion, state + square, n_);
  kernels_.outOfLanes(s_.previous, state + 2 * square, n_);
}

std::uint64_t SearchRows::run(std::uint64_t steps, const std::function<bool(std::uint64_t)>& stop) {
  std::uint64_t made = 0;
  WorkTeam team(threads_);
  team.run([&](WorkTeam& mine) {
    while (made < steps && step(mine)) {
      ++made;
      if (stop(1)) return;
    }
  });
  return made;
}

/// One step; false when the run has ended.
bool SearchRows::step(WorkTeam& team) {
  if (scalars_[kOutcome] != 0.0) return false;
  const double step = scalars_[kStep];
  const bool isDue = isCheckDue(step, settings_);
  const bool isSpectral = settings_.method == SearchMethod::kSpectral;
  ranking_.columnMeans(s_.matrix, s_.stake, n_, n_, static_cast<double>(n_), 0, n_, s_.shift);
  gradients(team, isDue, isSpectral);
  if (hasEnded(isDue)) return false;
  if (isSpectral) {
    const double rate = step > 0.0 ? spectralRate() : settings_.rate;
    scalars_[kRate] = rate;
    team.phase(s_.groups, [&](std::size_t group, int thread) {
      kernels_.move(s_, group, rate, scratch_ + static_cast<std::size_t>(thread) * scratchLength_);
    });
  }
  turnOver();
  scalars_[kStep] = step + 1.0;
  return true;
}

/// The gradient of every group with what is asked of it, and, where the rate is known, the rows after the step: they
/// count only if the run continues.
void SearchRows::gradients(WorkTeam& team, bool isDue, bool isSpectral) {
  team.phase(s_.groups, [&](std::size_t group, int thread) {
    double* scratch = scratch_ + static_cast<std::size_t>(thread) * scratchLength_;
    kernels_.gradient(s_, group, scratch);
    if (isDue) residuals_[group] = kernels_.residual(s_, group, scratch);
    distances_[group] = kernels_.distance(s_, group);
    if (isSpectral)
      kernels_.spectralSums(s_, group, sums_);
    else
      kernels_.move(s_, group, settings_.rate, scratch);
  });
}

void SearchRows::turnOver() {
  if (settings_.method == SearchMethod::kSpectral) {
    std::swap(s_.gradient, s_.companion);
    std::swap(s_.previous, s_.weights);
  }
  std::swap(s_.weights, s_.next);
}

bool SearchRows::hasEnded(bool isDue) {
  if (isDue) {
    double residual = 0.0;
    for (std::size_t group = 0; group < s_.groups; group++)
      if (!(residuals_[group] <= residual)) residual = residuals_[group];
    if (endsAt(residual, settings_, scalars_)) return true;
  }
  const auto takeSnapshot = [&] { std::memcpy(s_.snapshot, s_.weights, s_.groups * n_ * lanes_ * sizeof(double)); };
  const auto distance = [&] {
    double most = 0.0;
    for (std::size_t group = 0; group < s_.groups; group++) most = std::max(most, distances_[group]);
    return most;
  };
  return endsInCycle(settings_, scalars_, takeSnapshot, distance);
}

double SearchRows::spectralRate() const {
  const std::size_t padded = s_.groups * lanes_;
  double ss = 0.0, sy = 0.0, yy = 0.0;
  for (std::size_t i = 0; i < n_; i++) {
    ss += sums_[i];
    sy += sums_[padded + i];
    yy += sums_[2 * padded + i];
  }
  double rate = scalars_[kRate] * 2.0;
  if (sy > 0.0) rate = static_cast<std::uint64_t>(scalars_[kStep]) % 2 == 1 ? ss / sy : sy / yy;
  return std::min(std::max(rate, settings_.leastRate), settings_.largestRate);
}

}  // namespace intermodel
