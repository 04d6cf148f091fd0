/// Rankings, competition, payoff and projections: the operations of the kernels of the same names in native/src.
#include <algorithm>

#include "calls.hpp"
#include "hessians.hpp"

namespace intermodel::gpu {
namespace {

/// mean [n] of the columns of matrix [rows, n], each term times its row's stake: one chain a column.
void meansOf(Machine& machine, const double* matrix, const double* stake, size_t rows, size_t n, double divisor,
             double* mean) {
  each(machine, n, [=] INTERMODEL_BOTH(size_t j) {
    double sum = 0.0;
    for (size_t i = 0; i < rows; i++) sum = fused(stake == nullptr ? 1.0 : stake[i], matrix[i * n + j], sum);
    mean[j] = sum / divisor;
  });
}

}  // namespace

void columnMeans(IntermodelSession& session, double* out, const double* matrix, const double* stake, size_t rows,
                 size_t n, double divisor) {
  const Input<double> entries(session, matrix, rows * n), factors(session, stake, rows);
  const Array<double> mean(session.machine, n);
  meansOf(session.machine, entries.data(), factors.data(), rows, n, divisor, mean.data());
  mean.get(out);
}

void mask(IntermodelSession& session, double* mask, double* derivative, double* shift, double* dead,
          const double* weights, const double* stake, double temperature, bool exact, bool open, size_t n) {
  Machine& machine = session.machine;
  const Input<double> w(session, weights, n * n), s(session, stake, n);
  const Array<double> opened(machine, n * n), slopes(machine, n * n), mean(machine, n), found(machine, n);
  const double count = static_cast<double>(n), inverse = 1.0 / temperature;
  const double share = exact ? (count - 1.0) / count : 1.0;
  meansOf(machine, w.data(), s.data(), n, n, count, mean.data());
  const double *from = w.data(), *factor = s.data(), *mu = mean.data();
  double *out = opened.data(), *slope = slopes.data(), *lost = found.data();
  each(machine, n * n, [=] INTERMODEL_BOTH(size_t k) {
    const size_t i = k / n, j = k % n;
    const SigmoidPoint at = sigmoidPoint(F64{fused(factor[i], from[k], -mu[j]) * inverse});
    const bool free = open && i == j;
    out[k] = free ? 1.0 : at.value.v;
    // where the mask is dead its slope says so, until the row has been counted
    slope[k] = at.slope.v;
  });
  each(machine, n, [=] INTERMODEL_BOTH(size_t i) {
    double total = 0.0;
    for (size_t j = 0; j < n; j++) {
      const bool free = open && i == j;
      if (!free && slope[i * n + j] < competition::kDeadGradient) total += 1.0;
      slope[i * n + j] = free ? 0.0 : slope[i * n + j] * (factor[i] * share * inverse);
    }
    lost[i] = total;
  });
  opened.get(mask);
  slopes.get(derivative);
  mean.get(shift);
  std::vector<double> counts(n);
  found.get(counts.data());
  dead[0] = 0.0;
  for (const double entries : counts) dead[0] += entries;
}

void weightGradient(IntermodelSession& session, const IntermodelHessians& hessians, double* gradient, double* loss,
                    const double* mask, const double* derivative, const double* reference) {
  Machine& machine = session.machine;
  const size_t n = hessians.n;
  const Input<double> data(session, hessians.data, hessians.length), m(session, mask, n * n);
  const Input<double> d(session, derivative, n * n), m0(session, reference, n * n);
  const PeerHessians h = formOf(hessians, data.data());
  const Array<double> deltas(machine, n * n), pulls(machine, n * n), coordinates(machine, n * h.rank),
      losses(machine, n);
  double *delta = deltas.data(), *pulled = pulls.data(), *sum = losses.data();
  const double *now = m.data(), *before = m0.data(), *slope = d.data();
  each(machine, n * n, [=] INTERMODEL_BOTH(size_t k) { delta[k] = now[k] - before[k]; });
  pullAll(machine, h, delta, coordinates.data(), pulled);
  each(machine, n, [=] INTERMODEL_BOTH(size_t i) { sum[i] = treeDot(delta + i * n, pulled + i * n, n); });
  each(machine, n * n, [=] INTERMODEL_BOTH(size_t k) { delta[k] = (2.0 * pulled[k]) * slope[k]; });
  losses.get(loss);
  deltas.get(gradient);
}

void payoffGradient(IntermodelSession& session, double* out, const double* lossGradient, const double* stake,
                    double lossFactor, double rankFactor, size_t n) {
  const Input<double> g(session, lossGradient, n * n), s(session, stake, n);
  const Array<double> result(session.machine, n * n);
  const double *from = g.data(), *owned = s.data(), count = static_cast<double>(n);
  double* to = result.data();
  each(session.machine, n * n, [=] INTERMODEL_BOTH(size_t k) {
    const double entry = lossFactor * from[k];
    to[k] = k / n == k % n ? entry + rankFactor * (owned[k / n] / count) : entry;
  });
  result.get(out);
}

void project(IntermodelSession& session, double* out, const double* rows, double floor, size_t count, size_t n) {
  const Input<double> given(session, rows, count * n);
  const Array<double> result(session.machine, count * n);
  const double* from = given.data();
  double* to = result.data();
  each(session.machine, count,
       [=] INTERMODEL_BOTH(size_t i) { projection::projectRow(from + i * n, floor, to + i * n, n); });
  result.get(out);
}

void boundedStep(IntermodelSession& session, double* out, const double* rows, const double* steps, double epsilon,
                 size_t count, size_t n) {
  const Input<double> centre(session, rows, count * n), step(session, steps, count * n);
  const Array<double> result(session.machine, count * n), scratch(session.machine, count * 2 * n);
  const double *c = centre.data(), *d = step.data();
  double *to = result.data(), *room = scratch.data();
  each(session.machine, count, [=] INTERMODEL_BOTH(size_t i) {
    projection::boundedStepRow(c + i * n, d + i * n, epsilon, to + i * n, room + i * 2 * n, n);
  });
  result.get(out);
}

void residuals(IntermodelSession& session, double* gap, double* natural, double* regret, const double* weights,
               const double* gradient, double epsilon, size_t count, size_t n) {
  const Input<double> w(session, weights, count * n), g(session, gradient, count * n);
  const Array<double> found(session.machine, 3 * count), scratch(session.machine, count * 3 * n);
  const double *at = w.data(), *along = g.data();
  double *to = found.data(), *room = scratch.data();
  each(session.machine, count, [=] INTERMODEL_BOTH(size_t i) {
    const RowResiduals mine = projection::residualsRow(at + i * n, along + i * n, epsilon, room + i * 3 * n, n);
    to[i] = mine.gap;
    to[count + i] = mine.natural;
    to[2 * count + i] = mine.regret;
  });
  found.get(gap, 0, count);
  found.get(natural, count, count);
  found.get(regret, 2 * count, count);
}

}  // namespace intermodel::gpu
