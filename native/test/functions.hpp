/// The elementwise functions by name, and the hash of each over the common points (see points.hpp).
#pragma once

#include "arithmetic.hpp"

struct NamedFunction {
  const char* name;
  intermodel::ArithmeticKernels::Elementwise intermodel::ArithmeticKernels::*member;
};

inline constexpr NamedFunction kFunctions[] = {
    {"exp", &intermodel::ArithmeticKernels::exp},
    {"expm1", &intermodel::ArithmeticKernels::expm1},
    {"log", &intermodel::ArithmeticKernels::log},
    {"log1p", &intermodel::ArithmeticKernels::log1p},
    {"sigmoid", &intermodel::ArithmeticKernels::sigmoid},
    {"sigmoidDerivative", &intermodel::ArithmeticKernels::sigmoidDerivative},
    {"tanh", &intermodel::ArithmeticKernels::tanh},
};
