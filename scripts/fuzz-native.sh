#!/usr/bin/env bash
# Fuzzes the native library, family by family, under the address and undefined-behaviour sanitisers; every instruction set must give
# the scalar bits: scripts/fuzz-native.sh [RUNS of each target, default 1000000] [SEED, default 1] [TARGET ...]
# What it finds is written to build/fuzz/findings. Needs clang and its runtime (on Debian: clang, libclang-rt-14-dev).
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-1000000}
seed=${2:-1}
shift $(($# > 2 ? 2 : $#))
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(arithmetic curvature distillation equilibrium gating ledger mechanism stacking)
cmake -S native -B build/fuzz -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=clang++ -DINTERMODEL_FUZZ=ON > /dev/null
cmake --build build/fuzz --parallel 2
mkdir -p build/fuzz/findings
for target in "${targets[@]}"; do
  mkdir -p "build/fuzz/corpus/$target"
  "build/fuzz/fuzz/${target}_fuzz" -runs="$runs" -seed="$seed" -max_len=2048 -len_control=0 -print_final_stats=1 \
    -artifact_prefix=build/fuzz/findings/ "build/fuzz/corpus/$target" 2> "build/fuzz/$target.log" || {
    tail -40 "build/fuzz/$target.log"
    echo "$target: stopped at a finding"
    exit 1
  }
  echo "$target: $(sed -n 's/stat::number_of_executed_units: *//p' "build/fuzz/$target.log") executions, 0 findings"
done
