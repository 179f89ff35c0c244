# Blindsight. `make` lists the targets. Everything is installed into .venv, inside the checkout.
#
#   PYTHON              the Python to build .venv with (default: the first 3.11 or newer found)
#   BLINDSIGHT_CACHE    where the compiled wheels are kept (default: .cache)
#   BLINDSIGHT_SERVERS  wheels: use the MQTT broker and Redis that pip installs, not the system's

SHELL := /bin/bash
.DEFAULT_GOAL := help

PY := .venv/bin/python
# A file's tests stay in one process, since they share servers; the longest files come first, as they are collected.
PYTEST := $(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Empty files whose dates say what has been done; nothing runs again until an input changes.
INSTALLED := .venv/.installed
PEERS := .venv/bench/.installed
ENGINE := .venv/.engine
SERVERS := .venv/.servers-$(or $(BLINDSIGHT_SERVERS),auto)

.PHONY: help install again shell demo test test-fast test-web test-engine test-faults fuzz soak check format bench paper clean

help: ## show this list
	@echo "Blindsight: encrypted frames in, encrypted labels out."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) $(ENGINE) $(SERVERS) ## create .venv with all that is needed (compiles Pyfhel and the engine, once)
	@$(if $(filter install,$(MAKECMDGOALS)),tools/installed.sh,:)

shell: install ## a shell in which the command `blindsight` is found
	@tools/shell.sh

demo: install ## cameras, broker and workers on this machine; options in ARGS="..."
	.venv/bin/blindsight demo $(ARGS)

test: install ## every test, and a round of each fault; with ARGS="..." only what pytest does with these
	$(PYTEST) $(ARGS)
	$(if $(ARGS),,$(PY) -m tests.faults --minutes 0.5)

test-fast: install ## the quick tests, in less than a minute
	$(PYTEST) -m "not slow" $(ARGS)

test-web: install ## the site in a browser, in Debian's Chromium
	$(PY) -m pytest -n 0 tests/integration/web $(ARGS)

test-engine: install ## the engine's tests with AddressSanitizer and UBSan; with ARGS="..." only what pytest does with these
	PYTHON=$(PY) tools/test-engine.sh $(ARGS)

test-faults: install ## kill, pause, cut off and fill up every part, and check that no frame is lost; ARGS="--rounds 20 --minutes 30"
	$(PY) -m tests.faults $(ARGS)

fuzz: install ## hostile bytes for every parser; ARGS="--minutes 10", ARGS=--help for more
	$(PY) -m tests.fuzz $(ARGS)

soak: install ## ten thousand frames from twenty devices with kills all along; ARGS="--frames N"
	$(PY) -m tests.faults.soak $(ARGS)

check: install ## lint, formatting, types and import rules
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-logo

format: install ## reformat the code and apply the linter's safe fixes
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: install $(PEERS) ## measure speed, sizes and errors, next to other libraries and beside hostile devices; ARGS=--quick for less
	$(PY) -m benchmarks.digits
	$(PY) -m benchmarks.sealed
	$(PY) -m benchmarks.peers $(ARGS)
	$(PY) -m benchmarks.growth $(ARGS)
	$(PY) -m benchmarks.hostile $(ARGS)

paper: install $(PEERS) ## measure the configurations of the paper, for docs/paper.md; DATA=frames.npz for other frames
	$(PY) -m benchmarks.paper $(DATA)

clean: ## remove .venv and build leftovers (the wheels in .cache stay)
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml $(addprefix tools/,install.sh build-pyfhel.sh pyfhel-toolchain.cmake lib.sh)
	@tools/install.sh
	@touch $@

# Where nothing can be compiled the engine is left out, and a `make install` tries again.
$(ENGINE): $(shell find engine -type f) tools/build-engine.sh tools/lib.sh $(if $(filter install,$(MAKECMDGOALS)),again) | $(INSTALLED)
	@PYTHON=$(PY) tools/build-engine.sh --step
	@touch $@

$(SERVERS): pyproject.toml tools/servers.sh tools/lib.sh | $(INSTALLED)
	@tools/servers.sh
	@touch $@

$(PEERS): pyproject.toml benchmarks/harness/install.py | $(INSTALLED)
	@$(PY) -m benchmarks.harness.install
	@touch $@
