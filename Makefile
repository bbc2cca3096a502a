# `make tour` and `make test` are the two commands of the README: each sets up what it needs.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The newest PyTorch brings gigabytes of CUDA; this one is enough for everything here.
TORCH ?= torch==2.13.0

.PHONY: tour test setup system lint docs sanitize sanitize-tests clean

tour: $(VENV)/.tour
	@$(BIN)/python examples/tour/tour.py

test: setup lint
	$(BIN)/python -m pytest -q

# The documentation as a site, in build/site; a warning is an error.
docs: setup
	$(BIN)/python -m sphinx -q -E -W --keep-going -b html docs build/site

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: $(VENV)/.ready

# The output of each step goes to a file; its end is shown if the step fails.
LOG := build/setup.log
# A literal comma would end an argument of `call`.
comma := ,
step = @echo "[setup] $(1)"; mkdir -p build; { $(2); } >>$(LOG) 2>&1 || \
  { tail -n 20 $(LOG); echo "[setup] That failed; all of what it said is in $(LOG)"; exit 1; }

# What is not Python. For the tour: a compiler, and Boost for lmplz. For the tests: Boost's own, a
# browser for those of the web pages, a synthesiser, and convmv for file names. Only where this is Debian; what misses one says so elsewhere.
TOUR_PACKAGES := g++ libboost-program-options-dev libboost-thread-dev
TEST_PACKAGES := libboost-test-dev chromium espeak-ng convmv
PACKAGES ?= $(TOUR_PACKAGES) $(TEST_PACKAGES)

SOURCES := pyproject.toml CMakeLists.txt $(wildcard native/*.* native/*/*)

# The tour needs training, and the server, which its last lines mention.
$(VENV)/.tour: $(SOURCES) | $(VENV)/.torch
	$(call step,the toolkit to train and to serve; it is compiled: some minutes,\
	  $(BIN)/python -m pip install --editable '.[train$(comma)server]')
	@touch $@

# The tests need everything that the tour needs, and more.
$(VENV)/.ready: $(SOURCES) | $(VENV)/.torch
	@$(MAKE) --no-print-directory system PACKAGES="$(TEST_PACKAGES)"
	$(call step,the toolkit and what tests it; it is compiled: some minutes,\
	  $(BIN)/python -m pip install --editable '.[test]')
	@touch $(VENV)/.tour $@

$(VENV)/.torch:
	@$(MAKE) --no-print-directory system PACKAGES="$(TOUR_PACKAGES)"
	$(call step,a virtual environment in $(VENV),$(PYTHON) -m venv $(VENV) && \
	  $(BIN)/python -m pip install --upgrade pip)
	$(call step,$(TORCH),$(BIN)/python -m pip install "$(TORCH)")
	@touch $@

# Prints its command first, because it is the only step that changes anything outside this folder.
# Installs packages one by one, so that one that is unavailable does not prevent the others.
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
missing = command -v dpkg >/dev/null && for package in $(PACKAGES); do \
  dpkg -s $$package >/dev/null 2>&1 || printf '%s ' $$package; done
system:
	@mkdir -p build; missing=$$($(missing)); [ -z "$$missing" ] || { \
	  echo "[setup] Missing on this system; running: $(SUDO) apt-get install -y $$missing"; \
	  echo "[setup] (to leave that out: make ... TOUR_PACKAGES= TEST_PACKAGES=)"; \
	  { $(SUDO) apt-get -qq update && for package in $$missing; do \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
	    $$package; done; } >>$(LOG) 2>&1; \
	  missing=$$($(missing)); \
	  [ -z "$$missing" ] || echo "[setup] Going on without $$missing(see $(LOG))"; }

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
