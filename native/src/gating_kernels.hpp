/// What every instruction set offers for gates.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace intermodel {

/// Scores of a batch and who answered; every sample has at least one answer.
struct GateArguments {
  const double* scores;     ///< [batch, peers]
  const int32_t* answered;  ///< [batch, peers], 0 or 1
  size_t k;                 ///< chosen per sample, 1 .. peers
  size_t peers;
};

/// Key (i, j) of peer i * columns + j scores first_i . left + second_j . right.
struct ProductKeyArguments {
  const double* query;      ///< [batch, 2 width]: left half, right half
  const double* first;      ///< [rows, width]
  const double* second;     ///< [columns, width]
  const int32_t* answered;  ///< [batch, peers]
  size_t k, rows, columns, width;
  size_t peers;  ///< keys of this index and above do not exist
};

struct ProductKeyGradientArguments {
  const double* query;
  const double* first;
  const double* second;
  const int32_t* selected;  ///< [batch, k], -1 after the last chosen; checked against rows * columns by the caller
  const double* slopes;     ///< [batch, k]: dL/d(key score)
  size_t k, batch, rows, columns, width;
};

/// Every function over samples takes [begin, end): results do not depend on how the batch is split.
struct GatingKernels {
  /// weights [batch, peers], selected [batch, k]; scratch of 2 k doubles.
  void (*gateRows)(const GateArguments& a, double* weights, int32_t* selected, size_t begin, size_t end,
                   double* scratch);
  /// gradient = weights * (upstream - weights . upstream) per row; gradient may be weights.
  void (*softmaxGradientRows)(double* gradient, const double* weights, const double* upstream, size_t columns,
                              size_t begin, size_t end);

  /// Softmax over the answered [batch, peers] and the choices [batch, k]; scratch of 2 peers doubles.
  void (*balanceRows)(const GateArguments& a, double* probabilities, int32_t* selected, size_t begin, size_t end,
                      double* scratch);
  /// Folds the rows of a whole batch into the loss, dispatch [peers] and importance [peers].
  void (*balanceFold)(const double* probabilities, const int32_t* selected, size_t k, size_t batch, size_t peers,
                      double* loss, double* dispatch, double* importance);
  /// Turns probabilities into the gradient with respect to the scores, in place.
  void (*balanceGradientRows)(double* probabilities, const double* dispatch, size_t batch, size_t peers, size_t begin,
                              size_t end);

  void (*noisyScores)(double* noisy, const double* scores, const double* noise, const double* draws, size_t n);
  void (*noisyScoresGradient)(double* gradient, const double* noise, const double* draws, const double* upstream,
                              size_t n);

  /// selected, weights, scores [batch, k]; scratch of rows + columns doubles and 2 rows + columns integers.
  void (*productKeyRows)(const ProductKeyArguments& a, int32_t* selected, double* weights, double* scores, size_t begin,
                         size_t end, double* scratch, int32_t* integers);
  /// gradient [batch, 2 width] of the query.
  void (*productKeyQueryRows)(const ProductKeyGradientArguments& a, double* gradient, size_t begin, size_t end);
  /// gradient [rows + columns, width] of the codes: rows of `first`, then rows of `second`; codes [begin, end).
  void (*productKeyCodes)(const ProductKeyGradientArguments& a, double* firstGradient, double* secondGradient,
                          size_t begin, size_t end);
};

}  // namespace intermodel
