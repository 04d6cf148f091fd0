#include "equilibrium_batch.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <new>

#include "equilibrium_alone.hpp"
#include "equilibrium_search.hpp"
#include "intermodel/thread_pool.hpp"

namespace intermodel {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kLaneSizeOwn = 24;     // above: lanes of different Hessians no longer fit the second-level cache
constexpr std::size_t kLaneSizeShared = 64;  // one Hessian for all lanes
constexpr std::uint64_t kStepsBeforePacking = 4;
constexpr std::uint64_t kLargeStepsBeforePacking = 256;  // where H comes from memory, as the first touch of a copy does
constexpr std::size_t kLargePacked = std::size_t{1} << 24;  // doubles
constexpr std::uint64_t kSliceWork = 1 << 22;  // multiplications between looks at the cancel flag: milliseconds

}  // namespace

GameBatch::GameBatch(const GameBatchArrays& arrays)
    : form_(arrays.form),
      settings_(searchSettings(arrays.settings.data())),
      stake_(arrays.stake.begin(), arrays.stake.end()),
      referenceMask_(arrays.referenceMask.begin(), arrays.referenceMask.end()),
      states_(arrays.count * stateLength(arrays.form.n)),
      hessianIndex_(arrays.hessianIndex.begin(), arrays.hessianIndex.end()) {
  const std::size_t n = form_.n;
  for (std::size_t k = 0; k < arrays.count; k++) {
    const double* terms = arrays.terms.data() + k * kTerms;
    games_.push_back({.hessian = arrays.hessians[static_cast<std::size_t>(hessianIndex_[k])].data(),
                      .stake = stake_.data() + k * n,
                      .referenceMask = referenceMask_.data() + k * n * n,
                      .terms = {terms[0], terms[1], terms[2], terms[3] == 0.0, terms[4] == 1.0, terms[5] == 1.0},
                      .state = states_.data() + k * stateLength(n)});
  }
}

void GameBatch::setFactors(std::span<const double> loss, std::span<const double> rank) {
  for (std::size_t k = 0; k < games_.size(); k++) {
    games_[k].terms.lossFactor = loss[k];
    games_[k].terms.rankFactor = rank[k];
  }
}

bool GameBatch::fitsLanes(bool oneHessian) const {
  if (!orders_.empty() || settings_.epsilon > 0.0 || form_.n == 0) return false;
  const bool large = form_.own && form_.storage != HessianStorage::kDiagonal;
  return form_.n <= (large && !oneHessian ? kLaneSizeOwn : kLaneSizeShared);
}

/// Running games, those with one Hessian side by side, cut into vectors.
std::vector<LaneGroup> GameBatch::group(std::size_t lanes) const {
  std::map<std::int32_t, std::vector<std::size_t>> byHessian;
  for (std::size_t k = 0; k < games_.size(); k++)
    if (games_[k].state[4 * form_.n * form_.n + kOutcome] == 0.0) byHessian[hessianIndex_[k]].push_back(k);
  std::vector<LaneGroup> groups;
  std::vector<std::size_t> rest;
  const auto cut = [&](const std::vector<std::size_t>& members, std::size_t from, std::size_t to, bool oneHessian) {
    LaneGroup made{.form = form_, .games = {}, .count = to - from, .oneHessian = oneHessian};
    for (std::size_t k = from; k < to; k++) made.games[k - from] = games_[members[k]];
    groups.push_back(made);
  };
  for (const auto& [index, members] : byHessian) {
    std::size_t at = 0;
    for (; at + lanes <= members.size(); at += lanes) cut(members, at, at + lanes, true);
    if (2 * (members.size() - at) >= lanes) {
      cut(members, at, members.size(), true);
    } else {
      rest.insert(rest.end(), members.begin() + static_cast<std::ptrdiff_t>(at), members.end());
    }
  }
  for (std::size_t at = 0; at < rest.size(); at += lanes) cut(rest, at, std::min(at + lanes, rest.size()), false);
  return groups;
}

void GameBatch::runGroup(const KernelTable& kernels, const LaneGroup& group, std::uint64_t steps,
                         RunWatch& watch) const {
  const EquilibriumKernels& lanes = kernels.equilibrium;
  const std::size_t length = lanes.laneScratch(group);
  std::vector<double> memory(length + kAlignment / sizeof(double));
  void* start = memory.data();
  std::size_t space = memory.size() * sizeof(double);
  auto* scratch = static_cast<double*>(std::align(kAlignment, length * sizeof(double), start, space));
  lanes.loadLanes(group, scratch);
  const std::uint64_t work = std::max<std::uint64_t>(1, form_.n * form_.n * (form_.n + 64));
  const std::uint64_t slice = std::max<std::uint64_t>(1, kSliceWork / work);
  for (std::uint64_t left = steps; left > 0 && !watch.cancelled();) {
    const std::uint64_t now = std::min(left, slice);
    const std::size_t made = lanes.advanceLanes(group, settings_, now, scratch);
    watch.advance(made);
    left -= now;
    if (made < now) break;  // every game of the group has ended
  }
  lanes.storeLanes(group, scratch);
}

void GameBatch::runAlone(const KernelTable& kernels, int threads, const SearchGame& game, std::uint64_t steps,
                         RunWatch& watch) const {
  const bool inRows = orders_.empty() && fitsRows(form_, settings_);
  const auto lanes = static_cast<std::size_t>(kernels.lanes);
  const bool large = (form_.n + lanes - 1) / lanes * kernels.rows.packedLength(form_) > kLargePacked;
  const std::uint64_t before = large ? kLargeStepsBeforePacking : kStepsBeforePacking;
  std::uint64_t left = steps;
  {  // packing H is worth it from a few steps on; a run may end before
    SearchAlone search(kernels, threads, form_, settings_, game, orders_);
    for (std::uint64_t made = 0; left > 0 && !(inRows && made == before); left--, made++) {
      if (watch.cancelled() || !search.step()) return;
      watch.advance(1);
    }
  }
  if (left == 0) return;
  SearchRows search(kernels, threads, form_, settings_, game);
  search.run(left, [&watch](std::uint64_t made) {
    watch.advance(made);
    return watch.cancelled();
  });
  search.store();
}

void GameBatch::run(const KernelTable& kernels, int threads, std::uint64_t steps, RunWatch& watch) {
  const auto lanes = static_cast<std::size_t>(kernels.lanes);
  std::vector<LaneGroup> together;
  std::vector<SearchGame> alone;
  for (LaneGroup& candidate : group(lanes)) {
    if (fitsLanes(candidate.oneHessian) && 2 * candidate.count >= lanes)
      together.push_back(candidate);
    else
      alone.insert(alone.end(), candidate.games, candidate.games + candidate.count);
  }
  const std::size_t tasks = together.size() + alone.size();
  const int inner = tasks == 1 ? threads : 1;
  parallelFor(threads, tasks, [&](std::size_t task) {
    if (watch.cancelled()) return;
    if (task < together.size())
      runGroup(kernels, together[task], steps, watch);
    else
      runAlone(kernels, inner, alone[task - together.size()], steps, watch);
  });
}

}  // namespace intermodel
