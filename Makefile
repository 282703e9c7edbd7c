# Two commands do everything on a fresh machine: `make demo` and `make test`. `make help` lists the rest.
# All of it happens in this folder (.venv, node_modules); the system's package manager is asked for tmux, git and, for the
# tests of the pages, Chromium.

PYTHON ?= python3
JOBS ?= 3 # tests at once: most of their time they wait for a screen
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
ASSETS := datasette_plugins/static/vendor/manifest.json

.PHONY: help setup assets demo test clients lint bench docs clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS='	' read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

setup: $(STAMP) assets ## environment in .venv, tmux when missing, page assets through npm
	@sh scripts/need.sh tmux tmux
	@sh scripts/need.sh git git

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "procy: Python 3.10 or newer is needed; try: make PYTHON=python3.12" >&2; exit 1; }
	@echo "procy: making $(VENV) and installing Python packages into it" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

assets: $(ASSETS)

$(ASSETS): package.json package-lock.json $(STAMP)
	@if command -v npm >/dev/null 2>&1; then \
	    echo "procy: fetching page assets with npm" >&2; \
	    npm ci --silent --ignore-scripts --no-audit --no-fund && $(BIN)/python -m procy.ui.vendor; \
	else \
	    echo "procy: npm is missing: the pages show text where the terminal player would be (install Node.js, then: make assets)" >&2; \
	fi

demo: setup ## watch procy record a scripted agent, then look at the pages (PROCY_DEMO_SECONDS ends it by itself)
	@$(BIN)/procy demo

test: setup ## the test suite; real tmux, real Datasette, real Chromium; no network, no agents
	@sh scripts/need.sh chromium chromium || echo "procy: the browser tests will be skipped" >&2
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

clients: setup ## the same with the real Claude Code and Codex from the npm registry
	@$(BIN)/python -m tests.clients.install || true
	@$(BIN)/python -m pytest -m clients -n $(JOBS) --dist worksteal --timeout 300 tests/clients

lint: setup ## ruff, mypy, import layers, documentation that agrees with the program
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/docs.py --check

docs: setup ## write the generated parts of README, docs/cli.md and docs/schema.md
	@$(BIN)/python scripts/docs.py

bench: setup ## what it costs, each figure beside its reference measured in the same run
	@$(BIN)/python -m bench

clean: ## remove what setup made
	rm -rf $(VENV) node_modules datasette_plugins/static/vendor
