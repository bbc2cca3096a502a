#!/usr/bin/env bash
# Builds the native core with the address and undefined-behaviour sanitizers, and gives it broken
# files, posteriors and settings. See `make sanitize`.
#   native/fuzz/run.sh [SECONDS] [TARGET...]      SECONDS (120) are shared by the targets
# CXX=g++ or clang++ chooses the compiler. What ends a target is left in build/sanitize-*/findings.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-120}
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || targets=(fuzz_scorer fuzz_dictionary fuzz_search fuzz_aligner fuzz_ctc_loss fuzz_kernels fuzz_int8 fuzz_lstm)

has_libfuzzer() {
  echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }' |
    "$1" -x c++ -fsanitize=fuzzer,address -o /dev/null - 2>/dev/null
}
if [ -z "${CXX:-}" ]; then
  if has_libfuzzer clang++; then CXX=clang++; else CXX=c++; fi
fi

cmake=cmake
if ! command -v cmake >/dev/null; then
  [ -x build/tools/bin/cmake ] || { python3 -m venv build/tools && build/tools/bin/pip install --quiet cmake; }
  cmake=build/tools/bin/cmake
fi

build=build/sanitize-$(basename "$CXX")
"$cmake" -S . -B "$build" -DCMAKE_CXX_COMPILER="$CXX" -DSTT_SANITIZE=ON -DSTT_FUZZ=ON \
  -DSTT_PYTHON=OFF -DSTT_WERROR=ON >/dev/null
"$cmake" --build "$build" -j2

bin=$build/native/fuzz
seeds=$build/seeds
findings=$build/findings
mkdir -p "$findings"
"$bin/write_seeds" "$seeds"
# Files of upstream's, where the tests' reference files are. Large ones would slow every run.
find ../shared/oracle/decoder/scorers -name '*.scorer' -size -64k -exec cp {} "$seeds/fuzz_scorer" \; 2>/dev/null || true

export ASAN_OPTIONS=handle_abort=1:detect_stack_use_after_return=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1
for target in "${targets[@]}"; do
  # What libFuzzer finds worth keeping; anew each time, since reading it back would take of the time.
  corpus=$build/corpus/$target
  rm -rf "$corpus"
  log=$build/$target.log
  mkdir -p "$corpus"
  if "$bin/$target" -max_total_time=$((seconds / ${#targets[@]})) -timeout=60 -rss_limit_mb=4096 \
    -print_final_stats=1 -artifact_prefix="$findings/$target-" "$corpus" "$seeds/$target" \
    >"$log" 2>&1; then
    echo "$target: $(grep -oE '[0-9]+ runs|executed_units: +[0-9]+' "$log" | tail -1)," \
      "$((seconds / ${#targets[@]})) s, no finding"
  else
    tail -60 "$log"
    echo "$target: FAILED, see $log and $findings"
    exit 1
  fi
done
