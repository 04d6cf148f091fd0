/// Blocks of the empirical game (14), many games at a time. The oracle is src/reference/scenario.ts; the kernels are
/// those of rankings, masks and Hessians.
#include <cmath>
#include <limits>

#include "curvature.hpp"
#include "row_blocks.hpp"

namespace intermodel::addon {
namespace {

enum class ShiftRule { kAll, kStaked, kEffective };

/// The rules of a market, the same in all games of a call.
struct Market {
  double temperature, tau, ratingShare, least, decay;
  EmissionNorm norm;
  ShiftRule shiftRule;
  std::size_t blocks, n, players;
};

/// One game: what it starts from, and where its outcome goes. Empty spans are left out.
struct Game {
  double *stakes, *minted, *losses, *ranking, *mask;
  const double *rows, *stake, *rating, *shift, *hessian, *carried;
  const std::int32_t *source, *owner;
};

double sumOf(const double* x, std::size_t n) {
  double sum = 0.0;
  for (std::size_t i = 0; i < n; i++) sum += x[i];
  return sum;
}

/// Plays one game after another; its memory is reused.
class Player {
 public:
  Player(const KernelTable& kernels, const Market& market)
      : kernels_(kernels),
        market_(market),
        rating_(market.n),
        relative_(market.n),
        shift_(market.n),
        slopes_(market.n),
        closed_(market.players),
        scratch_(market.players),
        smallest_(market.players) {}

  void play(const Game& game) {
    const std::size_t n = market_.n;
    std::copy(game.stake, game.stake + n, game.stakes);
    for (std::size_t block = 0; block < market_.blocks; block++) {
      const double* held = game.stakes + block * n;
      const double* rates = game.rating != nullptr ? game.rating : capped(held);
      const double count = static_cast<double>(n);
      kernels_.ranking.columnMeans(game.rows, rates, n, n, count, 0, n, game.ranking);
      const double total = sumOf(rates, n);
      for (std::size_t i = 0; i < n; i++)
        relative_[i] = total > 0.0 ? rates[i] * static_cast<double>(market_.players) / total : 0.0;
      maskOf(game, game.shift != nullptr ? game.shift : shiftOf(game.rows));
      if (game.hessian != nullptr) addLosses(game);
      double* paid = game.stakes + (block + 1) * n;
      kernels_.ranking.inflate(held, game.ranking, market_.tau, market_.norm, paid, n);
      for (std::size_t i = 0; i < n; i++) {
        game.minted[i] += paid[i] - held[i];
        paid[i] *= 1.0 - market_.decay;
      }
    }
  }

 private:
  const double* capped(const double* stake) {
    if (market_.ratingShare == 0.0) return stake;
    const double most = market_.ratingShare * sumOf(stake, market_.n);
    for (std::size_t i = 0; i < market_.n; i++) rating_[i] = stake[i] < most ? stake[i] : most;
    return rating_.data();
  }

  /// How many raters the shift counts.
  double counted() const {
    const double n = static_cast<double>(market_.n);
    if (market_.shiftRule == ShiftRule::kAll) return n;
    const double sum = sumOf(relative_.data(), market_.n);
    double count = 0.0, squares = 0.0;
    for (const double s : relative_) {
      count += s > 0.0 && s >= market_.least * (sum / n) ? 1.0 : 0.0;
      squares = std::fma(s, s, squares);
    }
    if (market_.shiftRule == ShiftRule::kStaked) return count;
    return squares > 0.0 ? sum * sum / squares : 1.0;
  }

  const double* shiftOf(const double* rows) {
    const double count = counted();
    if (count > 0.0)
      kernels_.ranking.columnMeans(rows, relative_.data(), market_.n, market_.n, count, 0, market_.n, shift_.data());
    else
      std::fill(shift_.begin(), shift_.end(), 0.0);
    return shift_.data();
  }

  void maskOf(const Game& game, const double* shift) {
    for (std::size_t i = 0; i < market_.n; i++) {
      const MaskRow row{game.rows + i * market_.n, shift, relative_[i], 1.0 / market_.temperature, 0.0, kNoOpenEntry};
      kernels_.competition.maskRow(row, game.mask + i * market_.n, slopes_.data(), market_.n);
    }
  }

  void addLosses(const Game& game) {
    const std::size_t n = market_.n, players = market_.players;
    constexpr double kNobody = std::numeric_limits<double>::infinity();
    std::fill(smallest_.begin(), smallest_.end(), kNobody);
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
      if (smallest_[p] < kNobody) game.losses[p] += smallest_[p];
  }

  const KernelTable& kernels_;
  const Market& market_;
  std::vector<double> rating_, relative_, shift_, slopes_, closed_, scratch_, smallest_;
};

void checkIndices(Args& args, const char* name, std::span<const std::int32_t> indices, std::size_t players) {
  for (const std::int32_t index : indices)
    if (index < 0 || static_cast<std::size_t>(index) >= players) args.fail("BTM_DOMAIN", name, "must name players");
}

/// playBlocks(stakes, minted, losses, ranking, mask, rows, stake, rating, shift, hessian, carried, source, owner,
/// temperature, tau, norm, ratingShare, shiftRule, least, decay, games, blocks, n, players)
Napi::Value playBlocks(const Engine& engine, Args& args) {
  const auto stakes = args.f64Out("stakes"), minted = args.f64Out("minted"), losses = args.f64Out("losses");
  const auto ranking = args.f64Out("ranking"), mask = args.f64Out("mask");
  const auto rows = args.f64("rows"), stake = args.f64("stake"), rating = args.f64("rating"), shift = args.f64("shift");
  const auto hessian = args.f64("hessian"), carried = args.f64("carried");
  const auto source = args.i32("source"), owner = args.i32("owner");
  Market market{};
  market.temperature = args.number("temperature");
  market.tau = args.number("tau");
  market.norm = static_cast<EmissionNorm>(args.integer("norm", 0, 2));
  market.ratingShare = args.number("ratingShare");
  market.shiftRule = static_cast<ShiftRule>(args.integer("shiftRule", 0, 2));
  market.least = args.number("least");
  market.decay = args.number("decay");
  Dim games = args.dim("games");
  const std::size_t blocks = args.size("blocks");
  Dim n = args.dim("n"), players = args.dim("players");
  Dim points(blocks + 1);
  args.expect("stakes", stakes, games, points, n);
  args.expect("minted", minted, games, n);
  args.expect("losses", losses, games, players);
  args.expect("ranking", ranking, games, n);
  args.expect("mask", mask, checkedProduct(games, n, n));
  args.expect("rows", rows, checkedProduct(games, n, n));
  args.expect("stake", stake, games, n);
  if (!rating.empty()) args.expect("rating", rating, games, n);
  if (!shift.empty()) args.expect("shift", shift, games, n);
  const std::size_t cube = checkedProduct(players, players, players);
  if (!hessian.empty()) args.expect("hessian", hessian, checkedProduct(games, cube));
  args.expect("carried", carried, games, n);
  args.expect("source", source, games, n);
  args.expect("owner", owner, games, n);
  checkIndices(args, "source", source, players);
  checkIndices(args, "owner", owner, players);
  market.blocks = blocks;
  market.n = n;
  market.players = players;
  std::fill(minted.begin(), minted.end(), 0.0);
  std::fill(losses.begin(), losses.end(), 0.0);
  const std::size_t width = n, people = players;
  const std::size_t work = checkedProduct(checkedProduct(blocks, width), width + people * people);
  forRowBlocks(
      engine.threads, games, rowBlocks(engine.threads, games, work),
      [&](std::size_t begin, std::size_t end, std::size_t) {
        Player player(engine.kernels, market);
        for (std::size_t g = begin; g < end; g++) {
          const auto at = [g](auto values, std::size_t size) {
            return values.empty() ? nullptr : values.data() + g * size;
          };
          player.play({at(stakes, (blocks + 1) * width), at(minted, width), at(losses, people), at(ranking, width),
                       at(mask, width * width), at(rows, width * width), at(stake, width), at(rating, width),
                       at(shift, width), at(hessian, cube), at(carried, width), at(source, width), at(owner, width)});
        }
      });
  return args.env().Undefined();
}

}  // namespace

void defineScenario(Methods& methods) { methods.add("playBlocks", playBlocks); }

}  // namespace intermodel::addon
