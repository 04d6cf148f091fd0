#include "scenario_blocks.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace intermodel {
namespace {

double sumOf(const double* x, std::size_t n) {
  double sum = 0.0;
  for (std::size_t i = 0; i < n; i++) sum += x[i];
  return sum;
}

}  // namespace

BlockPlayer::BlockPlayer(const KernelTable& kernels, const BlockRules& rules)
    : kernels_(kernels),
      rules_(rules),
      rating_(rules.n),
      relative_(rules.n),
      shift_(rules.n),
      slopes_(rules.n),
      closed_(rules.players),
      scratch_(rules.players),
      smallest_(rules.players) {}

void BlockPlayer::play(const BlockGame& game) {
  const std::size_t n = rules_.n;
  std::copy(game.stake, game.stake + n, game.stakes);
  for (std::size_t block = 0; block < rules_.blocks; block++) {
    const double* held = game.stakes + block * n;
    const double* rates = game.rating != nullptr ? game.rating : capped(held);
    const double count = static_cast<double>(n);
    kernels_.ranking.columnMeans(game.rows, rates, n, n, count, 0, n, game.ranking);
    const double total = sumOf(rates, n);
    for (std::size_t i = 0; i < n; i++)
      relative_[i] = total > 0.0 ? rates[i] * static_cast<double>(rules_.players) / total : 0.0;
    maskOf(game, game.shift != nullptr ? game.shift : shiftOf(game.rows));
    if (game.hessian != nullptr) addLosses(game);
    double* paid = game.stakes + (block + 1) * n;
    kernels_.ranking.inflate(held, game.ranking, rules_.tau, rules_.norm, paid, n);
    for (std::size_t i = 0; i < n; i++) {
      game.minted[i] += paid[i] - held[i];
      paid[i] *= 1.0 - rules_.decay;
    }
  }
}

const double* BlockPlayer::capped(const double* stake) {
  if (rules_.ratingShare == 0.0) return stake;
  const double most = rules_.ratingShare * sumOf(stake, rules_.n);
  for (std::size_t i = 0; i < rules_.n; i++) rating_[i] = stake[i] < most ? stake[i] : most;
  return rating_.data();
}

double BlockPlayer::counted() const {
  const double n = static_cast<double>(rules_.n);
  if (rules_.shiftRule == ShiftRule::kAll) return n;
  const double sum = sumOf(relative_.data(), rules_.n);
  double count = 0.0, squares = 0.0;
  for (const double s : relative_) {
    count += s > 0.0 && s >= rules_.least * (sum / n) ? 1.0 : 0.0;
    squares = std::fma(s, s, squares);
  }
  if (rules_.shiftRule == ShiftRule::kStaked) return count;
  return squares > 0.0 ? sum * sum / squares : 1.0;
}

const double* BlockPlayer::shiftOf(const double* rows) {
  const double count = counted();
  if (count > 0.0)
    kernels_.ranking.columnMeans(rows, relative_.data(), rules_.n, rules_.n, count, 0, rules_.n, shift_.data());
  else
    std::fill(shift_.begin(), shift_.end(), 0.0);
  return shift_.data();
}

void BlockPlayer::maskOf(const BlockGame& game, const double* shift) {
  for (std::size_t i = 0; i < rules_.n; i++) {
    const MaskRow row{game.rows + i * rules_.n, shift, relative_[i], 1.0 / rules_.temperature, 0.0, kNoOpenEntry};
    kernels_.competition.maskRow(row, game.mask + i * rules_.n, slopes_.data(), rules_.n);
  }
}

void BlockPlayer::addLosses(const BlockGame& game) {
  const std::size_t n = rules_.n, players = rules_.players;
  constexpr double kNoAccount = std::numeric_limits<double>::infinity();
  std::fill(smallest_.begin(), smallest_.end(), kNoAccount);
  for (std::size_t i = 0; i < n; i++) {
    std::fill(closed_.begin(), closed_.end(), -1.0);
    const double* open = game.mask + i * n;
    for (std::size_t j = 0; j < n; j++) {
      double& u = closed_[static_cast<std::size_t>(game.source[j])];
      u = std::fma(game.carried[j], open[j], u);
    }
    const auto owner = static_cast<std::size_t>(game.owner[i]);
    const double form = kernels_.curvature.quadraticForm(game.hessian + owner * players * players, closed_.data(),
                                                         players, kDense, 0, scratch_.data());
    if (form < smallest_[owner]) smallest_[owner] = form;
  }
  for (std::size_t p = 0; p < players; p++)
    if (smallest_[p] < kNoAccount) game.losses[p] += smallest_[p];
}

}  // namespace intermodel
