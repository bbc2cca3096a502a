#!/usr/bin/env bash
# Does the native code compile for the systems that are not at hand? With the compiler of the Python
# package `ziglang`, which brings the headers of all of them: packaging/compile_everywhere.sh
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/tools"
"$work/tools/bin/python" -m pip install --quiet ziglang

for target in x86_64-linux-gnu.2.28 aarch64-linux-gnu.2.28 x86_64-macos aarch64-macos \
  x86_64-windows-gnu aarch64-windows-gnu; do
  for file in native/*/*.cpp; do
    options=()
    case $target:$file in
      *:native/fuzz/* | *bindings.cpp) continue ;;  # they want a Python of that system
      *windows*:*mapped_file.cpp) continue ;;
      *linux*:*_windows.cpp | *macos*:*_windows.cpp) continue ;;
      *:native/kernels/*_kernel.cpp) options=(-DSTT_KERNEL=baseline '-DSTT_KERNEL_NAME="baseline"') ;;
    esac
    "$work/tools/bin/python" -m ziglang c++ -target "$target" -std=c++20 -O1 -Wall -Wextra -Werror -Inative \
      "${options[@]}" -c "$file" -o "$work/object.o"
  done
  echo "$target: compiles"
done
