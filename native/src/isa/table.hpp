/// The kernel table of the instruction set that the including file was compiled for. Included once per file here.
#pragma once

#include "../arithmetic_kernels.hpp"
#include "../competition_kernels.hpp"
#include "../curvature_kernels.hpp"
#include "../dense_kernels.hpp"
#include "../distillation.hpp"
#include "../epoch_kernels.hpp"
#include "../equilibrium_kernels.hpp"
#include "../equilibrium_rows_kernels.hpp"
#include "../gating_product_key.hpp"
#include "../kernel_table.hpp"
#include "../ledger_kernels.hpp"
#include "../payoff_kernels.hpp"
#include "../projection_kernels.hpp"
#include "../ranking_kernels.hpp"
#include "../stacking_kernels.hpp"

namespace intermodel {
namespace {

constexpr KernelTable kernelTable() {
  return {
      .name = INTERMODEL_ISA_NAME,
      .lanes = kLanes,
      .arithmetic = arithmeticKernels(),
      .distillation = distillationKernels(),
      .gating = gatingKernels(),
      .curvature = curvature::curvatureKernels(),
      .dense = dense::denseKernels(),
      .ledger = ledgerKernels(),
      .ranking = ranking::rankingKernels(),
      .competition = competition::competitionKernels(),
      .payoff = payoff::payoffKernels(),
      .projection = projection::projectionKernels(),
      .epoch = epoch::epochKernels(),
      .equilibrium = lanes::equilibriumKernels(),
      .rows = rows::rowSearchKernels(),
      .stacking = stacking::stackingKernels(),
  };
}

}  // namespace
}  // namespace intermodel
