# The two commands: `make demo` (a whole simulated school) and `make test`. Each sets itself up from a bare checkout.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS ?=
NAME ?= latency

.DEFAULT_GOAL := help
.PHONY: help demo test check bench format clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/demo.done ## a simulated school, its gateway and its county; ARGS="--headless" plays the scripted day
	@$(BIN)/campus-gateway demo $(ARGS)

test: $(VENV)/test.done ## all tests (real mosquitto, chromium and ffmpeg are used where they are installed)
	@$(BIN)/python -m pytest --numprocesses 3 --dist loadfile $(ARGS)

check: $(VENV)/test.done ## formatting, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: $(VENV)/test.done ## one benchmark: make bench NAME=latency|storm|idle|bus|receivers|record|clip|picture
	@$(BIN)/campus-gateway bench $(NAME) $(ARGS)

format: $(VENV)/test.done ## put the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .hypothesis

$(VENV)/demo.done: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed: make PYTHON=python3.12 …"; exit 1; }
	@echo "Setting up the virtual environment …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt install python3-venv"; exit 1; }
	@$(PIP) install --constraint constraints.txt --editable '.[demo]'
	@touch $@

$(VENV)/test.done: $(VENV)/demo.done
	@$(PIP) install --constraint constraints.txt --editable '.[test]'
	@touch $@
