/// Masks, payoffs, projections and games of a module against the CPU.
#include <string>
#include <vector>

#include "cuda_cases.hpp"
#include "equilibrium_batch.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"

using namespace intermodel;

namespace {

struct Mechanism {
  size_t n;
  std::vector<double> weights, stake, gradient, reference, derivative;
  std::vector<std::vector<double>> hessians;  // dense, shared, low rank, shared low rank, diagonal, shared diagonal
};

constexpr size_t kRank = 3;
const HessianStorage kStorages[] = {HessianStorage::kDense,   HessianStorage::kShared,   HessianStorage::kLowRank,
                                    HessianStorage::kLowRank, HessianStorage::kDiagonal, HessianStorage::kDiagonal};

PeerHessians formAt(const Mechanism& mechanism, size_t k) {
  const HessianStorage storage = kStorages[k];
  return {mechanism.hessians[k].data(), storage, storage == HessianStorage::kLowRank ? kRank : 0,
          k == 0 || k == 2 || k == 4, mechanism.n};
}

Mechanism randomMechanism(RandomStream& random, size_t n) {
  Mechanism mechanism{n, {}, {}, normals(random, n * n, 1.0), {}, normals(random, n * n, 0.3), {}};
  for (size_t k = 0; k < n * n; k++) mechanism.weights.push_back(random.uniform());
  for (size_t i = 0; i < n; i++) {
    double sum = 0.0;
    for (size_t j = 0; j < n; j++) sum += mechanism.weights[i * n + j];
    for (size_t j = 0; j < n; j++) mechanism.weights[i * n + j] /= sum;
    mechanism.stake.push_back(random.uniform() + 0.1);
  }
  for (size_t k = 0; k < n * n; k++) mechanism.reference.push_back(random.uniform());
  for (size_t k = 0; k < 6; k++) {
    const PeerHessians form{nullptr, kStorages[k], kRank, k == 0 || k == 2 || k == 4, n};
    const bool matrix = k < 2;
    std::vector<double> data = normals(random, (form.own ? n : 1) * (matrix ? n * n : k < 4 ? kRank * n : n), 1.0);
    for (size_t at = 0; matrix && at < data.size(); at += n * n)
      for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) data[at + i * n + j] = data[at + j * n + i];
    mechanism.hessians.push_back(std::move(data));
  }
  return mechanism;
}

/// Everything of the mechanism on the CPU, or on the host form.
std::vector<double> mechanismOf(const Mechanism& m, IntermodelSession* session) {
  const KernelTable& kernels = *bestIsa().kernels;
  const size_t n = m.n;
  std::vector<double> mask(n * n), derivative(n * n), shift(n), dead(1), all;
  const auto keep = [&all](const std::vector<double>& part) { all.insert(all.end(), part.begin(), part.end()); };
  for (const bool open : {false, true}) {
    if (session == nullptr) {
      const double count = static_cast<double>(n);
      kernels.ranking.columnMeans(m.weights.data(), m.stake.data(), n, n, count, 0, n, shift.data());
      dead[0] = 0.0;
      for (size_t i = 0; i < n; i++) {
        const MaskRow row{m.weights.data() + i * n,
                          shift.data(),
                          m.stake[i],
                          1.0 / 0.01,
                          m.stake[i] * ((count - 1.0) / count) * (1.0 / 0.01),
                          open ? i : kNoOpenEntry};
        dead[0] +=
            static_cast<double>(kernels.competition.maskRow(row, mask.data() + i * n, derivative.data() + i * n, n));
      }
    } else {
      CHECK(api->mask(session, mask.data(), derivative.data(), shift.data(), dead.data(), m.weights.data(),
                      m.stake.data(), 0.01, 1, open ? 1 : 0, n) == INTERMODEL_CUDA_OK);
    }
    for (const auto* part : {&mask, &derivative, &shift, &dead}) keep(*part);
  }
  std::vector<double> gradient(n * n), loss(n), out(n * n), gap(n), natural(n), regret(n);
  for (size_t k = 0; k < 6; k++) {
    const PeerHessians form = formAt(m, k);
    if (session == nullptr) {
      std::vector<double> scratch(kernels.payoff.weightGradientScratch(form, n) + 1);
      kernels.payoff.weightGradientRows(form, m.weights.data(), m.derivative.data(), m.reference.data(),
                                        gradient.data(), loss.data(), 0, n, scratch.data());
    } else {
      const IntermodelHessians given{form.data, m.hessians[k].size(), static_cast<int32_t>(form.storage),
                                     form.rank, form.own ? 1 : 0,     n};
      CHECK(api->weight_gradient(session, &given, gradient.data(), loss.data(), m.weights.data(), m.derivative.data(),
                                 m.reference.data()) == INTERMODEL_CUDA_OK);
    }
    keep(gradient);
    keep(loss);
  }
  const double epsilon = 0.05;
  std::vector<double> scratch(3 * n + 1);
  for (int part = 0; part < 5; part++) {
    for (size_t i = 0; session == nullptr && i < n; i++) {
      const double *w = m.weights.data() + i * n, *g = m.gradient.data() + i * n;
      if (part == 0) kernels.payoff.payoffRow(g, m.stake[i], 2.0, 3.0, i, out.data() + i * n, n);
      if (part == 1) kernels.projection.projectRow(g, 0.001, out.data() + i * n, n);
      if (part == 2) kernels.projection.boundedStepRow(w, g, epsilon, out.data() + i * n, scratch.data(), n);
      if (part == 3) {
        const RowResiduals found = kernels.projection.residualsRow(w, g, epsilon, scratch.data(), n);
        gap[i] = found.gap;
        natural[i] = found.natural;
        regret[i] = found.regret;
      }
    }
    if (session == nullptr && part == 4)
      kernels.ranking.columnMeans(m.weights.data(), nullptr, n, n, 3.0, 0, n, shift.data());
    if (session != nullptr) {
      const int32_t status =
          part == 0   ? api->payoff_gradient(session, out.data(), m.gradient.data(), m.stake.data(), 2.0, 3.0, n)
          : part == 1 ? api->project(session, out.data(), m.gradient.data(), 0.001, n, n)
          : part == 2 ? api->bounded_step(session, out.data(), m.weights.data(), m.gradient.data(), epsilon, n, n)
          : part == 3 ? api->residuals(session, gap.data(), natural.data(), regret.data(), m.weights.data(),
                                       m.gradient.data(), epsilon, n, n)
                      : api->column_means(session, shift.data(), m.weights.data(), nullptr, n, n, 3.0);
      CHECK(status == INTERMODEL_CUDA_OK);
    }
    for (const auto* kept : {&out, &gap, &natural, &regret, &shift}) keep(*kept);
  }
  return all;
}

struct Unwatched final : RunWatch {
  bool cancelled() const override { return false; }
  void advance(uint64_t steps) override { made += steps; }
  uint64_t made = 0;
};

/// The states of three games after some steps, in two pieces.
std::vector<double> gamesOf(const Mechanism& m, size_t storage, double method, double epsilon, bool ordered,
                            uint64_t steps, IntermodelSession* session, size_t count = 3) {
  const size_t n = m.n, length = stateLength(n);
  const PeerHessians form = formAt(m, storage);
  std::vector<double> stake, reference, terms, states(count * length);
  const std::vector<double> settings{method, 0.05, 1e-3, 10.0, 0.0, 1e6, 3.0, 0.0, epsilon};
  const std::vector<int32_t> index(count, 0);
  std::vector<int32_t> orders;
  for (size_t i = 0; ordered && i < 2 * n; i++) orders.push_back(static_cast<int32_t>(i < n ? n - 1 - i : i - n));
  for (size_t k = 0; k < count; k++) {
    stake.insert(stake.end(), m.stake.begin(), m.stake.end());
    reference.insert(reference.end(), m.reference.begin(), m.reference.end());
    const double kind = static_cast<double>(k);
    terms.insert(terms.end(), {0.5 + kind, -1.0, 1.0, k == 1 ? 1.0 : 0.0, k == 2 ? 1.0 : 0.0, k == 1 ? 1.0 : 0.0});
    std::copy(m.weights.begin(), m.weights.end(), states.begin() + static_cast<std::ptrdiff_t>(k * length));
  }
  Unwatched watch;
  if (session == nullptr) {
    GameBatchArrays arrays{{std::span(m.hessians[storage])}, index, stake, reference, terms, settings, form, count};
    GameBatch batch(arrays);
    std::copy(states.begin(), states.end(), batch.states().begin());
    if (ordered) batch.setOrders(orders);
    batch.run(*bestIsa().kernels, 2, steps, watch);
    batch.run(*bestIsa().kernels, 2, 1, watch);
    states.assign(batch.states().begin(), batch.states().end());
  } else {
    const IntermodelHessians hessian{form.data, m.hessians[storage].size(), static_cast<int32_t>(form.storage),
                                     form.rank, form.own ? 1 : 0,           n};
    const IntermodelGameArrays arrays{
        &hessian, 1, index.data(), stake.data(), reference.data(), terms.data(), settings.data(), count, n};
    IntermodelGames* games = nullptr;
    CHECK(api->games_create(session, &arrays, &games) == INTERMODEL_CUDA_OK);
    CHECK(api->games_write(session, games, states.data()) == INTERMODEL_CUDA_OK);
    if (ordered) CHECK(api->games_orders(session, games, orders.data(), orders.size()) == INTERMODEL_CUDA_OK);
    const IntermodelWatch seen{&watch, [](void*) -> int32_t { return 0; },
                               [](void* context, uint64_t made) { static_cast<Unwatched*>(context)->advance(made); }};
    CHECK(api->games_run(session, games, steps, &seen) == INTERMODEL_CUDA_OK);
    CHECK(api->games_run(session, games, 1, &seen) == INTERMODEL_CUDA_OK);
    CHECK(api->games_read(session, games, states.data()) == INTERMODEL_CUDA_OK);
    api->games_free(session, games);
    double made = 0.0;
    for (size_t k = 0; k < count; k++) made += states[k * length + 4 * n * n + kStep];
    CHECK(static_cast<double>(watch.made) == made);
  }
  return states;
}

}  // namespace

void testMechanism() {
  RandomStream random(20261129, nullptr, 0);
  for (const size_t n : {1, 2, 7, 10, 33, 67}) {
    const Mechanism mechanism = randomMechanism(random, n);
    const std::vector<double> expected = mechanismOf(mechanism, nullptr);
    for (uint64_t schedule = 0; schedule <= schedules; schedule++) {
      const Session session(schedule);
      CHECK(same(expected, mechanismOf(mechanism, session.at)));
    }
    for (size_t storage = 0; storage < 6; storage++) {
      const double method = static_cast<double>((storage + n) % 3);
      const bool ordered = method == 0.0 && n < 30;
      const double epsilon = method == 0.0 && storage % 2 == 0 ? 0.01 : 0.0;
      const uint64_t steps = n > 30 ? 3 : 40;
      const std::vector<double> states = gamesOf(mechanism, storage, method, epsilon, ordered, steps, nullptr);
      for (uint64_t schedule = 0; schedule <= schedules; schedule += n > 30 ? 5 : 1) {
        const Session session(schedule);
        CHECK(same(states, gamesOf(mechanism, storage, method, epsilon, ordered, steps, session.at)));
        CHECK(api->held(session.at) == 0);
      }
    }
  }
}

/// One game too large for a block, whose dense Hessians are read by halves: sizes around tiles and panels.
void testLargeGame() {
  RandomStream random(20261132, nullptr, 0);
  for (const size_t n : {95, 96, 97, 128, 161}) {
    const Mechanism mechanism = randomMechanism(random, n);
    const double method = static_cast<double>(n % 3);
    for (const double epsilon : {0.0, method == 0.0 ? 0.01 : 0.0}) {
      const std::vector<double> states = gamesOf(mechanism, 0, method, epsilon, false, 3, nullptr, 1);
      for (uint64_t schedule = 0; schedule <= schedules; schedule += 4) {
        const Session session(schedule);
        CHECK(same(states, gamesOf(mechanism, 0, method, epsilon, false, 3, session.at, 1)));
      }
    }
    const Session barrierless(1, 0, 1);
    CHECK(schedules == 0 || !same(gamesOf(mechanism, 0, method, 0.0, false, 3, nullptr, 1),
                                  gamesOf(mechanism, 0, method, 0.0, false, 3, barrierless.at, 1)));
  }
}
