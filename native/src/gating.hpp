/// Sparsely gated top-k, its backward pass, the balance loss and noise; formulas and order are src/reference/gating.ts.
#pragma once

#include "divergence_kernels.hpp"
#include "gating_kernels.hpp"

namespace intermodel {
namespace {

/// Best answered peers into chosen [k], larger score first, equal scores by lower index, then -1; returns how many.
static inline size_t selectTop(int32_t* chosen, const double* scores, const int32_t* answered, size_t k, size_t peers) {
  size_t count = 0;
  for (size_t peer = 0; peer < peers; peer++) {
    if (answered[peer] == 0) continue;
    if (count == k && !(scores[peer] > scores[chosen[k - 1]])) continue;
    size_t slot = count < k ? count++ : k - 1;
    for (; slot > 0 && scores[peer] > scores[chosen[slot - 1]]; slot--) chosen[slot] = chosen[slot - 1];
    chosen[slot] = static_cast<int32_t>(peer);
  }
  for (size_t slot = count; slot < k; slot++) chosen[slot] = -1;
  return count;
}

static inline void fillZero(double* out, size_t n) {
  for (size_t r = 0; r < n; r++) out[r] = 0.0;
}

static void gateRows(const GateArguments& a, double* weights, int32_t* selected, size_t begin, size_t end,
                     double* scratch) {
  for (size_t b = begin; b < end; b++) {
    const double* scores = a.scores + b * a.peers;
    double* row = weights + b * a.peers;
    int32_t* chosen = selected + b * a.k;
    const size_t count = selectTop(chosen, scores, a.answered + b * a.peers, a.k, a.peers);
    for (size_t slot = 0; slot < count; slot++) scratch[slot] = scores[chosen[slot]];
    softmaxRow(scratch, scratch + a.k, count);
    fillZero(row, a.peers);
    for (size_t slot = 0; slot < count; slot++) row[chosen[slot]] = scratch[a.k + slot];
  }
}

/// weights . (upstream - origin), block by block of the tree.
static inline double shiftedMean(const double* weights, const double* upstream, double origin, size_t n) {
  double total = 0.0, shifted[kTreeBlock];
  for (size_t begin = 0; begin < n; begin += kTreeBlock) {
    const size_t count = n - begin < kTreeBlock ? n - begin : kTreeBlock;
    for (size_t r = 0; r < count; r++) shifted[r] = upstream[begin + r] - origin;
    const double block = treeDotBlock(weights + begin, shifted, count);
    total = begin == 0 ? block : total + block;
  }
  return total;
}

/// g_i (a_i - g.a). Where that difference would lose digits, both are taken about the entry with the largest weight.
static inline void softmaxGradientRow(double* gradient, const double* weights, const double* upstream, size_t n) {
  const F64 mean = broadcast(treeDot(weights, upstream, n)), lost = broadcast(kLost) * absolute(mean);
  const double pivot = n == 0 ? 0.0 : upstream[likeliest(weights, n)];
  const F64 origin = broadcast(pivot), about = broadcast(shiftedMean(weights, upstream, pivot, n));
  eachVector(n, [=](size_t r, size_t count) {
    const F64 a = loadSome(upstream + r, count), plain = a - mean;
    const F64 centred = select(greaterEqual(absolute(plain), lost), plain, (a - origin) - about);
    storeSome(gradient + r, loadSome(weights + r, count) * centred, count);
  });
}

static void softmaxGradientRows(double* gradient, const double* weights, const double* upstream, size_t columns,
                                size_t begin, size_t end) {
  for (size_t b = begin; b < end; b++)
    softmaxGradientRow(gradient + b * columns, weights + b * columns, upstream + b * columns, columns);
}

static void balanceRows(const GateArguments& a, double* probabilities, int32_t* selected, size_t begin, size_t end,
                        double* scratch) {
  for (size_t b = begin; b < end; b++) {
    const double* scores = a.scores + b * a.peers;
    const int32_t* answered = a.answered + b * a.peers;
    double* row = probabilities + b * a.peers;
    selectTop(selected + b * a.k, scores, answered, a.k, a.peers);
    size_t present = 0;
    for (size_t peer = 0; peer < a.peers; peer++)
      if (answered[peer] != 0) scratch[present++] = scores[peer];
    softmaxRow(scratch, scratch + a.peers, present);
    present = 0;
    for (size_t peer = 0; peer < a.peers; peer++) row[peer] = answered[peer] == 0 ? 0.0 : scratch[a.peers + present++];
  }
}

static void balanceFold(const double* probabilities, const int32_t* selected, size_t k, size_t batch, size_t peers,
                        double* loss, double* dispatch, double* importance) {
  fillZero(dispatch, peers);
  fillZero(importance, peers);
  size_t total = 0;
  for (size_t slot = 0; slot < batch * k; slot++) {
    if (selected[slot] < 0) continue;
    dispatch[selected[slot]] += 1.0;
    total++;
  }
  for (size_t b = 0; b < batch; b++) {
    const double* row = probabilities + b * peers;
    eachVector(peers, [=](size_t r, size_t count) {
      storeSome(importance + r, loadSome(importance + r, count) + loadSome(row + r, count), count);
    });
  }
  for (size_t peer = 0; peer < peers; peer++) {
    dispatch[peer] = total == 0 ? 0.0 : dispatch[peer] / static_cast<double>(total);
    importance[peer] = batch == 0 ? 0.0 : importance[peer] / static_cast<double>(batch);
  }
  *loss = static_cast<double>(peers) * treeDot(dispatch, importance, peers);
}

static void balanceGradientRows(double* probabilities, const double* dispatch, size_t batch, size_t peers, size_t begin,
                                size_t end) {
  const F64 scale = broadcast(static_cast<double>(peers) / static_cast<double>(batch));
  for (size_t b = begin; b < end; b++) {
    double* row = probabilities + b * peers;
    softmaxGradientRow(row, row, dispatch, peers);
    eachVector(peers, [=](size_t r, size_t count) { storeSome(row + r, scale * loadSome(row + r, count), count); });
  }
}

/// log(1 + e^x) without overflow.
INTERMODEL_INLINE F64 softplus(F64 x) { return maximum(x, zero()) + log1p(exp(-absolute(x))); }

static void noisyScores(double* noisy, const double* scores, const double* noise, const double* draws, size_t n) {
  eachVector(n, [=](size_t r, size_t count) {
    const F64 spread = loadSome(draws + r, count) * softplus(loadSome(noise + r, count));
    storeSome(noisy + r, loadSome(scores + r, count) + spread, count);
  });
}

static void noisyScoresGradient(double* gradient, const double* noise, const double* draws, const double* upstream,
                                size_t n) {
  eachVector(n, [=](size_t r, size_t count) {
    const F64 slope = loadSome(draws + r, count) * sigmoid(loadSome(noise + r, count));
    storeSome(gradient + r, loadSome(upstream + r, count) * slope, count);
  });
}

}  // namespace
}  // namespace intermodel
