#include "equilibrium_alone.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "equilibrium_stop.hpp"
#include "intermodel/thread_pool.hpp"

namespace intermodel {
namespace {

constexpr std::size_t kWorthAThread = 1 << 14;

/// Blocks of rows for a step whose work per row is about n^2.
std::size_t blocksFor(int threads, std::size_t n) {
  return std::max<std::size_t>(1, std::min({static_cast<std::size_t>(threads), n, n * n * n / kWorthAThread}));
}

}  // namespace

SearchAlone::SearchAlone(const KernelTable& kernels, int threads, const PeerHessians& form,
                         const SearchSettings& settings, const SearchGame& game,
                         const std::vector<std::int32_t>& orders)
    : kernels_(kernels),
      threads_(threads),
      form_(form),
      settings_(settings),
      game_(game),
      orders_(orders),
      n_(form.n),
      blocks_(blocksFor(threads, form.n)) {
  form_.data = game.hessian;
  const std::size_t square = n_ * n_;
  weights_ = game.state;
  companion_ = weights_ + square;
  previous_ = companion_ + square;
  snapshot_ = previous_ + square;
  scalars_ = snapshot_ + square;
  for (std::vector<double>* matrix : {&mask_, &derivative_, &gradient_, &lossGradient_, &moved_})
    matrix->resize(square);
  loss_.resize(n_);
  shift_.resize(n_);
  sums_.resize(3 * n_);
  const std::size_t rows = (n_ + blocks_ - 1) / blocks_;
  scratchLength_ = std::max(kernels.payoff.weightGradientScratch(form_, rows), 3 * n_);
  scratch_.resize(blocks_ * scratchLength_);
}

template <class Body>
void SearchAlone::forRows(Body body) {
  if (blocks_ == 1) return body(std::size_t{0}, n_, scratch_.data());
  parallelFor(threads_, blocks_, [&](std::size_t block) {
    body(n_ * block / blocks_, n_ * (block + 1) / blocks_, scratch_.data() + block * scratchLength_);
  });
}

bool SearchAlone::step() {
  if (scalars_[kOutcome] != 0.0) return false;
  ascentDirection(0, n_);
  if (hasEnded()) return false;
  update();
  scalars_[kStep] += 1.0;
  return true;
}

/// The payoff's gradient in rows begin .. end - 1; a single row is computed by the caller alone.
void SearchAlone::ascentDirection(std::size_t begin, std::size_t end) {
  const double count = static_cast<double>(n_);
  const GameTerms& terms = game_.terms;
  const double inverse = 1.0 / terms.temperature;
  const double ownShare = terms.exactShift ? (count - 1.0) / count : 1.0;
  kernels_.ranking.columnMeans(weights_, game_.stake, n_, n_, count, 0, n_, shift_.data());
  const auto rows = [&](std::size_t first, std::size_t last, double* scratch) {
    for (std::size_t i = first; i < last; i++) {
      const double stake = game_.stake[i];
      const MaskRow row{weights_ + i * n_,
                        shift_.data(),
                        stake,
                        inverse,
                        stake * ownShare * inverse,
                        terms.openDiagonal ? i : kNoOpenEntry};
      kernels_.competition.maskRow(row, mask_.data() + i * n_, derivative_.data() + i * n_, n_);
    }
    kernels_.payoff.weightGradientRows(form_, mask_.data(), derivative_.data(), game_.referenceMask,
                                       lossGradient_.data(), loss_.data(), first, last, scratch);
    for (std::size_t i = first; i < last; i++)
      kernels_.payoff.payoffRow(lossGradient_.data() + i * n_, game_.stake[i], terms.lossFactor, terms.rankFactor, i,
                                gradient_.data() + i * n_, n_);
  };
  if (end - begin < n_)
    rows(begin, end, scratch_.data());
  else
    forRows(rows);
}

bool SearchAlone::hasEnded() {
  if (isCheckDue(scalars_[kStep], settings_) && endsAt(largestResidual(), settings_, scalars_)) return true;
  const std::size_t square = n_ * n_;
  const auto distance = [&] {
    double most = 0.0;
    for (std::size_t at = 0; at < square; at++) most = std::max(most, std::fabs(weights_[at] - snapshot_[at]));
    return most;
  };
  return endsInCycle(
      settings_, scalars_, [&] { std::copy(weights_, weights_ + square, snapshot_); }, distance);
}

double SearchAlone::largestResidual() {
  forRows([&](std::size_t first, std::size_t last, double*) {
    for (std::size_t i = first; i < last; i++) {
      double* row = moved_.data() + i * n_;
      for (std::size_t j = 0; j < n_; j++) row[j] = weights_[i * n_ + j] + gradient_[i * n_ + j];
      kernels_.projection.projectRow(row, 0.0, row, n_);
      for (std::size_t j = 0; j < n_; j++) row[j] = row[j] - weights_[i * n_ + j];
      sums_[i] = std::sqrt(kernels_.arithmetic.treeDot(row, row, n_));
    }
  });
  double largest = 0.0;
  for (std::size_t i = 0; i < n_; i++)
    if (!(sums_[i] <= largest)) largest = sums_[i];
  return largest;
}

void SearchAlone::update() {
  if (!orders_.empty()) {
    const std::size_t turn = static_cast<std::uint64_t>(scalars_[kStep]) % (orders_.size() / n_);
    for (std::size_t at = turn * n_; at < (turn + 1) * n_; at++) {
      const auto i = static_cast<std::size_t>(orders_[at]);
      ascentDirection(i, i + 1);
      moveRows(settings_.rate, i, i + 1);
    }
    return;
  }
  if (settings_.method == SearchMethod::kSoftmax) {
    forRows([&](std::size_t first, std::size_t last, double*) { ascendLogits(first, last); });
    return;
  }
  double rate = settings_.rate;
  if (settings_.method == SearchMethod::kSpectral) {
    if (scalars_[kStep] > 0.0) rate = spectralRate();
    scalars_[kRate] = rate;
    std::copy(gradient_.begin(), gradient_.end(), companion_);
    std::copy(weights_, weights_ + n_ * n_, previous_);
  }
  forRows([&](std::size_t first, std::size_t last, double*) { moveRows(rate, first, last); });
}

double SearchAlone::spectralRate() {
  forRows([&](std::size_t first, std::size_t last, double* scratch) {
    double *s = scratch, *y = scratch + n_;
    for (std::size_t i = first; i < last; i++) {
      for (std::size_t j = 0, at = i * n_; j < n_; j++, at++) {
        s[j] = weights_[at] - previous_[at];
        y[j] = companion_[at] - gradient_[at];
      }
      sums_[3 * i] = kernels_.arithmetic.treeDot(s, s, n_);
      sums_[3 * i + 1] = kernels_.arithmetic.treeDot(s, y, n_);
      sums_[3 * i + 2] = kernels_.arithmetic.treeDot(y, y, n_);
    }
  });
  double ss = 0.0, sy = 0.0, yy = 0.0;
  for (std::size_t i = 0; i < n_; i++) {
    ss += sums_[3 * i];
    sy += sums_[3 * i + 1];
    yy += sums_[3 * i + 2];
  }
  double rate = scalars_[kRate] * 2.0;
  if (sy > 0.0) rate = static_cast<std::uint64_t>(scalars_[kStep]) % 2 == 1 ? ss / sy : sy / yy;
  return std::min(std::max(rate, settings_.leastRate), settings_.largestRate);
}

void SearchAlone::ascendLogits(std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; i++) {
    double *logits = companion_ + i * n_, *row = weights_ + i * n_;
    double largest = -std::numeric_limits<double>::infinity();
    for (std::size_t j = 0; j < n_; j++) {
      logits[j] = logits[j] + settings_.rate * gradient_[i * n_ + j];
      largest = std::max(largest, logits[j]);
    }
    for (std::size_t j = 0; j < n_; j++) logits[j] = std::max(logits[j] - largest, kLeastLogit);
    kernels_.arithmetic.exp(logits, row, n_);
    const double sum = kernels_.arithmetic.treeSum(row, n_);
    for (std::size_t j = 0; j < n_; j++) row[j] = row[j] / sum;
  }
}

void SearchAlone::moveRows(double rate, std::size_t begin, std::size_t end) {
  std::vector<double> scratch(settings_.epsilon > 0.0 ? 4 * n_ : 0);
  for (std::size_t i = begin; i < end; i++) {
    double* row = weights_ + i * n_;
    const double* gradient = gradient_.data() + i * n_;
    if (settings_.epsilon > 0.0) {
      double *steps = scratch.data(), *out = steps + n_;
      for (std::size_t j = 0; j < n_; j++) steps[j] = rate * gradient[j];
      kernels_.projection.boundedStepRow(row, steps, settings_.epsilon, out, out + n_, n_);
      std::copy(out, out + n_, row);
      continue;
    }
    for (std::size_t j = 0; j < n_; j++) row[j] = row[j] + rate * gradient[j];
    if (!game_.terms.clip) {
      kernels_.projection.projectRow(row, 0.0, row, n_);
      continue;
    }
    for (std::size_t j = 0; j < n_; j++) row[j] = row[j] > 0.0 ? row[j] : 0.0;
    const double sum = kernels_.arithmetic.treeSum(row, n_);
    for (std::size_t j = 0; j < n_; j++) row[j] = sum > 0.0 ? row[j] / sum : 1.0 / static_cast<double>(n_);
  }
}

}  // namespace intermodel
