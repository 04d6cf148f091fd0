/// One game with its rows in lanes: what every instruction set offers, and the steps made of it.
#pragma once

#include <stddef.h>

#include "equilibrium.hpp"

namespace intermodel {

/// The arrays of one search. "In lanes" is [groups, n, lanes]: group g holds rows g lanes .. (g + 1) lanes - 1.
struct RowSearch {
  size_t n, groups;
  PeerHessians form;
  const double* data;    ///< H as it was given
  const double* packed;  ///< one's own Hessians, group by group; see packedLength
  size_t packedLength;
  double *weights, *next, *gradient, *companion, *previous, *snapshot, *reference;  ///< in lanes
  double* matrix;                                                                   ///< next, row by row [n, n]
  double *stake, *slope, *bonus;                                                    ///< [groups lanes]
  double* shift;                                                                    ///< [n]
  double inverse, lossFactor;
  bool open, clip;
};

/// Each works on one group alone.
struct RowSearchKernels {
  size_t (*packedLength)(const PeerHessians& form);   ///< doubles per group; 0 where H is read as it is
  size_t (*scratchLength)(const PeerHessians& form);  ///< doubles per thread, aligned to 64 bytes
  void (*pack)(const RowSearch& search, size_t group, double* out);
  void (*intoLanes)(const double* matrix, double* out, size_t n);
  void (*outOfLanes)(const double* from, double* matrix, size_t n);
  void (*gradient)(const RowSearch& search, size_t group, double* scratch);
  double (*residual)(const RowSearch& search, size_t group, double* scratch);
  double (*distance)(const RowSearch& search, size_t group);
  void (*spectralSums)(const RowSearch& search, size_t group, double* sums);
  void (*move)(const RowSearch& search, size_t group, double rate, double* scratch);
};

}  // namespace intermodel
