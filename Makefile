# `make tour` and `make test` are the two commands of the README: each sets up what it needs.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The newest PyTorch brings gigabytes of CUDA; this one is enough for everything here.
TORCH ?= torch==2.13.0

.PHONY: tour test setup system lint sanitize clean

tour: setup
	$(BIN)/python examples/tour/tour.py

test: setup lint
	$(BIN)/python -m pytest -q

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml CMakeLists.txt $(wildcard native/*)
	$(MAKE) system
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

# What is not Python: a compiler, Boost for lmplz, and a browser for the test of the web page.
# Only where this is Debian; the build and the tests say what they miss elsewhere.
PACKAGES := g++ libboost-program-options-dev libboost-thread-dev libboost-test-dev chromium
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
system:
	@missing=$$(command -v dpkg >/dev/null && for package in $(PACKAGES); do \
	  dpkg -s $$package >/dev/null 2>&1 || echo $$package; done); \
	[ -z "$$missing" ] || { $(SUDO) apt-get -qq update && \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get -qq install -y --no-install-recommends $$missing; } \
	  || echo "going on without: $$missing"

# The native core under the address and undefined-behaviour sanitizers.
sanitize:
	cmake -S . -B build/sanitize -DSTT_SANITIZE=ON -DSTT_PYTHON=OFF -DSTT_FUZZ=ON
	cmake --build build/sanitize -j2

clean:
	rm -rf $(VENV) build
