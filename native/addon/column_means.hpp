/// Means down the columns of a matrix, for the rankings and for an epoch.
#pragma once

#include "engine.hpp"

namespace intermodel::addon {

/// out[j] = (sum over i of stake[i] matrix[i, j]) / divisor; a null stake counts one each. Where a sum overflowed
/// though its mean does not, it is made once more with terms made smaller by a power of two.
void columnMeans(const Engine& engine, const double* matrix, const double* stake, std::size_t rows, std::size_t n,
                 double divisor, double* out);

}  // namespace intermodel::addon
