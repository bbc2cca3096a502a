# `make tour` and `make test` are the two commands of the README: each sets up what it needs.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The newest PyTorch brings gigabytes of CUDA; this one is enough for everything here.
TORCH ?= torch==2.13.0

.PHONY: tour test setup system lint sanitize sanitize-tests clean

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

# Broken files, posteriors and settings for the native core under the address and undefined-behaviour
# sanitizers: after some minutes of building, SANITIZE_SECONDS of it.
SANITIZE_SECONDS ?= 120
sanitize:
	@$(MAKE) system PACKAGES="g++ make"
	native/fuzz/run.sh $(SANITIZE_SECONDS)

# The tests of the decoder, and of int8 products, with native modules under the sanitizers.
sanitize-tests: setup
	PYTHON=$(BIN)/python native/fuzz/run_tests.sh

clean:
	rm -rf $(VENV) build
