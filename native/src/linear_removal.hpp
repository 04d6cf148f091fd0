/// Gauss-Newton scores of a linear head, samples in lanes: in double with the
/// bits of removalTile, in float as the tier of its own whose oracle is
/// src/reference/curvature-single.ts.
#pragma once

#include "divergence_kernels.hpp"
#include "linear_lanes.hpp"
#include "loss_kernels.hpp"

namespace intermodel {
namespace {
namespace curvature {

/// Whether the samples of a tile can ride in lanes; labels are then of use for
/// the linear terms.
static bool fitsAcross(const RemovalTile& tile) {
  const Head& head = *tile.head;
  if (head.layers != 1 || head.layer[0].activation != kIdentity || tile.compared.loss != kSoftmaxCrossEntropy)
    return false;
  if (tile.estimator != kGaussNewton || tile.groups.offsets != nullptr) return false;
  if (tile.absence.shifts != nullptr || tile.absence.answered != nullptr) return false;
  return tile.linear == nullptr || tile.compared.labels != nullptr;
}

/// Doubles of scratch for a tile of so many samples.
static size_t acrossScratch(const Head& head, size_t samples) {
  const size_t padded = (samples + kGroup<double> - 1) / kGroup<double> * kGroup<double>;
  return padded * head.outputs * (head.peers + 1) + kGroup<double> * (head.width + head.outputs + head.peers * 2);
}

/// p = softmax z for every lane; p and z [outputs][kGroup].
static void softmaxAcross(const double* z, double* p, size_t n) {
  constexpr size_t group = kGroup<double>;
  for (size_t v = 0; v < group; v += kLanes) {
    const F64 largest = largestAcross(z + v, n);
    for (size_t c = 0; c < n; c++) store(p + c * group + v, exp(load(z + c * group + v) - largest));
    const F64 sum = laneTree(n, [=](size_t c, F64 lane) { return lane + load(p + c * group + v); });
    for (size_t c = 0; c < n; c++) store(p + c * group + v, load(p + c * group + v) / sum);
  }
}

/// v at each lane's label.
INTERMODEL_INLINE F64 atLabels(const double* v, const int32_t* labels, size_t count) {
  double found[kLanes];
  for (size_t r = 0; r < kLanes; r++) found[r] = v[static_cast<size_t>(labels[r < count ? r : 0]) * kGroup<double> + r];
  return load(found);
}

/// Forms and slopes of one group's peers; false where the short formulas lose
/// digits in a lane that counts.
static bool formsAcross(const RemovalTile& tile, size_t first, size_t count, const double* parts, const double* p,
                        double* forms, double* slopes) {
  constexpr size_t group = kGroup<double>;
  const size_t n = tile.head->outputs, peers = tile.head->peers;
  const int32_t* labels = tile.linear == nullptr ? nullptr : tile.compared.labels + first;
  for (size_t i = 0; i < peers; i++) {
    for (size_t at = 0; at < count; at += kLanes) {
      const double *v = parts + i * n * group + at, *weights = p + at;
      const F64 mean =
          laneTree(n, [=](size_t c, F64 sum) { return fma(load(weights + c * group), load(v + c * group), sum); });
      const F64 form = laneTree(n, [=](size_t c, F64 sum) {
        const F64 centred = load(v + c * group) - mean;
        return fma(load(weights + c * group) * centred, centred, sum);
      });
      Mask refused = isOffset(form, mean);
      store(forms + i * group + at, form);
      if (labels != nullptr) {
        const F64 slope = mean - atLabels(v, labels + at, count - at);
        refused = refused | !greaterEqual(absolute(slope), broadcast(kLost) * absolute(mean));
        store(slopes + i * group + at, -slope);
      }
      if (!any(refused)) continue;
      double lane[kLanes];
      store(lane, select(refused, broadcast(1.0), zero()));
      for (size_t r = 0; r < kLanes && at + r < count; r++)
        if (lane[r] == 1.0) return false;
    }
  }
  return true;
}

/// Classes whose weights of one peer stay in the second-level cache until every
/// group has met them; whole panels.
static size_t classesTogether(size_t width, size_t panel) {
  const size_t panels = kBlockWeights / sizeof(double) / (width * panel + 1);
  return (panels > 0 ? panels : 1) * panel;
}

/// removalTile for what fitsAcross. Groups that a short formula refuses are
/// done by `careful(first, count)`.
template <class Careful>
static bool removalAcross(const RemovalTile& tile, double* scratch, Careful careful) {
  constexpr size_t group = kGroup<double>;
  const Head& head = *tile.head;
  const HeadLayer& layer = head.layer[0];
  const size_t n = head.outputs, peers = head.peers, groups = (tile.samples + group - 1) / group;
  const size_t panel = layer.panel;
  double *parts = scratch, *z = parts + groups * peers * n * group, *x = z + groups * n * group;
  double *p = x + head.width * group, *forms = p + n * group, *slopes = forms + peers * group;
  for (size_t g = 0; g < groups; g++)
    for (size_t c = 0; c < n; c++)
      for (size_t v = 0; v < group; v += kLanes) store(z + (g * n + c) * group + v, broadcast(layer.bias[c]));
  const size_t block = classesTogether(head.width, panel);
  for (size_t begin = 0; begin < n; begin += block) {
    const size_t end = n - begin < block ? n : begin + block;
    eachPair(groups, peers, layer.inputs * (end - begin) * sizeof(double), [&](size_t g, size_t i) {
      const size_t offset = head.offsets[i], width = head.offsets[i + 1] - offset;
      const size_t first = g * group, count = tile.samples - first < group ? tile.samples - first : group;
      intoGroup(tile.responses + first * layer.inputs + offset, layer.inputs, count, width, x);
      contributionsAcross(layer.transposed, panel, layer.inputs, offset, width, x, begin, end,
                          parts + ((g * peers + i) * n + begin) * group, z + (g * n + begin) * group);
    });
  }
  bool finite = true;
  for (size_t g = 0; g < groups; g++) {
    const size_t first = g * group, count = tile.samples - first < group ? tile.samples - first : group;
    finite &= areFinite(z + g * n * group, count);
    softmaxAcross(z + g * n * group, p, n);
    if (!formsAcross(tile, first, count, parts + g * peers * n * group, p, forms, slopes)) {
      careful(first, count);
      continue;
    }
    for (size_t s = 0; s < count; s++) {
      const size_t at = (first + s) * peers;
      for (size_t i = 0; i < peers; i++) tile.scores[at + i] = forms[i * group + s];
      if (tile.linear == nullptr) continue;
      for (size_t i = 0; i < peers; i++) tile.linear[at + i] = slopes[i * group + s];
      for (size_t i = 0; i < peers; i++) tile.quadratic[at + i] = forms[i * group + s];
    }
  }
  return finite;
}

// The tier in single precision

/// Running sums of one group over blocks of classes: the largest logit and the
/// sum of e^(z - largest) [kGroup], then of every peer the mean and the form
/// [peers][kGroup].
struct SingleSums {
  float *largest, *sum, *means, *forms;
};

/// What the next block does to the sums of a group: factors of both sides, and
/// the new block's share.
struct SingleMerge {
  F32 before, now, sum, share, spread;
};

INTERMODEL_INLINE SingleMerge mergeOf(F32 largest, F32 sum, F32 blockLargest, F32 blockSum) {
  const F32 top = maximum(largest, blockLargest);
  const F32 before = exponential(largest - top), now = exponential(blockLargest - top);
  const F32 left = before * sum, right = now * blockSum, total = left + right;
  const F32 share = right / total;
  return {before, now, total, share, left * share};
}

/// Takes classes of one group into the sums: z [n][kGroup], which becomes the
/// exponentials, and parts [peers][n][kGroup].
static void addSoftmaxBlock(float* z, const float* parts, size_t n, size_t peers, bool starts, const SingleSums& sums) {
  constexpr size_t group = kGroup<float>;
  for (size_t v = 0; v < group; v += kSingleLanes) {
    float* e = z + v;
    const F32 largest = largestAcross(e, n);
    for (size_t c = 0; c < n; c++) store(e + c * group, exponential(load(e + c * group) - largest));
    const F32 sum = treeAcross<float>(n, [=](size_t c, F32 lane) { return lane + load(e + c * group); });
    SingleMerge merge{};
    if (!starts) merge = mergeOf(load(sums.largest + v), load(sums.sum + v), largest, sum);
    store(sums.largest + v, starts ? largest : maximum(load(sums.largest + v), largest));
    store(sums.sum + v, starts ? sum : merge.sum);
    for (size_t i = 0; i < peers; i++) {
      const float* part = parts + i * n * group + v;
      const F32 dot = treeAcross<float>(
          n, [=](size_t c, F32 lane) { return fma(load(e + c * group), load(part + c * group), lane); });
      const F32 mean = dot / sum;
      const F32 form = treeAcross<float>(n, [=](size_t c, F32 lane) {
        const F32 centred = load(part + c * group) - mean;
        return fma(load(e + c * group) * centred, centred, lane);
      });
      float *means = sums.means + i * group + v, *forms = sums.forms + i * group + v;
      if (starts) {
        store(means, mean);
        store(forms, form);
        continue;
      }
      const F32 apart = mean - load(means);
      store(means, fma(apart, merge.share, load(means)));
      store(forms, fma(apart * apart, merge.spread, fma(merge.before, load(forms), merge.now * form)));
    }
  }
}

/// The same for the losses whose Hessian is diagonal: means and the sum stay
/// unused.
static void addDiagonalBlock(Loss loss, float* z, const float* parts, size_t n, size_t peers, bool starts,
                             const SingleSums& sums) {
  constexpr size_t group = kGroup<float>;
  for (size_t v = 0; v < group; v += kSingleLanes) {
    float* weights = z + v;
    for (size_t c = 0; c < n; c++)
      store(weights + c * group,
            loss == kBinaryCrossEntropy ? viaDouble<sigmoidDerivative>(load(weights + c * group)) : splat(1.0f));
    for (size_t i = 0; i < peers; i++) {
      const float* part = parts + i * n * group + v;
      const F32 form = treeAcross<float>(n, [=](size_t c, F32 lane) {
        return fma(load(weights + c * group) * load(part + c * group), load(part + c * group), lane);
      });
      float* forms = sums.forms + i * group + v;
      store(forms, starts ? form : load(forms) + form);
    }
  }
}

/// Floats of scratch for a tile of so many samples.
static size_t singleScratch(const Head& head, size_t samples) {
  constexpr size_t group = kGroup<float>;
  const size_t groups = (samples + group - 1) / group;
  const size_t block = head.outputs < kSingleBlock ? head.outputs : kSingleBlock;
  const bool once = head.outputs <= kSingleBlock;
  return groups * group *
         ((once ? 0 : head.layer[0].inputs) + (once ? head.width : 0) + block * (head.peers + 1) + 2 + 2 * head.peers);
}

/// Scores [samples, peers] of the tier in single precision, samples in lanes,
/// classes in blocks.
static bool removalSingle(const SingleTile& tile, float* scratch) {
  constexpr size_t group = kGroup<float>;
  const Head& head = *tile.head;
  const size_t peers = head.peers, inputs = head.layer[0].inputs;
  const size_t groups = (tile.samples + group - 1) / group;
  const size_t block = head.outputs < kSingleBlock ? head.outputs : kSingleBlock;
  const bool once = head.outputs <= kSingleBlock;  // then a peer's responses are transposed
                                                   // where they are read
  float *parts = scratch, *z = parts + groups * peers * block * group, *sums = z + groups * block * group;
  float* x = sums + groups * group * (2 + 2 * peers);
  const auto countOf = [&](size_t g) { return tile.samples - g * group < group ? tile.samples - g * group : group; };
  const auto sumsOf = [&](size_t g) {
    float* at = sums + g * group * (2 + 2 * peers);
    return SingleSums{at, at + group, at + 2 * group, at + (2 + peers) * group};
  };
  for (size_t g = 0; g < groups && !once; g++)
    intoGroup(tile.responses + g * group * inputs, inputs, countOf(g), inputs, x + g * inputs * group);
  bool finite = true;
  for (size_t begin = 0; begin < head.outputs; begin += block) {
    const size_t end = head.outputs - begin < block ? head.outputs : begin + block, n = end - begin;
    for (size_t g = 0; g < groups; g++)
      for (size_t c = 0; c < n; c++)
        for (size_t v = 0; v < group; v += kSingleLanes)
          store(z + (g * block + c) * group + v, splat(tile.bias[begin + c]));
    eachPair(groups, peers, inputs * n * sizeof(float), [&](size_t g, size_t i) {
      const size_t offset = head.offsets[i], width = head.offsets[i + 1] - offset;
      float* own = once ? x : x + (g * inputs + offset) * group;
      if (once) intoGroup(tile.responses + g * group * inputs + offset, inputs, countOf(g), width, own);
      contributionsAcross(tile.panels, kSinglePanel, inputs, offset, width, own, begin, end,
                          parts + (g * peers + i) * n * group, z + g * block * group);
    });
    for (size_t g = 0; g < groups; g++) {
      float* logits = z + g * block * group;
      if (begin == 0) finite &= areFinite(logits, countOf(g));
      const float* own = parts + g * peers * n * group;
      if (tile.loss == kSoftmaxCrossEntropy)
        addSoftmaxBlock(logits, own, n, peers, begin == 0, sumsOf(g));
      else
        addDiagonalBlock(tile.loss, logits, own, n, peers, begin == 0, sumsOf(g));
    }
  }
  for (size_t g = 0; g < groups; g++) {
    const SingleSums total = sumsOf(g);
    for (size_t s = 0; s < countOf(g); s++) {
      const float sum = tile.loss == kSoftmaxCrossEntropy ? total.sum[s] : 1.0f;
      double* row = tile.scores + (g * group + s) * peers;
      for (size_t i = 0; i < peers; i++) row[i] = static_cast<double>(total.forms[i * group + s] / sum);
    }
  }
  return finite;
}

}  // namespace curvature
}  // namespace
}  // namespace intermodel
