/// Games of one size that stay on the device, advanced many steps a launch: a block to a game where games are many or
/// small, a launch to a stage where one is large.
#include <algorithm>

#include "calls.hpp"
#include "symmetric_pull.hpp"

using intermodel::gpu::Array;
using intermodel::gpu::GameData;

/// Games of the interface.
struct IntermodelGames {
  intermodel::PeerHessians form;
  intermodel::SearchSettings settings;
  std::vector<Array<double>> hessians;
  Array<double> stake, reference, states, work;
  std::vector<GameData> games;
  Array<GameData> onDevice;
  Array<int32_t> orders;  ///< [m, n], or empty
};

namespace intermodel::gpu {
namespace {

constexpr size_t kStepsALaunch = 32;
constexpr size_t kBlockGame = 64;  // up to this size a block takes a whole game
constexpr size_t kWorkALook = size_t{1} << 30;

struct StageArguments {
  const GameData* games;
  SearchSettings settings;
  Rows rows;
  const int32_t* orders;  ///< where not null, the one row is each game's own: at `position` of its turn's order
  size_t turns, position;
  size_t steps;
  Stage stage;

  INTERMODEL_BOTH Rows rowsOf(const GameData& game) const {
    if (orders == nullptr) return rows;
    const size_t turn = static_cast<uint64_t>(game.scalars[kStep]) % turns;
    return {static_cast<size_t>(orders[turn * game.form.n + position]), 1};
  }
};

/// One block, one game, `steps` steps of all stages: barriers within the block part them.
struct WholeGame {
  static constexpr int kThreads = 128;
  using Arguments = StageArguments;
  struct Shared {};
  struct Registers {};
  INTERMODEL_BOTH static size_t phases(const Arguments& a, const Place&) { return a.steps * kStages; }
  INTERMODEL_BOTH static void phase(size_t p, const Arguments& a, const Place& at, Shared&, Registers&) {
    runStage(static_cast<Stage>(p % kStages), a.games[at.x], a.settings, a.rows, {at.thread, kThreads});
  }
};

/// One stage of every game, a row of blocks to each: the end of the launch is the barrier.
struct OneStage {
  static constexpr int kThreads = 128;
  using Arguments = StageArguments;
  struct Shared {};
  struct Registers {};
  INTERMODEL_BOTH static size_t phases(const Arguments&, const Place&) { return 1; }
  INTERMODEL_BOTH static void phase(size_t, const Arguments& a, const Place& at, Shared&, Registers&) {
    const GameData& game = a.games[at.y];
    runStage(a.stage, game, a.settings, a.rowsOf(game), {at.x * kThreads + at.thread, at.columns * kThreads});
  }
};

/// What drives the stages of one call.
struct Drive {
  Machine& machine;
  IntermodelGames& games;
  StageArguments arguments;

  size_t n() const { return games.form.n; }

  void stage(Stage stage, size_t outputs) {
    const size_t most = std::max<size_t>(1, 16 * machine.processors() / games.games.size());
    const size_t blocks = (outputs + OneStage::kThreads - 1) / OneStage::kThreads;
    for (size_t first = 0; first < games.games.size(); first += Machine::kMostRows) {
      StageArguments part = arguments;
      part.stage = stage;
      part.games += first;
      machine.launch<OneStage>(std::clamp<size_t>(blocks, 1, most),
                               std::min(Machine::kMostRows, games.games.size() - first), part);
    }
  }

  void pullSymmetric() {
    for (size_t first = 0; first < games.games.size(); first += Machine::kMostRows) {
      const SymmetricPull::Arguments part{arguments.games + first};
      machine.launch<SymmetricPull>(n(), std::min(Machine::kMostRows, games.games.size() - first), part);
    }
  }

  void gradient(size_t rows) {
    stage(kShift, n());
    stage(kMask, rows * n());
    if (games.form.storage == HessianStorage::kLowRank) stage(kCoordinates, rows * games.form.rank);
    if (rows == n() && SymmetricPull::fits(games.form))
      pullSymmetric();
    else
      stage(kPull, rows * n());
  }

  /// One step of every game by launches.
  void step() {
    gradient(n());
    stage(kResiduals, n());
    stage(kDecide, 1);
    stage(kDistance, n());
    stage(kReturn, 1);
    stage(kSums, n());
    stage(kRates, 1);
    if (games.orders.size() == 0) {
      stage(kMove, n());
    } else {
      arguments.orders = games.orders.data();
      arguments.turns = games.orders.size() / n();
      for (arguments.position = 0; arguments.position < n(); arguments.position++) {
        gradient(1);
        stage(kMove, 1);
      }
      arguments.orders = nullptr;
    }
    stage(kCount, 1);
  }
};

/// Doubles of working space of one game.
size_t workOf(const PeerHessians& form, const SearchSettings& settings) {
  const size_t n = form.n;
  return 4 * n * n + n + n * form.rank + 3 * n + (settings.epsilon > 0.0 ? 2 * n * n : 0) + 3;
}

GameData gameAt(const IntermodelGames& games, const IntermodelGameArrays& arrays, size_t k) {
  const size_t n = arrays.n, square = n * n;
  const double* terms = arrays.terms + 6 * k;
  GameData g{};
  g.form = games.form;
  g.form.data = games.hessians[static_cast<size_t>(arrays.hessian_index[k])].data();
  g.stake = games.stake.data() + k * n;
  g.reference = games.reference.data() + k * square;
  g.terms = {terms[0], terms[1], terms[2], terms[3] == 0.0, terms[4] == 1.0, terms[5] == 1.0};
  double* at = games.states.data() + k * stateLength(n);
  double** const state[] = {&g.weights, &g.companion, &g.previous, &g.snapshot};
  for (double** part : state) *part = std::exchange(at, at + square);
  g.scalars = at;
  at = games.work.data() + k * workOf(games.form, games.settings);
  double** const work[] = {&g.gradient, &g.delta, &g.derivative, &g.moved};
  for (double** part : work) *part = std::exchange(at, at + square);
  g.shift = std::exchange(at, at + n);
  g.coordinates = std::exchange(at, at + n * games.form.rank);
  g.sums = std::exchange(at, at + 3 * n);
  if (games.settings.epsilon > 0.0) g.scratch = std::exchange(at, at + 2 * square);
  g.rate = at;
  g.takes = at + 1;
  g.made = at + 2;
  return g;
}

/// Updates made so far by all games, and whether any still runs.
struct Standing {
  double made;
  bool running;
};

Standing standingOf(Machine& machine, const IntermodelGames& games) {
  const size_t count = games.games.size();
  Array<double> found(machine, 2 * count);
  const GameData* from = games.onDevice.data();
  double* to = found.data();
  each(machine, count, [=] INTERMODEL_BOTH(size_t k) {
    to[2 * k] = *from[k].made;
    to[2 * k + 1] = from[k].scalars[kOutcome];
  });
  std::vector<double> all(2 * count);
  found.get(all.data());
  Standing standing{0.0, false};
  for (size_t k = 0; k < count; k++) {
    standing.made += all[2 * k];
    standing.running = standing.running || all[2 * k + 1] == 0.0;
  }
  return standing;
}

void clearMade(Machine& machine, const IntermodelGames& games) {
  const GameData* all = games.onDevice.data();
  each(machine, games.games.size(), [=] INTERMODEL_BOTH(size_t k) { *all[k].made = 0.0; });
}

}  // namespace

IntermodelGames* createGames(IntermodelSession& session, const IntermodelGameArrays& arrays) {
  Machine& machine = session.machine;
  auto games = std::make_unique<IntermodelGames>();
  const size_t n = arrays.n, count = arrays.count;
  games->settings = searchSettings(arrays.settings);
  for (size_t k = 0; k < arrays.hessian_count; k++) {
    const IntermodelHessians& h = arrays.hessians[k];
    games->form = formOf(h, nullptr);
    games->hessians.emplace_back(machine, h.data, h.length);
  }
  games->form.n = n;
  games->stake = Array<double>(machine, arrays.stake, count * n);
  games->reference = Array<double>(machine, arrays.reference_mask, count * n * n);
  games->states = Array<double>(machine, std::vector<double>(count * stateLength(n)).data(), count * stateLength(n));
  games->work = Array<double>(machine, count * workOf(games->form, games->settings));
  for (size_t k = 0; k < count; k++) games->games.push_back(gameAt(*games, arrays, k));
  games->onDevice = Array<GameData>(machine, games->games.data(), count);
  return games.release();
}

void freeGames(IntermodelGames* games) { delete games; }

void runGames(IntermodelSession& session, IntermodelGames& games, uint64_t steps, const IntermodelWatch& watch) {
  if (games.games.empty()) return;
  Machine& machine = session.machine;
  const size_t n = games.form.n, count = games.games.size();
  const bool ordered = games.orders.size() > 0;
  StageArguments arguments{games.onDevice.data(), games.settings, {0, n}, nullptr, 1, 0, 0, kShift};
  if (ordered) arguments.settings.method = SearchMethod::kProjectedGradient;  // rows in turn know no other
  Drive drive{machine, games, arguments};
  const bool whole = !ordered && (n <= kBlockGame || count >= machine.processors());
  // between two looks at the watch: a few milliseconds of work
  const size_t apart = std::clamp<size_t>(kWorkALook / (n * n * n * count + 1), 1, kStepsALaunch);
  clearMade(machine, games);
  Standing before = standingOf(machine, games);
  for (uint64_t left = steps; left > 0 && before.running && watch.cancelled(watch.context) == 0;) {
    const size_t now = static_cast<size_t>(std::min<uint64_t>(left, whole ? kStepsALaunch : apart));
    if (whole) {
      arguments.steps = now;
      machine.launch<WholeGame>(count, 1, arguments);
    } else {
      for (size_t k = 0; k < now; k++) drive.step();
    }
    const Standing after = standingOf(machine, games);
    watch.advance(watch.context, static_cast<uint64_t>(after.made - before.made));
    before = after;
    left -= now;
  }
}

void readGames(IntermodelSession&, IntermodelGames& games, double* states) { games.states.get(states); }
void writeGames(IntermodelSession&, IntermodelGames& games, const double* states) { games.states.set(states); }

void setFactors(IntermodelSession&, IntermodelGames& games, const double* loss, const double* rank) {
  for (size_t k = 0; k < games.games.size(); k++) {
    games.games[k].terms.lossFactor = loss[k];
    games.games[k].terms.rankFactor = rank[k];
  }
  games.onDevice.set(games.games.data());
}

void setOrders(IntermodelSession& session, IntermodelGames& games, const int32_t* rows, size_t length) {
  games.orders = Array<int32_t>(session.machine, rows, length);
}

}  // namespace intermodel::gpu
