/// Everything one instruction set offers. A new family adds its header, its member here, and one line in isa/table.hpp.
#pragma once

#include "arithmetic.hpp"
#include "competition.hpp"
#include "curvature.hpp"
#include "dense.hpp"
#include "distillation_kernels.hpp"
#include "epoch.hpp"
#include "equilibrium.hpp"
#include "equilibrium_rows.hpp"
#include "gating_kernels.hpp"
#include "ledger.hpp"
#include "payoff.hpp"
#include "projection.hpp"
#include "ranking.hpp"
#include "stacking.hpp"

namespace intermodel {

struct KernelTable {
  const char* name;  ///< 'scalar', 'neon', 'avx2', 'avx512'
  int lanes;         ///< doubles per vector
  ArithmeticKernels arithmetic;
  DistillationKernels distillation;
  GatingKernels gating;
  CurvatureKernels curvature;
  DenseKernels dense;
  LedgerKernels ledger;
  RankingKernels ranking;
  CompetitionKernels competition;
  PayoffKernels payoff;
  ProjectionKernels projection;
  EpochKernels epoch;
  EquilibriumKernels equilibrium;
  RowSearchKernels rows;
  StackingKernels stacking;
};

/// One per file under isa/; a build without that instruction set has no definition of it.
extern const KernelTable kScalarKernels;
extern const KernelTable kNeonKernels;
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;

}  // namespace intermodel
