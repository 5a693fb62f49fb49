# Chinchilla: `make` lists the targets.
PYTHON ?= python3
RAW ?= raw
OUT ?= processed

# an active virtual environment is used as it is; else one is made in .venv
VENV := $(if $(VIRTUAL_ENV),$(VIRTUAL_ENV),.venv)
BIN := $(VENV)/bin
BUILDER := $(VENV)/.chinchilla-builder
TRAINER := $(VENV)/.chinchilla-trainer
CHECKS := $(VENV)/.chinchilla-checks
DOCS := $(VENV)/.chinchilla-docs
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help build-dataset trainer lint test test-all format docs wheel bench clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

build-dataset: $(BUILDER) ## set up what the builder needs, then build RAW=raw into OUT=processed
	$(BIN)/chinchilla build --raw $(RAW) --out $(OUT)

trainer: $(TRAINER) ## set up what training, predicting and evaluating need beside the builder

lint: $(CHECKS) ## check format, lint and types alone
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint ## set up everything, then check format, lint, types, rooms and the quick tests
	$(BIN)/pytest -m "not slow and not real"

test-all: test ## run the slow tests and those of the published files too
	$(BIN)/pytest -m "slow or real"

format: $(CHECKS) ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(DOCS) ## write the command line's reference, then build the documentation into site/
	$(BIN)/python docs/cli_reference.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

wheel: | $(BIN)/python ## make sdist and wheel in dist/, install the wheel into a fresh environment, build the samples
	rm -rf dist
	$(INSTALL) build
	$(BIN)/python -m build --outdir dist .
	$(PYTHON) -m venv dist/venv
	dist/venv/bin/python -m pip install --quiet --disable-pip-version-check dist/chinchilla-*.whl
	cd dist && venv/bin/chinchilla build --out samples

bench: $(CHECKS) ## measure build and scorer against their floors, as ratios within this run
	$(BIN)/python benchmarks/build.py
	$(BIN)/python benchmarks/score.py

clean: ## remove what the targets made, the raw files excepted
	rm -rf .venv dist site .mypy_cache .pytest_cache .ruff_cache $(OUT)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; pass one with PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(BUILDER): pyproject.toml | $(BIN)/python
	$(INSTALL) -e .
	@touch $@

$(TRAINER): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[train,constrained]'
	@touch $@ $(BUILDER)

$(CHECKS): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[dev,train,constrained]'
	@touch $@ $(BUILDER) $(TRAINER)

$(DOCS): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[docs]'
	@touch $@ $(BUILDER)
