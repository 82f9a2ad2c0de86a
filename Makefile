# make demo   set up .venv and see the agent at work: no model, no key, no network
# make test   everything that has to hold: style, types, architecture, tests

VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := .ci/constraints.txt
PYTHON ?= $(shell .ci/python)
UV := $(shell command -v uv 2>/dev/null)
CLIENTS := tests/interop/node_modules/.package-lock.json

.PHONY: help demo test check unit format clients coverage bench editors clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

demo: $(VENV)/.installed
	@$(BIN)/acp-agent demo

test: check unit

check: $(VENV)/.developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/basedpyright

unit: $(VENV)/.developed $(CLIENTS)
	$(BIN)/pytest -q -n auto

coverage: $(VENV)/.developed $(CLIENTS)
	$(BIN)/coverage run -m pytest -q
	$(BIN)/coverage report --skip-covered --sort=miss

format: $(VENV)/.developed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.developed
	$(BIN)/python -m tests.benchmarks
	$(BIN)/python -m tests.benchmarks.protocols
	$(BIN)/python -m tests.benchmarks.network
	$(BIN)/python -m tests.benchmarks.sandbox
	$(BIN)/python -m tests.benchmarks.undo

# What is in editor-configs; a test compares them.
editors: $(VENV)/.installed
	$(BIN)/python -m acp_agent.cli.editor_setup.pages editor-configs

clients: $(CLIENTS)

clean:
	rm -rf $(VENV) tests/interop/node_modules .pytest_cache .ruff_cache .hypothesis

# uv where it is there, venv and pip otherwise; compiled to bytecode either way, because an
# agent that compiles itself at its first start starts slowly.
$(VENV)/bin/python:
ifdef UV
	$(UV) venv --quiet --python $(PYTHON) $(VENV)
else
	$(PYTHON) -m venv $(VENV)
endif

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
ifdef UV
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --constraint $(CONSTRAINTS) --editable .
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) --editable .
endif
	@$(BIN)/python -m compileall -q acp_agent adapters
	@touch $@

$(VENV)/.developed: $(VENV)/.installed .ci/constraints.txt .ci/development.txt
ifdef UV
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --constraint $(CONSTRAINTS) --requirement .ci/development.txt
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) --requirement .ci/development.txt
endif
	@touch $@

# The real ACP clients that the tests drive, and the protocol's own schema.
$(CLIENTS): tests/interop/package.json tests/interop/package-lock.json
	cd tests/interop && npm ci --silent --no-fund --no-audit
	@touch $@
