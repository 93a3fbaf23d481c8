SHELL := /bin/bash
.DEFAULT_GOAL := help
export PYTHONUNBUFFERED := 1
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help setup run test lint infra lambdas test-image bench conformance lock clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml constraints.txt scripts/setup.sh
	@bash scripts/setup.sh
	@touch $@

setup: $(READY)  ## .venv/ with the pinned packages and the commands housing, train, serve

run: $(READY)  ## the main job: pipeline, gate, registry, endpoint, Lambda; results in out/
	@bash scripts/main_job.sh

test: $(READY)  ## all tests: unit, integration, end to end; a file at a time on each of two processes
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(READY)  ## ruff, mypy --strict, import contracts
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache

infra: $(READY)  ## checks of what is deployed: cfn-lint and checkov on the templates
	@bash scripts/infra.sh

test-image: $(READY)  ## build the CPU images and run the road in them; needs a Docker engine, or root and Debian's docker.io
	@bash scripts/test_image.sh

lambdas: $(READY)  ## the zips of the functions in build/lambdas/, the same bytes from the same sources
	@$(BIN)/python -m pipelines.packaging build/lambdas

bench: $(READY)  ## slow checks: accuracy, speed and cost against rivals, as JSON lines
	@$(BIN)/python -m benchmarks

conformance: $(READY)  ## the emulator held against a real account, where there are credentials; a plan and a price first
	@$(BIN)/housing conformance

lock: $(READY)  ## renew constraints.txt from pyproject.toml, and containers/locks/ from both
	@$(BIN)/pip-compile --quiet --extra all --strip-extras --no-annotate --no-header --no-emit-options -o constraints.txt pyproject.toml
	@sed -i 's/+cpu$$//; /^housing-crisis-ml/d; /^\(#\|$$\)/d' constraints.txt
	@bash containers/lock.sh

clean:  ## remove what was made, but not the environment
	@rm -rf out .emulator build dist .pytest_cache .mypy_cache .ruff_cache
