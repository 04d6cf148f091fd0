/// The interface's table: every call holds its session alone, and ends in a status.
#include <chrono>
#include <cstdio>

#include "calls.hpp"

namespace intermodel::gpu {
namespace {

void copyReason(const std::string& reason, char* out, size_t size) {
  if (out != nullptr && size > 0) std::snprintf(out, size, "%s", reason.c_str());
}

/// Runs body and keeps what went wrong.
template <class Body>
int32_t guarded(std::string& reason, Body body) {
  try {
    body();
    return INTERMODEL_CUDA_OK;
  } catch (const Failure& failure) {
    reason = failure.reason;
    return failure.status;
  } catch (const std::bad_alloc&) {
    reason = "not enough memory on the host";
    return INTERMODEL_CUDA_NO_MEMORY;
  } catch (const std::exception& error) {
    reason = error.what();
  } catch (...) {
    reason = "an unknown failure";
  }
  return INTERMODEL_CUDA_FAILED;
}

template <class Body>
int32_t during(IntermodelSession* session, Body body) {
  const std::lock_guard lock(session->mutex);
  return guarded(session->reason, [&] {
    session->machine.enter();
    body(*session);
    session->machine.finish();
  });
}

int32_t devices(int32_t* count, char* reason, size_t size) {
  std::string why;
  const int32_t status = deviceCount(count, why);
  copyReason(why, reason, size);
  return status;
}

int32_t describe(int32_t device, IntermodelDevice* out, char* reason, size_t size) {
  std::string why;
  const int32_t status = describeDevice(device, out, why);
  copyReason(why, reason, size);
  return status;
}

int32_t open(const IntermodelOptions* options, IntermodelSession** out, char* reason, size_t size) {
  std::string why;
  const int32_t status = guarded(why, [&] { *out = new IntermodelSession(*options); });
  copyReason(why, reason, size);
  return status;
}

void close(IntermodelSession* session) { delete session; }
const char* reasonOf(IntermodelSession* session) { return session->reason.c_str(); }
uint64_t held(IntermodelSession* session) {
  const std::lock_guard lock(session->mutex);
  return session->machine.held();
}

int32_t upload(IntermodelSession* session, const void* host, size_t bytes) {
  return during(session, [&](IntermodelSession& s) {
    Array<unsigned char> copy(s.machine, static_cast<const unsigned char*>(host), bytes);
    s.uploads.insert_or_assign(host, std::move(copy));
  });
}
void forget(IntermodelSession* session, const void* host) {
  during(session, [&](IntermodelSession& s) { s.uploads.erase(host); });
}

int32_t copyRate(IntermodelSession* session, size_t bytes, double* rate) {
  return during(session, [&](IntermodelSession& s) {
    constexpr int kCopies = 8;
    const Array<unsigned char> from(s.machine, bytes), to(s.machine, bytes);
    double seconds = 0.0;
    for (int k = 0; k <= kCopies; k++) {  // the first only touches the memory
      const auto start = std::chrono::steady_clock::now();
      s.machine.copy(to.data(), from.data(), bytes);
      s.machine.finish();
      if (k > 0) seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    *rate = 2.0 * kCopies * static_cast<double>(bytes) / seconds;
  });
}

int32_t headCreate(IntermodelSession* session, const double* parameters, const int32_t* sizes,
                   const int32_t* activations, size_t layers, IntermodelHead** out) {
  return during(session, [&](IntermodelSession& s) { *out = createHead(s, parameters, sizes, activations, layers); });
}
void headFree(IntermodelSession* session, IntermodelHead* head) {
  during(session, [&](IntermodelSession& s) { freeHead(s, head); });
}

int32_t removalCall(IntermodelSession* session, const IntermodelRemoval* call, int32_t* finite) {
  return during(session, [&](IntermodelSession& s) { *finite = removal(s, *call) ? 1 : 0; });
}
int32_t removalSingleCall(IntermodelSession* session, const IntermodelBatch* batch, double* scores, int32_t* finite) {
  return during(session, [&](IntermodelSession& s) { *finite = removalSingle(s, *batch, scores) ? 1 : 0; });
}
int32_t gramCall(IntermodelSession* session, const IntermodelBatch* batch, double* out, double* factor,
                 int32_t* finite) {
  return during(session, [&](IntermodelSession& s) { *finite = gram(s, *batch, out, factor) ? 1 : 0; });
}
int32_t forwardCall(IntermodelSession* session, const IntermodelBatch* batch, double* logits, int32_t* finite) {
  return during(session, [&](IntermodelSession& s) { *finite = forward(s, *batch, logits) ? 1 : 0; });
}
int32_t gradientCall(IntermodelSession* session, const IntermodelGradient* call, int32_t* finite) {
  return during(session, [&](IntermodelSession& s) { *finite = gradient(s, *call) ? 1 : 0; });
}

int32_t maskCall(IntermodelSession* session, double* out, double* derivative, double* shift, double* dead,
                 const double* weights, const double* stake, double temperature, int32_t exact, int32_t isOpen,
                 size_t n) {
  return during(session, [&](IntermodelSession& s) {
    mask(s, out, derivative, shift, dead, weights, stake, temperature, exact != 0, isOpen != 0, n);
  });
}
int32_t weightGradientCall(IntermodelSession* session, const IntermodelHessians* hessians, double* out, double* loss,
                           const double* mask, const double* derivative, const double* reference) {
  return during(session,
                [&](IntermodelSession& s) { weightGradient(s, *hessians, out, loss, mask, derivative, reference); });
}
int32_t payoffCall(IntermodelSession* session, double* out, const double* lossGradient, const double* stake,
                   double lossFactor, double rankFactor, size_t n) {
  return during(session,
                [&](IntermodelSession& s) { payoffGradient(s, out, lossGradient, stake, lossFactor, rankFactor, n); });
}
int32_t projectCall(IntermodelSession* session, double* out, const double* rows, double floor, size_t count, size_t n) {
  return during(session, [&](IntermodelSession& s) { project(s, out, rows, floor, count, n); });
}
int32_t boundedCall(IntermodelSession* session, double* out, const double* rows, const double* steps, double epsilon,
                    size_t count, size_t n) {
  return during(session, [&](IntermodelSession& s) { boundedStep(s, out, rows, steps, epsilon, count, n); });
}
int32_t residualsCall(IntermodelSession* session, double* gap, double* natural, double* regret, const double* weights,
                      const double* gradient, double epsilon, size_t count, size_t n) {
  return during(
      session, [&](IntermodelSession& s) { residuals(s, gap, natural, regret, weights, gradient, epsilon, count, n); });
}
int32_t meansCall(IntermodelSession* session, double* out, const double* matrix, const double* stake, size_t rows,
                  size_t n, double divisor) {
  return during(session, [&](IntermodelSession& s) { columnMeans(s, out, matrix, stake, rows, n, divisor); });
}

int32_t ledgerCall(IntermodelSession* session, const IntermodelLedgerPage* pages, size_t count, const uint64_t* stake,
                   size_t slots, uint64_t* low, uint64_t* high) {
  return during(session, [&](IntermodelSession& s) { ledgerRank(s, pages, count, stake, slots, low, high); });
}

int32_t gamesCreate(IntermodelSession* session, const IntermodelGameArrays* arrays, IntermodelGames** out) {
  return during(session, [&](IntermodelSession& s) { *out = createGames(s, *arrays); });
}
void gamesFree(IntermodelSession* session, IntermodelGames* games) {
  during(session, [&](IntermodelSession&) { freeGames(games); });
}
int32_t gamesRun(IntermodelSession* session, IntermodelGames* games, uint64_t steps, const IntermodelWatch* watch) {
  return during(session, [&](IntermodelSession& s) { runGames(s, *games, steps, *watch); });
}
int32_t gamesRead(IntermodelSession* session, IntermodelGames* games, double* states) {
  return during(session, [&](IntermodelSession& s) { readGames(s, *games, states); });
}
int32_t gamesWrite(IntermodelSession* session, IntermodelGames* games, const double* states) {
  return during(session, [&](IntermodelSession& s) { writeGames(s, *games, states); });
}
int32_t gamesFactors(IntermodelSession* session, IntermodelGames* games, const double* loss, const double* rank) {
  return during(session, [&](IntermodelSession& s) { setFactors(s, *games, loss, rank); });
}
int32_t gamesOrders(IntermodelSession* session, IntermodelGames* games, const int32_t* rows, size_t length) {
  return during(session, [&](IntermodelSession& s) { setOrders(s, *games, rows, length); });
}

const IntermodelCuda kInterface{
    INTERMODEL_CUDA_VERSION,
    sizeof(IntermodelCuda),
    kKind,
    kBuilt,
    kNeeds,
    devices,
    describe,
    open,
    close,
    reasonOf,
    held,
    upload,
    forget,
    copyRate,
    headCreate,
    headFree,
    removalCall,
    removalSingleCall,
    gramCall,
    forwardCall,
    gradientCall,
    maskCall,
    weightGradientCall,
    payoffCall,
    projectCall,
    boundedCall,
    residualsCall,
    meansCall,
    ledgerCall,
    gamesCreate,
    gamesFree,
    gamesRun,
    gamesRead,
    gamesWrite,
    gamesFactors,
    gamesOrders,
};

}  // namespace
}  // namespace intermodel::gpu

extern "C" const IntermodelCuda* intermodel_cuda(uint32_t version) {
  return version == INTERMODEL_CUDA_VERSION ? &intermodel::gpu::kInterface : nullptr;
}
