#include <vector>

#include "ranges.hpp"

namespace intermodel::addon {
namespace {

constexpr std::size_t kElementsPerRange = 4096;  // less is not worth waking a thread

/// scores and answered, whose sizes are the call's last arguments.
GateArguments takeGate(Args& args, Dim& k, Dim& batch, Dim& peers) {
  GateArguments a{};
  const std::size_t length = lengthOf(batch, peers);
  if (k.asked() < 1 || k.asked() > peers.asked()) args.fail("BTM_DOMAIN", "k", "must be between 1 and peers");
  a.scores = args.f64("scores", length).data();
  a.answered = args.i32("answered", length).data();
  a.k = k;
  a.peers = peers;
  return a;
}

/// gate(weights, selected, scores, answered, k, batch, peers)
Napi::Value gate(const Engine& engine, Args& args) {
  Dim k = args.dimAt(4, "k"), batch = args.dimAt(5, "batch"), peers = args.dimAt(6, "peers");
  const auto weights = args.f64Out("weights", lengthOf(batch, peers));
  const auto selected = args.i32Out("selected", lengthOf(batch, k));
  const GateArguments a = takeGate(args, k, batch, peers);
  if (batch == 0) return args.env().Undefined();
  const std::size_t parts = rangesOf(engine, batch, kElementsPerRange / a.peers);
  std::vector<double> scratch(parts * 2 * a.k);
  parallelRanges(engine, parts, batch, [&](std::size_t part, std::size_t begin, std::size_t end) {
    engine.kernels.gating.gateRows(a, weights.data(), selected.data(), begin, end, scratch.data() + part * 2 * a.k);
  });
  return args.env().Undefined();
}

/// gateGradient(gradient, weights, upstream, batch, peers)
Napi::Value gateGradient(const Engine& engine, Args& args) {
  Dim batch = args.dimAt(3, "batch"), peers = args.dimAt(4, "peers");
  const std::size_t length = lengthOf(batch, peers);
  const auto gradient = args.f64Out("gradient", length);
  const auto weights = args.f64("weights", length);
  const auto upstream = args.f64("upstream", length);
  if (length == 0) return args.env().Undefined();
  const std::size_t parts = rangesOf(engine, batch, kElementsPerRange / peers);
  parallelRanges(engine, parts, batch, [&](std::size_t, std::size_t begin, std::size_t end) {
    engine.kernels.gating.softmaxGradientRows(gradient.data(), weights.data(), upstream.data(), peers, begin, end);
  });
  return args.env().Undefined();
}

/// gateBalance(loss, dispatch, importance, gradient, scores, answered, k, batch, peers)
Napi::Value gateBalance(const Engine& engine, Args& args) {
  Dim k = args.dimAt(6, "k"), batch = args.dimAt(7, "batch"), peers = args.dimAt(8, "peers");
  const auto loss = args.f64Out("loss", 1);
  const auto dispatch = args.f64Out("dispatch", lengthOf(peers));
  const auto importance = args.f64Out("importance", peers.asked());
  const auto gradient = args.f64Out("gradient", lengthOf(batch, peers));
  lengthOf(k);  // at most peers, which `dispatch` has witnessed
  const GateArguments a = takeGate(args, k, batch, peers);
  const GatingKernels& kernels = engine.kernels.gating;
  const std::size_t parts = rangesOf(engine, batch, kElementsPerRange / a.peers);
  std::vector<std::int32_t> selected(batch * a.k);
  std::vector<double> scratch(parts * 2 * a.peers);
  parallelRanges(engine, parts, batch, [&](std::size_t part, std::size_t begin, std::size_t end) {
    kernels.balanceRows(a, gradient.data(), selected.data(), begin, end, scratch.data() + part * 2 * a.peers);
  });
  kernels.balanceFold(gradient.data(), selected.data(), a.k, batch, a.peers, loss.data(), dispatch.data(),
                      importance.data());
  parallelRanges(engine, parts, batch, [&](std::size_t, std::size_t begin, std::size_t end) {
    kernels.balanceGradientRows(gradient.data(), dispatch.data(), batch, a.peers, begin, end);
  });
  return args.env().Undefined();
}

/// noisyScores(noisy, scores, noise, draws)
Napi::Value noisyScores(const Engine& engine, Args& args) {
  const auto noisy = args.f64Out("noisy");
  const std::size_t length = noisy.size();
  const auto scores = args.f64("scores", length);
  const auto noise = args.f64("noise", length);
  const auto draws = args.f64("draws", length);
  engine.kernels.gating.noisyScores(noisy.data(), scores.data(), noise.data(), draws.data(), length);
  return args.env().Undefined();
}

/// noisyScoresGradient(gradient, noise, draws, upstream)
Napi::Value noisyScoresGradient(const Engine& engine, Args& args) {
  const auto gradient = args.f64Out("gradient");
  const std::size_t length = gradient.size();
  const auto noise = args.f64("noise", length);
  const auto draws = args.f64("draws", length);
  const auto upstream = args.f64("upstream", length);
  engine.kernels.gating.noisyScoresGradient(gradient.data(), noise.data(), draws.data(), upstream.data(), length);
  return args.env().Undefined();
}

/// Peer indices are 32-bit, and every key has one.
void checkKeys(Args& args, const Dim& rows, const Dim& columns) {
  if (rows.asked() < 1 || columns.asked() < 1 ||
      checkedProduct(rows.asked(), columns.asked()) > std::size_t{0x7fffffff}) {
    args.fail("BTM_DOMAIN", "rows * columns", "must be between 1 and 2^31 - 1");
  }
}

/// productKeyGate(selected, weights, scores, query, first, second, answered, k, batch, rows, columns, width, peers)
Napi::Value productKeyGate(const Engine& engine, Args& args) {
  Dim k = args.dimAt(7, "k"), batch = args.dimAt(8, "batch"), rows = args.dimAt(9, "rows");
  Dim columns = args.dimAt(10, "columns"), width = args.dimAt(11, "width"), peers = args.dimAt(12, "peers");
  checkKeys(args, rows, columns);
  if (peers.asked() > rows.asked() * columns.asked())
    args.fail("BTM_DOMAIN", "peers", "must be at most rows * columns");
  if (k.asked() < 1 || k.asked() > peers.asked()) args.fail("BTM_DOMAIN", "k", "must be between 1 and peers");
  Dim two(2);
  ProductKeyArguments a{};
  const std::size_t chosen = lengthOf(batch, k);
  const auto selected = args.i32Out("selected", chosen);
  const auto weights = args.f64Out("weights", chosen);
  const auto scores = args.f64Out("scores", chosen);
  a.query = args.f64("query", lengthOf(batch, two, width)).data();
  a.first = args.f64("first", lengthOf(rows, width)).data();
  a.second = args.f64("second", lengthOf(columns, width)).data();
  a.answered = args.i32("answered", lengthOf(batch, peers)).data();
  if (width.asked() == 0) args.fail("BTM_DOMAIN", "width", "must be positive");
  a.k = k;
  a.rows = rows;
  a.columns = columns;
  a.width = width;
  a.peers = peers;
  if (batch == 0) return args.env().Undefined();
  const std::size_t codes = a.rows + a.columns;
  const std::size_t parts = rangesOf(engine, batch, kElementsPerRange / codes);
  std::vector<double> scratch(checkedProduct(parts, codes));
  std::vector<std::int32_t> integers(checkedProduct(parts, codes + a.rows));
  parallelRanges(engine, parts, batch, [&](std::size_t part, std::size_t begin, std::size_t end) {
    engine.kernels.gating.productKeyRows(a, selected.data(), weights.data(), scores.data(), begin, end,
                                         scratch.data() + part * codes, integers.data() + part * (codes + a.rows));
  });
  return args.env().Undefined();
}

/// productKeyGateGradient(queryGradient, firstGradient, secondGradient, query, first, second, selected, weights,
///                        upstream, k, batch, rows, columns, width)
Napi::Value productKeyGateGradient(const Engine& engine, Args& args) {
  Dim k = args.dimAt(9, "k"), batch = args.dimAt(10, "batch"), rows = args.dimAt(11, "rows");
  Dim columns = args.dimAt(12, "columns"), width = args.dimAt(13, "width"), two(2);
  checkKeys(args, rows, columns);
  if (width.asked() == 0) args.fail("BTM_DOMAIN", "width", "must be positive");
  const std::size_t queries = lengthOf(batch, two, width), chosen = lengthOf(batch, k);
  const std::size_t rowCodes = lengthOf(rows, width), columnCodes = lengthOf(columns, width);
  ProductKeyGradientArguments a{};
  a.k = k;
  a.batch = batch;
  a.rows = rows;
  a.columns = columns;
  a.width = width;
  const auto queryGradient = args.f64Out("queryGradient", queries);
  const auto firstGradient = args.f64Out("firstGradient", rowCodes);
  const auto secondGradient = args.f64Out("secondGradient", columnCodes);
  a.query = args.f64("query", queries).data();
  a.first = args.f64("first", rowCodes).data();
  a.second = args.f64("second", columnCodes).data();
  const auto selected = args.i32("selected", chosen);
  const auto weights = args.f64("weights", chosen);
  const auto upstream = args.f64("upstream", chosen);
  for (const std::int32_t peer : selected) {
    if (peer >= 0 && static_cast<std::size_t>(peer) >= a.rows * a.columns) {
      args.fail("BTM_DOMAIN", "selected", "must be below rows * columns");
    }
  }
  std::vector<double> slopes(chosen);
  const GatingKernels& kernels = engine.kernels.gating;
  kernels.softmaxGradientRows(slopes.data(), weights.data(), upstream.data(), a.k, 0, a.k == 0 ? 0 : a.batch);
  a.selected = selected.data();
  a.slopes = slopes.data();
  const std::size_t least = kElementsPerRange / std::max<std::size_t>(1, a.width);
  parallelRanges(engine, rangesOf(engine, a.batch, least), a.batch,
                 [&](std::size_t, std::size_t begin, std::size_t end) {
                   kernels.productKeyQueryRows(a, queryGradient.data(), begin, end);
                 });
  const std::size_t codes = a.rows + a.columns;
  parallelRanges(engine, rangesOf(engine, codes, 1), codes, [&](std::size_t, std::size_t begin, std::size_t end) {
    kernels.productKeyCodes(a, firstGradient.data(), secondGradient.data(), begin, end);
  });
  return args.env().Undefined();
}

}  // namespace

void defineGating(Methods& methods) {
  methods.add("gate", gate);
  methods.add("gateGradient", gateGradient);
  methods.add("gateBalance", gateBalance);
  methods.add("noisyScores", noisyScores);
  methods.add("noisyScoresGradient", noisyScoresGradient);
  methods.add("productKeyGate", productKeyGate);
  methods.add("productKeyGateGradient", productKeyGateGradient);
}

}  // namespace intermodel::addon
