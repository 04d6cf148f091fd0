#!/usr/bin/env bash
# The C++ tests under the address, undefined-behaviour and thread sanitisers, then the addon itself inside Node under the
# first two, with hostile calls of every method: scripts/test-sanitize.sh [CALLS, default 100000]
set -euo pipefail
cd "$(dirname "$0")/.."
calls=${1:-100000}

native() { # NAME FLAGS: builds and runs the C++ tests
  cmake -S native -B "build/$1" -DCMAKE_BUILD_TYPE=Debug -DINTERMODEL_TESTS=ON -DCMAKE_CXX_FLAGS="-O1 -g1 $2" > /dev/null
  cmake --build "build/$1" --parallel 2
  ctest --test-dir "build/$1" --output-on-failure
}
native sanitize-address "-fsanitize=address,undefined -fno-sanitize-recover=undefined"
native sanitize-thread "-fsanitize=thread"

cmake -S . -B build/sanitize-addon -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_JS_INC="$PWD/node_modules/node-api-headers/include;$PWD/node_modules/node-addon-api" \
  -DCMAKE_CXX_FLAGS="-O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -DBUILDING_NODE_EXTENSION" > /dev/null
cmake --build build/sanitize-addon --parallel 2
# Node itself is not instrumented: the runtimes come first, and what Node leaves at its exit is not ours to report.
LD_PRELOAD="$(g++ -print-file-name=libasan.so):$(g++ -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 \
  INTERMODEL_NATIVE="$PWD/build/sanitize-addon/Release/intermodel.node" \
  node lib/test/backend/support/native-rounds.js "$calls" "${2:-1}"
