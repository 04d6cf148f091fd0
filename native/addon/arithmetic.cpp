#include "engine.hpp"

namespace intermodel::addon {
namespace {

using Elementwise = void (*)(const double* x, double* out, std::size_t n);

/// name(out, x): out[k] = f(x[k]).
template <Elementwise ArithmeticKernels::*Kernel>
Napi::Value elementwise(const Engine& engine, Args& args) {
  const std::size_t length = args.peekLength("out");
  const auto out = args.f64Out("out", length);
  const auto x = args.f64("x", length);
  (engine.kernels.arithmetic.*Kernel)(x.data(), out.data(), length);
  return args.env().Undefined();
}

}  // namespace

void defineArithmetic(Methods& methods) {
  methods.add("exp", elementwise<&ArithmeticKernels::exp>);
  methods.add("expm1", elementwise<&ArithmeticKernels::expm1>);
  methods.add("log", elementwise<&ArithmeticKernels::log>);
  methods.add("log1p", elementwise<&ArithmeticKernels::log1p>);
  methods.add("sigmoid", elementwise<&ArithmeticKernels::sigmoid>);
  methods.add("sigmoidDerivative", elementwise<&ArithmeticKernels::sigmoidDerivative>);
}

}  // namespace intermodel::addon
