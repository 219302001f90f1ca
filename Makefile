# Everything one does with a checkout. Needs make and Python 3.11; sets up .venv by itself.
# On Linux the torch of the public index carries CUDA. For the small CPU build:
#   PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make test

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
CORE := $(VENV)/.core
FULL := $(VENV)/.full
DEMO ?= demo

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test lint bench docs clean

help: ## list these targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

setup: $(FULL) ## make .venv with everything needed to run, train, test and lint

demo: $(CORE) ## simulate a town, strike it, map it, score it, report it (DEMO=folder, default demo)
	$(BIN)/geomage demo -o $(DEMO) --overwrite

test: $(FULL) ## run the tests, a file to each core (TESTS=… for some of them)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(TESTS)

lint: $(FULL) ## ruff, mypy, and the order of rooms
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(FULL) ## measure the shipped model on the real imagery of GEOMAGE_DATA or ../shared/data
	$(BIN)/python -m benchmarks

docs: $(FULL) ## write docs/commands.md and docs/sensors.md anew from the package itself
	$(BIN)/python dev/write_commands.py
	$(BIN)/python dev/write_sensors.py

clean: ## remove .venv, caches and build outputs; results of runs stay
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests benchmarks dev -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: install Python 3.11, or say make PYTHON=…" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

# The core install, enough for the demo: no torch. Compiled, as a package that is not editable is:
# each command would else begin with a second of compiling where Python may not write beside it.
$(CORE): pyproject.toml constraints.txt | $(BIN)/python
	@echo "setting up $(VENV) (core), a minute or two the first time" >&2
	$(PIP) --editable .
	@$(BIN)/python -m compileall -q src
	@touch $@

# The core, training, development, and the path tracers that our own light is checked with: those
# two take 440 MB to fetch and 1 GB of disk.
$(FULL): pyproject.toml constraints.txt | $(BIN)/python
	@echo "setting up $(VENV) (train, fit, mitsuba, blender, cluster, patches, pdf, web, dev), a few minutes the first time" >&2
	$(PIP) --editable '.[train,fit,mitsuba,blender,cluster,patches,pdf,web,dev]'
	@$(BIN)/python -m compileall -q src
	@touch $(CORE) $@
