/// What the parts of the module offer the interface. Each throws Failure.
#pragma once

#include "session.hpp"

namespace intermodel::gpu {

IntermodelHead* createHead(IntermodelSession&, const double* parameters, const int32_t* sizes,
                           const int32_t* activations, size_t layers);
void freeHead(IntermodelSession&, IntermodelHead*);

bool removal(IntermodelSession&, const IntermodelRemoval&);
bool removalSingle(IntermodelSession&, const IntermodelBatch&, double* scores);
bool gram(IntermodelSession&, const IntermodelBatch&, double* gram, double* factor);
bool forward(IntermodelSession&, const IntermodelBatch&, double* logits);
bool gradient(IntermodelSession&, const IntermodelGradient&);

void mask(IntermodelSession&, double* mask, double* derivative, double* shift, double* dead, const double* weights,
          const double* stake, double temperature, bool exact, bool open, size_t n);
void weightGradient(IntermodelSession&, const IntermodelHessians&, double* gradient, double* loss, const double* mask,
                    const double* derivative, const double* reference);
void payoffGradient(IntermodelSession&, double* out, const double* lossGradient, const double* stake, double lossFactor,
                    double rankFactor, size_t n);
void project(IntermodelSession&, double* out, const double* rows, double floor, size_t count, size_t n);
void boundedStep(IntermodelSession&, double* out, const double* rows, const double* steps, double epsilon, size_t count,
                 size_t n);
void residuals(IntermodelSession&, double* gap, double* natural, double* regret, const double* weights,
               const double* gradient, double epsilon, size_t count, size_t n);
void columnMeans(IntermodelSession&, double* out, const double* matrix, const double* stake, size_t rows, size_t n,
                 double divisor);

void ledgerRank(IntermodelSession&, const IntermodelLedgerPage* pages, size_t count, const uint64_t* stake,
                size_t slots, uint64_t* low, uint64_t* high);

IntermodelGames* createGames(IntermodelSession&, const IntermodelGameArrays&);
void freeGames(IntermodelGames*);
void runGames(IntermodelSession&, IntermodelGames&, uint64_t steps, const IntermodelWatch&);
void readGames(IntermodelSession&, IntermodelGames&, double* states);
void writeGames(IntermodelSession&, IntermodelGames&, const double* states);
void setFactors(IntermodelSession&, IntermodelGames&, const double* loss, const double* rank);
void setOrders(IntermodelSession&, IntermodelGames&, const int32_t* rows, size_t length);

}  // namespace intermodel::gpu
