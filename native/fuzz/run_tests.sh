#!/usr/bin/env bash
# Runs the tests of the native modules with both built under the sanitizers. See
# `make sanitize-tests`.
#   [PYTHON=python3] native/fuzz/run_tests.sh [PYTEST_ARGUMENTS...]
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${PYTHON:-python3}
"$python" -m nanobind --cmake_dir >/dev/null 2>&1 || "$python" -m pip install --quiet nanobind
cmake=cmake
if ! command -v cmake >/dev/null; then
  "$python" -m pip install --quiet cmake
  cmake="$python -m cmake"
fi

build=build/sanitize-tests
$cmake -S . -B "$build" -DCMAKE_CXX_COMPILER=g++ -DSTT_SANITIZE=ON -DSTT_KENLM=OFF \
  -DPython_EXECUTABLE="$("$python" -c 'import sys; print(sys.executable)')" \
  -Dnanobind_DIR="$("$python" -m nanobind --cmake_dir)" >/dev/null
$cmake --build "$build" -j2

# The sources, with these modules in place of the ones that are installed.
packages=$build/packages
rm -rf "$packages"
cp -r src "$packages"
find "$packages" -name '_native*.so' -delete
cp "$build"/_native*.so "$packages/coqui_stt_ctcdecoder"
cp "$build"/stt/_native*.so "$packages/stt"

# An editable installation would lead imports back to its own modules.
read -r -d '' run <<'END' || true
import sys
sys.meta_path = [f for f in sys.meta_path if type(f).__name__ != "ScikitBuildRedirectingFinder"]
from coqui_stt_ctcdecoder import _native
if not _native.__file__.startswith(sys.argv[1]):
    sys.exit(f"the modules under test are not these but {_native.__file__}")
import pytest
sys.exit(pytest.main(sys.argv[2:]))
END

# Python itself is not built so: its leaks are not ours, and the sanitizers have to be there first.
libraries="$(for name in asan ubsan stdc++; do g++ -print-file-name="lib$name.so"; done)"
LD_PRELOAD=${libraries//$'\n'/ } \
  ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
  PYTHONPATH=$PWD/$packages "$python" -c "$run" "$PWD/$packages" -q -p no:cacheprovider \
  tests/unit/test_decoder.py tests/unit/test_kernels.py tests/unit/test_alphabet.py \
  tests/hostile/test_decoder_bad_input.py tests/hostile/test_scorer_files.py \
  tests/hostile/test_int8_input.py tests/oracle/test_decoder_goldens.py \
  tests/oracle/test_scorer_goldens.py "$@"
