/// Scores of removing peers: the operations of removalTile in native/src/curvature_kernels.hpp, one (sample, group) to
/// a thread once the directions are known.
#include "batch.hpp"
#include "calls.hpp"

namespace intermodel::gpu {
namespace {

/// What scoring reads of each sample, and the room it needs. Arrays are [samples, outputs].
struct Samples {
  Loss loss;
  Estimator estimator;
  size_t outputs, draws, noisePerSample;
  const double *z, *targets, *noise;
  const int32_t* labels;
  double *predicted, *weights, *gradient, *spare;
  double* classes;  ///< [samples, draws]
  int32_t* zeroes;  ///< [samples]

  INTERMODEL_BOTH curvature::SampleView view(size_t s, double* careful) const {
    curvature::SampleView view{};
    view.loss = loss;
    view.outputs = outputs;
    view.z = z + s * outputs;
    view.predicted = predicted + s * outputs;
    view.weights = weights + s * outputs;
    view.gradient = gradient + s * outputs;
    view.spare = spare + s * outputs;
    view.careful = careful;
    view.zeroes = zeroes[s] == 1;
    view.targets = targets == nullptr ? nullptr : targets + s * outputs;
    view.label = labels == nullptr ? -1 : labels[s];
    view.draws = draws;
    view.noise = noise == nullptr ? nullptr : noise + s * noisePerSample;
    view.classes = classes + s * draws;
    return view;
  }
};

// Each in one place, called by the kernels: inlined into all of them, the code is several times as long.

INTERMODEL_BOTH inline curvature::DirectionGroup directionOf(const curvature::SampleView& view, const double* v) {
  return {v, 0, 1, v, curvature::meanOf(view, v)};
}

INTERMODEL_BOTH INTERMODEL_OUTLINE double scoreOf(const curvature::SampleView& view, Estimator estimator,
                                                  const double* v) {
  return curvature::scoreGroup(view, estimator, directionOf(view, v)).v;
}

INTERMODEL_BOTH INTERMODEL_OUTLINE double slopeOf(const curvature::SampleView& view, const double* v) {
  return curvature::slopeOf(view, directionOf(view, v)).v;
}

INTERMODEL_BOTH INTERMODEL_OUTLINE double formOf(const curvature::SampleView& view, const double* v) {
  return curvature::formOf(view, directionOf(view, v)).v;
}

INTERMODEL_BOTH INTERMODEL_OUTLINE double apartOf(const curvature::SampleView& view, Estimator estimator,
                                                  const double* change, const double* moved) {
  return curvature::scoreApart(view, estimator, change, moved);
}

/// One call with the memory of its parts. nvcc wants functions with kernels in them to be public.
struct Removal {
  Removal(IntermodelSession& session, const IntermodelRemoval& call);
  bool run();
  size_t bytesEach() const;
  void prepare(const BatchPart& part);
  const double* moves(const BatchPart& part);
  void scoreTangents(const BatchPart& part, const double* moves);
  void scoreExact(const BatchPart& part, const double* moves);
  void scoreDiagonal(const BatchPart& part);
  void weigh(const BatchPart& part, double* rows);
  size_t workers(size_t cells, size_t doublesEach);

  IntermodelSession& session_;
  Machine& machine_;
  const IntermodelRemoval& call_;
  const IntermodelHead& head_;
  const Estimator estimator_;
  const size_t groups_, outputs_, directions_;
  const size_t most_;
  Forward forward_;
  Array<int32_t> groupOffsets_, groupMembers_;
  Array<double> baseline_, moves_, flow0_, flow1_;
  Array<double> predicted_, weights_, gradient_, spare_, classes_, scores_, linear_, quadratic_, scratch_;
  Array<int32_t> zeroes_;
  Samples samples_{};
};

bool isExact(Estimator estimator) { return estimator == kRelativeEntropy || estimator == kAblation; }

/// Directions of one sample at a time in the flows.
size_t directionsOf(const IntermodelRemoval& call) {
  return call.estimator == kDiagonal ? call.batch.head->inputs() : call.groups;
}

size_t Removal::bytesEach() const {
  const size_t row = head_.layers[0].outputs;
  const size_t own = std::max(directions_, groups_) * row + 2 * directions_ * head_.widest + 4 * outputs_ +
                     call_.draws + 3 * groups_ + call_.noise_per_sample + outputs_;
  return forwardBytes(call_.batch) + own * sizeof(double);
}

Removal::Removal(IntermodelSession& session, const IntermodelRemoval& call)
    : session_(session),
      machine_(session.machine),
      call_(call),
      head_(*call.batch.head),
      estimator_(static_cast<Estimator>(call.estimator)),
      groups_(call.groups),
      outputs_(head_.outputs()),
      directions_(directionsOf(call)),
      most_(samplesToAPart(session, call.batch.samples, bytesEach())),
      forward_(session, call.batch, most_),
      groupOffsets_(machine_, call.group_offsets, call.group_offsets == nullptr ? 0 : groups_ + 1),
      groupMembers_(machine_, call.group_members,
                    call.group_offsets == nullptr ? 0 : static_cast<size_t>(call.group_offsets[groups_])),
      baseline_(machine_, call.batch.baseline, head_.inputs()),
      moves_(machine_, most_ * std::max(directions_, groups_) * head_.layers[0].outputs),
      flow0_(machine_, most_ * directions_ * head_.widest),
      flow1_(machine_, most_ * directions_ * head_.widest),
      predicted_(machine_, most_ * outputs_),
      weights_(machine_, most_ * outputs_),
      gradient_(machine_, most_ * outputs_),
      spare_(machine_, most_ * outputs_),
      classes_(machine_, most_ * call.draws),
      scores_(machine_, most_ * groups_),
      linear_(machine_, call.linear == nullptr ? 0 : most_ * groups_),
      quadratic_(machine_, call.quadratic == nullptr ? 0 : most_ * groups_),
      zeroes_(machine_, most_) {
  forward_.takeBaseline(baseline_.data());
}

/// Threads that score at once: as many as their room allows, at most one a cell.
size_t Removal::workers(size_t cells, size_t doublesEach) {
  const size_t fitting = std::max<size_t>(1, session_.budget() / 4 / (doublesEach * sizeof(double)));
  const size_t count = std::min({cells, fitting, size_t{1} << 20});
  if (scratch_.size() < count * doublesEach) scratch_ = Array<double>(machine_, count * doublesEach);
  return count;
}

void Removal::prepare(const BatchPart& part) {
  samples_ = {static_cast<Loss>(call_.batch.loss),
              estimator_,
              outputs_,
              call_.draws,
              call_.noise_per_sample,
              forward_.values(head_.layers.size() - 1, part.part.samples),
              part.targets(),
              nullptr,
              part.labels(),
              predicted_.data(),
              weights_.data(),
              gradient_.data(),
              spare_.data(),
              classes_.data(),
              zeroes_.data()};
}

/// What every group takes away from the first layer, [groups, samples, outputs]: its peers' moves added up in order.
const double* Removal::moves(const BatchPart& part) {
  const size_t samples = part.part.samples, n = head_.layers[0].outputs, peers = call_.batch.peers;
  const int32_t *answered = part.part.answered, *offsets = groupOffsets_.data(), *members = groupMembers_.data();
  const double *parts = forward_.parts.data(), *shifts = forward_.shifts.data();
  if (offsets == nullptr && answered == nullptr && shifts == nullptr) return parts;
  double* out = moves_.data();
  const auto moveOf = [=] INTERMODEL_BOTH(size_t i, size_t s, size_t o) {
    if (answered != nullptr && answered[s * peers + i] == 0) return 0.0;
    const double mine = parts[(i * samples + s) * n + o];
    return shifts == nullptr ? mine : mine - shifts[i * n + o];
  };
  each(machine_, groups_ * samples * n, [=] INTERMODEL_BOTH(size_t k) {
    const size_t g = k / n / samples, s = k / n % samples, o = k % n;
    if (offsets == nullptr) {
      out[k] = moveOf(g, s, o);
      return;
    }
    double sum = moveOf(static_cast<size_t>(members[offsets[g]]), s, o);
    for (int32_t at = offsets[g] + 1; at < offsets[g + 1]; at++)
      sum = sum + moveOf(static_cast<size_t>(members[at]), s, o);
    out[k] = sum;
  });
  return out;
}

/// Everything that follows from J f: the scores of most estimators, and the two terms of the second-order change.
void Removal::scoreTangents(const BatchPart& part, const double* moves) {
  const size_t samples = part.part.samples, groups = groups_, outputs = outputs_, cells = samples * groups;
  const double* directions = forward_.carry(moves, cells, samples, false, flow0_.data(), flow1_.data());
  const size_t room = curvature::kCarefulRows * outputs, count = workers(cells, room);
  double *scratch = scratch_.data(), *linear = linear_.data(), *quadratic = quadratic_.data();
  double* scores = isExact(estimator_) ? nullptr : scores_.data();
  const Samples all = samples_;
  each(machine_, count, [=] INTERMODEL_BOTH(size_t worker) {
    for (size_t cell = worker; cell < cells; cell += count) {
      const size_t s = cell / groups, g = cell % groups;
      const curvature::SampleView view = all.view(s, scratch + worker * room);
      const double* v = directions + (g * samples + s) * outputs;
      if (scores != nullptr) scores[cell] = scoreOf(view, all.estimator, v);
      if (linear != nullptr) linear[cell] = -slopeOf(view, v);
      if (quadratic != nullptr) quadratic[cell] = formOf(view, v);
    }
  });
}

/// What a thread needs to compute z without a group by a forward pass of its own.
struct Without {
  const Layer* layers;
  size_t count, peers, samples, widest;
  const double *parts, *shifts;
  Groups groups;

  /// `room` [2 widest]; returns z without the group.
  INTERMODEL_BOTH const double* run(size_t s, size_t g, double* room) const {
    const Layer& first = layers[0];
    double *current = room, *next = room + widest;
    for (size_t o = 0; o < first.outputs; o++) current[o] = first.bias[o];
    for (size_t i = 0; i < peers; i++) {
      const bool absent = curvature::isMember(groups, g, i);
      if (absent && shifts == nullptr) continue;
      const double* mine = absent ? shifts + i * first.outputs : parts + (i * samples + s) * first.outputs;
      for (size_t o = 0; o < first.outputs; o++) current[o] = current[o] + mine[o];
    }
    for (size_t l = 0; l < count; l++) {
      const Layer& layer = layers[l];
      for (size_t o = 0; o < layer.outputs; o++) {
        double sum = current[o];
        if (l > 0) {
          sum = layer.bias[o];
          for (size_t k = 0; k < layer.inputs; k++) sum = fused(current[k], layer.weights[o * layer.inputs + k], sum);
        }
        next[o] = activated(layer.activation, sum);
      }
      double* const swapped = current;
      current = next;
      next = swapped;
    }
    return current;
  }
};

/// The exact changes of z, and once more by themselves the groups whose contribution leaves no digits of the others.
void Removal::scoreExact(const BatchPart& part, const double* moves) {
  const size_t samples = part.part.samples, groups = groups_, outputs = outputs_, cells = samples * groups;
  const size_t row = head_.layers[0].outputs;
  double* away = flow0_.data();
  each(machine_, cells * row, [=] INTERMODEL_BOTH(size_t k) { away[k] = -moves[k]; });
  const double* directions = forward_.carry(away, cells, samples, true, flow0_.data(), flow1_.data());
  const size_t careful = curvature::kCarefulRows * outputs, widest = head_.widest;
  const size_t room = careful + 2 * widest + outputs, count = workers(cells, room);
  double *scratch = scratch_.data(), *scores = scores_.data();
  const Array<Layer> layers(machine_, head_.layers.data(), head_.layers.size());
  const Without without{layers.data(),
                        head_.layers.size(),
                        call_.batch.peers,
                        samples,
                        widest,
                        forward_.parts.data(),
                        forward_.shifts.data(),
                        {groups, groupOffsets_.data(), groupMembers_.data()}};
  const Samples all = samples_;
  each(machine_, count, [=] INTERMODEL_BOTH(size_t worker) {
    double* mine = scratch + worker * room;
    for (size_t cell = worker; cell < cells; cell += count) {
      const size_t s = cell / groups, g = cell % groups;
      const curvature::SampleView view = all.view(s, mine);
      if (curvature::dwarfs(moves + (g * samples + s) * row, row)) {
        const double* moved = without.run(s, g, mine + careful);
        double* change = mine + careful + 2 * widest;
        for (size_t c = 0; c < outputs; c++) change[c] = moved[c] - view.z[c];
        scores[cell] = apartOf(view, all.estimator, change, moved);
      } else {
        scores[cell] = scoreOf(view, all.estimator, directions + (g * samples + s) * outputs);
      }
    }
  });
  machine_.finish();  // the layers are this function's own
}

/// sum_m h_mm F_m^2: each response's own move of the first pre-activation, scored alone and summed over its peer.
void Removal::scoreDiagonal(const BatchPart& part) {
  const Layer& first = head_.layers[0];
  const size_t samples = part.part.samples, inputs = first.inputs, n = first.outputs, peers = call_.batch.peers;
  const double *weights = first.weights, *responses = part.part.responses, *baseline = baseline_.data();
  double* away = moves_.data();
  each(machine_, inputs * samples * n, [=] INTERMODEL_BOTH(size_t k) {
    const size_t m = k / n / samples, s = k / n % samples, o = k % n;
    const double response = responses[s * inputs + m];
    away[k] = weights[o * inputs + m] * (baseline == nullptr ? response : response - baseline[m]);
  });
  const size_t cells = inputs * samples, outputs = outputs_;
  const double* directions = forward_.carry(away, cells, samples, false, flow0_.data(), flow1_.data());
  Array<double> forms(machine_, cells);
  const size_t room = curvature::kCarefulRows * outputs, count = workers(cells, room);
  double *form = forms.data(), *scratch = scratch_.data(), *scores = scores_.data();
  const Samples all = samples_;
  each(machine_, count, [=] INTERMODEL_BOTH(size_t worker) {
    for (size_t cell = worker; cell < cells; cell += count) {
      const size_t s = cell / inputs, m = cell % inputs;
      const curvature::SampleView view = all.view(s, scratch + worker * room);
      form[cell] = formOf(view, directions + (m * samples + s) * outputs);
    }
  });
  const size_t* offsets = forward_.offsets.data();
  const int32_t* answered = part.part.answered;
  each(machine_, samples * peers, [=] INTERMODEL_BOTH(size_t cell) {
    const size_t s = cell / peers, i = cell % peers;
    const bool absent = answered != nullptr && answered[cell] == 0;
    scores[cell] = absent ? 0.0 : treeSum(form + s * inputs + offsets[i], offsets[i + 1] - offsets[i]);
  });
}

/// Each sample's numbers times its weight: exactly 0 at weight 0.
void Removal::weigh(const BatchPart& part, double* rows) {
  const double* weights = part.weights();
  if (weights == nullptr || rows == nullptr) return;
  const size_t groups = groups_;
  each(machine_, part.part.samples * groups, [=] INTERMODEL_BOTH(size_t cell) {
    const double weight = weights[cell / groups];
    rows[cell] = weight == 0.0 ? 0.0 : weight * rows[cell];
  });
}

bool Removal::run() {
  bool finite = true;
  forParts(session_, call_.batch, most_, [&](const BatchPart& part) {
    const size_t first = part.part.first, samples = part.part.samples;
    const Input<double> noise(session_, BatchPart::advance(call_.noise, first * call_.noise_per_sample),
                              samples * call_.noise_per_sample);
    forward_.run(part.part, true);
    prepare(part);
    samples_.noise = noise.data();
    const Samples all = samples_;
    each(machine_, samples, [=] INTERMODEL_BOTH(size_t s) {
      curvature::SampleView view = all.view(s, nullptr);
      curvature::prepareSample(view, view.targets, all.estimator);
      all.zeroes[s] = view.zeroes ? 1 : 0;
    });
    const bool tangents = !isExact(estimator_) && estimator_ != kDiagonal;
    const double* away = groups_ == 0 ? nullptr : moves(part);
    if (groups_ > 0 && (tangents || call_.linear != nullptr)) scoreTangents(part, away);
    if (groups_ > 0 && isExact(estimator_)) scoreExact(part, away);
    if (groups_ > 0 && estimator_ == kDiagonal) scoreDiagonal(part);
    const auto give = [&](double* to, const Array<double>& from) {
      if (to == nullptr) return;
      weigh(part, from.data());
      from.get(to + first * groups_, 0, samples * groups_);
    };
    give(call_.scores, scores_);
    give(call_.linear, linear_);
    give(call_.quadratic, quadratic_);
    finite = forward_.isFinite(samples) && finite;
  });
  return finite;
}

}  // namespace

bool removal(IntermodelSession& session, const IntermodelRemoval& call) { return Removal(session, call).run(); }

}  // namespace intermodel::gpu
