/// The C interface between the addon and a module that computes on a GPU.
///
/// A module is a shared library with one exported function, intermodel_cuda. Two are built from the same sources: the
/// CUDA module, and its host form, which runs the same kernels as ordinary loops. All arrays are host memory,
/// row-major; shapes are those of the kernels of the same name in src/backend. Arguments are checked by the caller.
///
/// Every function that can fail returns a status and never throws, prints or exits; reason() then says why. Calls on
/// one session exclude one another, so any thread may make them.
#ifndef INTERMODEL_CUDA_INTERFACE_H
#define INTERMODEL_CUDA_INTERFACE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define INTERMODEL_CUDA_VERSION 2u

enum {
  INTERMODEL_CUDA_OK = 0,
  INTERMODEL_CUDA_NO_MEMORY = 1,   ///< the device, or the limit set for the session, has too little memory
  INTERMODEL_CUDA_NO_DEVICE = 2,   ///< no device of that number
  INTERMODEL_CUDA_OLD_DRIVER = 3,  ///< the driver is older than the module needs
  INTERMODEL_CUDA_FAILED = 4       ///< a launch, a copy or the device itself failed
};

typedef struct IntermodelSession IntermodelSession;
typedef struct IntermodelHead IntermodelHead;
typedef struct IntermodelGames IntermodelGames;

typedef struct {
  int32_t device;
  uint64_t memory;    ///< most bytes of device memory for the work of one call; 0: a quarter of what is free
  uint64_t schedule;  ///< host form: seed of the order of blocks and threads; 0: ascending
  uint64_t fault;     ///< host form: 1 leaves barriers out, 2 refuses memory; the controls of its tests
} IntermodelOptions;

typedef struct {
  char name[256];
  int32_t major, minor;     ///< compute capability
  int32_t driver, runtime;  ///< as CUDA counts them: 13000 is 13.0
  uint64_t memory, free;    ///< bytes
} IntermodelDevice;

/// The responses of a batch and the head over them; one of the two response pointers is null.
typedef struct {
  const IntermodelHead* head;
  size_t peers;
  const size_t* offsets;  ///< [peers + 1]: where each peer's inputs begin
  size_t samples;
  const double* responses;
  const float* responses_f32;
  const double* baseline;   ///< [inputs], or null
  const int32_t* answered;  ///< [samples, peers], or null
  const double* weights;    ///< [samples], or null
  int32_t loss;
  const int32_t* labels;  ///< [samples], or null
  const double* targets;  ///< [samples, outputs], or null
} IntermodelBatch;

typedef struct {
  IntermodelBatch batch;
  int32_t estimator;
  size_t groups;
  const int32_t *group_offsets, *group_members;  ///< null: every peer is a group
  const double* noise;
  size_t draws, noise_per_sample;
  double *scores, *linear, *quadratic;  ///< [samples, groups]; the last two may be null
} IntermodelRemoval;

typedef struct {
  IntermodelBatch batch;
  double divisor;
  const double* upstream;  ///< [samples, outputs], or null to take the loss
  double *losses, *logits, *response_gradient, *parameter_gradient;
} IntermodelGradient;

/// Hessians of n participants: dense, shared, low rank, diagonal are 0 to 3.
typedef struct {
  const double* data;
  size_t length;  ///< doubles in data
  int32_t storage;
  size_t rank;
  int32_t own;
  size_t n;
} IntermodelHessians;

typedef struct {
  const IntermodelHessians* hessians;  ///< [hessian_count]
  size_t hessian_count;
  const int32_t* hessian_index;          ///< [count]
  const double *stake, *reference_mask;  ///< [count, n], [count, n, n]
  const double *terms, *settings;        ///< [count, 6], [9]: as createGameBatch takes them
  size_t count, n;
} IntermodelGameArrays;

/// A page of 64 dense rows of the ledger; rows beyond the last slot count as none.
typedef struct {
  const uint32_t* weights;  ///< [64, width]
  size_t width;
  size_t first;  ///< slot of its first row
} IntermodelLedgerPage;

/// How a run is watched: both functions are called between launches, with `context`.
typedef struct {
  void* context;
  int32_t (*cancelled)(void* context);
  void (*advance)(void* context, uint64_t steps);
} IntermodelWatch;

typedef struct {
  uint32_t version;   ///< INTERMODEL_CUDA_VERSION
  uint32_t size;      ///< of this structure
  const char* kind;   ///< "cuda", or "host" for the host form
  const char* built;  ///< with what
  int32_t needs;      ///< least driver, as cuDriverGetVersion counts; 0 where none is needed

  int32_t (*devices)(int32_t* count, char* reason, size_t reason_size);
  int32_t (*describe)(int32_t device, IntermodelDevice* out, char* reason, size_t reason_size);
  int32_t (*open)(const IntermodelOptions* options, IntermodelSession** out, char* reason, size_t reason_size);
  void (*close)(IntermodelSession*);
  /// Of the last call on this session that failed; valid until the next call.
  const char* (*reason)(IntermodelSession*);
  /// Bytes of device memory that the session holds between calls: uploads, heads and games.
  uint64_t (*held)(IntermodelSession*);

  /// Keeps a copy of host[0 .. bytes) on the device; calls that read from `host` then use it, until forget(host).
  int32_t (*upload)(IntermodelSession*, const void* host, size_t bytes);
  void (*forget)(IntermodelSession*, const void* host);

  /// Bytes read and written a second when the device copies `bytes` from one area to another.
  int32_t (*copy_rate)(IntermodelSession*, size_t bytes, double* rate);

  int32_t (*head_create)(IntermodelSession*, const double* parameters, const int32_t* sizes, const int32_t* activations,
                         size_t layers, IntermodelHead** out);
  void (*head_free)(IntermodelSession*, IntermodelHead*);

  int32_t (*removal)(IntermodelSession*, const IntermodelRemoval*, int32_t* finite);
  /// Gauss-Newton scores [samples, peers] of one linear layer in single precision: responses_f32, weights and loss of
  /// the batch alone are read.
  int32_t (*removal_single)(IntermodelSession*, const IntermodelBatch*, double* scores, int32_t* finite);
  int32_t (*gram)(IntermodelSession*, const IntermodelBatch*, double* gram, double* factor, int32_t* finite);
  int32_t (*forward)(IntermodelSession*, const IntermodelBatch*, double* logits, int32_t* finite);
  int32_t (*gradient)(IntermodelSession*, const IntermodelGradient*, int32_t* finite);

  int32_t (*mask)(IntermodelSession*, double* mask, double* derivative, double* shift, double* dead,
                  const double* weights, const double* stake, double temperature, int32_t exact, int32_t open,
                  size_t n);
  int32_t (*weight_gradient)(IntermodelSession*, const IntermodelHessians*, double* gradient, double* loss,
                             const double* mask, const double* derivative, const double* reference);
  int32_t (*payoff_gradient)(IntermodelSession*, double* out, const double* loss_gradient, const double* stake,
                             double loss_factor, double rank_factor, size_t n);
  int32_t (*project)(IntermodelSession*, double* out, const double* rows, double floor, size_t count, size_t n);
  int32_t (*bounded_step)(IntermodelSession*, double* out, const double* rows, const double* steps, double epsilon,
                          size_t count, size_t n);
  int32_t (*residuals)(IntermodelSession*, double* gap, double* natural, double* regret, const double* weights,
                       const double* gradient, double epsilon, size_t count, size_t n);
  int32_t (*column_means)(IntermodelSession*, double* out, const double* matrix, const double* stake, size_t rows,
                          size_t n, double divisor);

  /// low and high [slots]: the two words of the sums over rows of stake times weight, columns beyond the last slot left
  /// out.
  int32_t (*ledger_rank)(IntermodelSession*, const IntermodelLedgerPage* pages, size_t count, const uint64_t* stake,
                         size_t slots, uint64_t* low, uint64_t* high);

  int32_t (*games_create)(IntermodelSession*, const IntermodelGameArrays*, IntermodelGames** out);
  void (*games_free)(IntermodelSession*, IntermodelGames*);
  int32_t (*games_run)(IntermodelSession*, IntermodelGames*, uint64_t steps, const IntermodelWatch*);
  int32_t (*games_read)(IntermodelSession*, IntermodelGames*, double* states);
  int32_t (*games_write)(IntermodelSession*, IntermodelGames*, const double* states);
  int32_t (*games_factors)(IntermodelSession*, IntermodelGames*, const double* loss, const double* rank);
  int32_t (*games_orders)(IntermodelSession*, IntermodelGames*, const int32_t* rows, size_t length);
} IntermodelCuda;

/// The interface, or null where the module does not know that version.
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const IntermodelCuda*
intermodel_cuda(uint32_t version);

#ifdef __cplusplus
}
#endif
#endif
