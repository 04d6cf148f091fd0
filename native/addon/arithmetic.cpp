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
  const auto out = args.f64Out("out");
  const auto x = args.f64("x", out.size());
  (engine.kernels.arithmetic.*Kernel)(x.data(), out.data(), out.size());
  return args.env().Undefined();
}

/// softmax(out, z, rows, columns)
Napi::Value softmax(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const auto z = args.f64("z");
  Dim rows = args.dim("rows"), columns = args.dim("columns");
  args.expect("out", out, rows, columns);
  args.expect("z", z, rows, columns);
  if (!out.empty()) engine.kernels.arithmetic.softmax(z.data(), out.data(), rows, columns);
  return args.env().Undefined();
}

/// logSumExp(out, z, rows, columns)
Napi::Value logSumExp(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const auto z = args.f64("z");
  Dim rows = args.dim("rows"), columns = args.dim("columns");
  args.expect("out", out, rows);
  args.expect("z", z, rows, columns);
  engine.kernels.arithmetic.logSumExp(z.data(), out.data(), rows, columns);
  return args.env().Undefined();
}

/// treeSum(x) -> number
Napi::Value treeSum(const Engine& engine, Args& args) {
  const auto x = args.f64("x");
  return Napi::Number::New(args.env(), engine.kernels.arithmetic.treeSum(x.data(), x.size()));
}

/// treeDot(a, b) -> number
Napi::Value treeDot(const Engine& engine, Args& args) {
  const auto a = args.f64("a");
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
  const auto out = args.f64Out("out");
  const auto a = args.f64("a"), b = args.f64("b"), init = args.f64("init");
  Dim m = args.dim("m"), k = args.dim("k"), n = args.dim("n");
  const bool transposeA = args.boolean("transposeA"), transposeB = args.boolean("transposeB");
  args.expect("out", out, m, n);
  args.expect("a", a, m, k);
  args.expect("b", b, k, n);
  if (!init.empty() && init.size() != n) args.expect("init", init, m, n);
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
  const auto out = args.f64Out("out");
  const auto a = args.f64("a"), x = args.f64("x"), init = args.f64("init");
  Dim m = args.dim("m"), k = args.dim("k");
  args.expect("out", out, m);
  args.expect("a", a, m, k);
  args.expect("x", x, k);
  if (!init.empty()) args.expect("init", init, m);
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
