#!/usr/bin/env bash
# Compiles the runtime's products for 64-bit ARM, and has its kernels compared with each other on an
# emulated processor with the instructions for dot products, and on one without.
#   apt install cmake g++-aarch64-linux-gnu qemu-user
#   native/fuzz/run_arm.sh [SECONDS]      for each target and processor (20)
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-20}
build=build/arm
cmake -S . -B "$build" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
  -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DCMAKE_EXE_LINKER_FLAGS=-static \
  -DSTT_FUZZ=ON -DSTT_PYTHON=OFF -DSTT_KENLM=OFF -DSTT_WERROR=ON >/dev/null
cmake --build "$build" -j2 --target write_seeds fuzz_int8 fuzz_lstm

bin=$build/native/fuzz
qemu-aarch64 "$bin/write_seeds" "$build/seeds"
mkdir -p "$build/corpus" "$build/findings"
for processor in max cortex-a53; do
  for target in fuzz_int8 fuzz_lstm; do
    echo "$target on $processor: $(qemu-aarch64 -cpu "$processor" "$bin/$target" \
      -max_total_time="$seconds" -artifact_prefix="$build/findings/$target-" \
      "$build/corpus" "$build/seeds/$target" | tail -1)"
  done
done
