/// Blocks of the empirical game, many games at a time.
#include "scenario_blocks.hpp"

#include "row_blocks.hpp"

namespace intermodel::addon {
namespace {

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
  BlockRules rules{};
  rules.temperature = args.number("temperature");
  rules.tau = args.number("tau");
  rules.norm = static_cast<EmissionNorm>(args.integer("norm", 0, 2));
  rules.ratingShare = args.number("ratingShare");
  rules.shiftRule = static_cast<ShiftRule>(args.integer("shiftRule", 0, 2));
  rules.least = args.number("least");
  rules.decay = args.number("decay");
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
  rules.blocks = blocks;
  rules.n = n;
  rules.players = players;
  std::fill(minted.begin(), minted.end(), 0.0);
  std::fill(losses.begin(), losses.end(), 0.0);
  const std::size_t width = n, people = players;
  const std::size_t work = checkedProduct(checkedProduct(blocks, width), width + people * people);
  forRowBlocks(
      engine.threads, games, rowBlocks(engine.threads, games, work),
      [&](std::size_t begin, std::size_t end, std::size_t) {
        BlockPlayer player(engine.kernels, rules);
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
