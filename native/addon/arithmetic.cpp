#include <algorithm>
#include <vector>

#include "engine.hpp"
#include "intermodel/thread_pool.hpp"

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

/// An array whose length is checked once the sizes behind it are known.
std::span<double> pending(Args& args, const char* name) { return args.f64Out(name, args.peekLength(name)); }

void checkLength(const Args& args, const char* name, std::size_t found, std::size_t length) {
  if (found != length)
    args.fail("BTM_SHAPE", name, "must have length " + std::to_string(length) + ", got " + std::to_string(found));
}

/// softmax(out, z, rows, columns)
Napi::Value softmax(const Engine& engine, Args& args) {
  const auto out = pending(args, "out");
  const auto z = pending(args, "z");
  const std::size_t rows = args.size("rows"), columns = args.size("columns");
  const std::size_t length = checkedProduct(rows, columns);
  checkLength(args, "out", out.size(), length);
  checkLength(args, "z", z.size(), length);
  if (length > 0) engine.kernels.arithmetic.softmax(z.data(), out.data(), rows, columns);
  return args.env().Undefined();
}

/// logSumExp(out, z, rows, columns)
Napi::Value logSumExp(const Engine& engine, Args& args) {
  const auto out = pending(args, "out");
  const auto z = pending(args, "z");
  const std::size_t rows = args.size("rows"), columns = args.size("columns");
  checkLength(args, "out", out.size(), rows);
  checkLength(args, "z", z.size(), checkedProduct(rows, columns));
  engine.kernels.arithmetic.logSumExp(z.data(), out.data(), rows, columns);
  return args.env().Undefined();
}

/// treeSum(x) -> number
Napi::Value treeSum(const Engine& engine, Args& args) {
  const auto x = pending(args, "x");
  return Napi::Number::New(args.env(), engine.kernels.arithmetic.treeSum(x.data(), x.size()));
}

/// treeDot(a, b) -> number
Napi::Value treeDot(const Engine& engine, Args& args) {
  const auto a = pending(args, "a");
  const auto b = args.f64("b", a.size());
  return Napi::Number::New(args.env(), engine.kernels.arithmetic.treeDot(a.data(), b.data(), a.size()));
}

/// Splits the rows of a product over the threads; each output is one chain, so the split changes no bit.
void multiply(const Engine& engine, const GemmArguments& whole) {
  constexpr std::size_t kWorthSplitting = 1u << 20;  // fused multiply-adds
  const ArithmeticKernels& kernels = engine.kernels.arithmetic;
  const bool split = whole.m > 1 && whole.n > 0 && whole.k > kWorthSplitting / whole.n / whole.m;
  const std::size_t parts = split ? std::min<std::size_t>(static_cast<std::size_t>(engine.threads), whole.m) : 1;
  const std::size_t rows = (whole.m + parts - 1) / parts;
  std::vector<GemmArguments> part;
  std::vector<std::vector<double>> scratch;
  for (std::size_t first = 0; first < whole.m; first += rows) {
    GemmArguments g = whole;
    g.m = std::min(rows, whole.m - first);
    g.a += first * g.aRow;
    g.c += first * g.cRow;
    if (g.init != nullptr) g.init += first * g.initRow;
    part.push_back(g);
    scratch.emplace_back(kernels.gemmScratch(g));
  }
  parallelFor(engine.threads, part.size(), [&](std::size_t i) { kernels.gemm(part[i], scratch[i].data()); });
}

/// matMul(out, a, b, init, m, k, n, transposeA, transposeB)
Napi::Value matMul(const Engine& engine, Args& args) {
  const auto out = pending(args, "out"), a = pending(args, "a"), b = pending(args, "b"), init = pending(args, "init");
  const std::size_t m = args.size("m"), k = args.size("k"), n = args.size("n");
  const bool transposeA = args.boolean("transposeA"), transposeB = args.boolean("transposeB");
  checkLength(args, "out", out.size(), checkedProduct(m, n));
  checkLength(args, "a", a.size(), checkedProduct(m, k));
  checkLength(args, "b", b.size(), checkedProduct(k, n));
  if (!init.empty() && init.size() != n) checkLength(args, "init", init.size(), m * n);
  if (out.empty()) return args.env().Undefined();
  GemmArguments g{};
  g.m = m, g.n = n, g.k = k;
  g.a = a.data(), g.aRow = transposeA ? 1 : k, g.aColumn = transposeA ? m : 1;
  g.b = b.data(), g.bRow = transposeB ? 1 : n, g.bColumn = transposeB ? k : 1;
  g.init = init.empty() ? nullptr : init.data(), g.initRow = init.size() == n ? 0 : n;
  g.c = out.data(), g.cRow = n;
  multiply(engine, g);
  return args.env().Undefined();
}

/// matVec(out, a, x, init, m, k)
Napi::Value matVec(const Engine& engine, Args& args) {
  const auto out = pending(args, "out"), a = pending(args, "a"), x = pending(args, "x"), init = pending(args, "init");
  const std::size_t m = args.size("m"), k = args.size("k");
  checkLength(args, "out", out.size(), m);
  checkLength(args, "a", a.size(), checkedProduct(m, k));
  checkLength(args, "x", x.size(), k);
  if (!init.empty()) checkLength(args, "init", init.size(), m);
  engine.kernels.arithmetic.matVec(a.data(), k, x.data(), init.empty() ? nullptr : init.data(), out.data(), m, k);
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
  methods.add("tanh", elementwise<&ArithmeticKernels::tanh>);
  methods.add("softmax", softmax);
  methods.add("logSumExp", logSumExp);
  methods.add("treeSum", treeSum);
  methods.add("treeDot", treeDot);
  methods.add("matMul", matMul);
  methods.add("matVec", matVec);
}

}  // namespace intermodel::addon
