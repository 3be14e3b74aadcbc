# Every task here, by name; `make` alone lists them. Needs Python 3.11 or newer with pip, make, and git.

PYTHON ?= python3
# Which environment of samconfig.toml: default, staging or production.
ENV ?= default

export SAM_CLI_TELEMETRY := 0

BIN := .venv/bin
AWS_BIN := .venv-aws/bin

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help dev docs site pictures local-tools lock fix lint types check audit unit test demo bench bench-decisions bench-caches bench-commands build check-deploy review deploy destroy adopt sbom release clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ── Environments: pinned and hashed, created once and again only when a lock changes ─────────────────────────────────

dev: .venv/ready ## Make .venv: the command line (.venv/bin/rampart), tests and tools
local-tools: .venv-aws/ready ## Make .venv-aws: SAM CLI and MiniStack, AWS without Docker

# The lock is exported, because `uv sync` fetches from the addresses in the lock, past any mirror in UV_DEFAULT_INDEX.
.venv/ready: requirements/uv.txt uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Rampart needs Python 3.11 or newer: make PYTHON=/path/to/python3")'
	$(PYTHON) -m venv --without-pip .venv
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --require-hashes --requirement requirements/uv.txt
	$(EXPORT) --no-emit-project --output-file .venv/requirements.txt
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes .venv/requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.venv-aws/ready: requirements/local.txt | .venv/ready
	$(PYTHON) -m venv --without-pip .venv-aws
	$(BIN)/uv pip sync --quiet --python $(AWS_BIN)/python --require-hashes requirements/local.txt
	@touch $@

.venv-checkov/ready: requirements/checkov.txt | .venv/ready
	$(PYTHON) -m venv --without-pip .venv-checkov
	$(BIN)/uv pip sync --quiet --python .venv-checkov/bin/python --require-hashes requirements/checkov.txt
	@touch $@

EXPORT := $(BIN)/uv export --quiet --frozen --no-header --format requirements.txt
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url

lock: | .venv/ready ## Bring all locks up to date with pyproject.toml and requirements/*.in (UPGRADE=1: newest releases too)
	$(BIN)/uv lock --quiet $(if $(UPGRADE),--upgrade)
	$(EXPORT) --only-group uv --output-file requirements/uv.txt
	$(EXPORT) --only-group lambda --output-file layers/dependencies/requirements.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) requirements/local.in --output-file requirements/local.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) requirements/checkov.in --output-file requirements/checkov.txt

# ── Checks ───────────────────────────────────────────────────────────────────────────────────────────────────────────

fix: dev ## Format the code and fix what ruff can fix
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

docs: dev ## Write the pages of docs that come from the code: plan, findings, notices, commands, and both schemas
	$(BIN)/python -m rampart_cli.commands_page docs/commands.md
	$(BIN)/python -m rampart_cli.plan_page docs/plan.md
	$(BIN)/python -m rampart_cli.findings_page docs/findings.md
	$(BIN)/rampart plan schema > docs/plan.schema.json
	$(BIN)/python -m rampart_cli.event_schema docs/event.schema.json
	$(BIN)/python -m tests.notices

site: dev ## Build the documentation's site into .rampart/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

pictures: dev local-tools ## Take the documentation's pictures of a rollout on the local stack (needs Debian's chromium)
	$(BIN)/python -m tests.pictures

lint: dev ## Style, imports between packages, spelling, and the template in both partitions
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	PYTHONPATH=. $(BIN)/lint-imports --no-cache > .venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	$(BIN)/codespell
	$(BIN)/pytest --quiet --no-header --no-summary tests/contract/test_words.py
	$(BIN)/cfn-lint template.yaml --regions us-east-1 us-gov-west-1

types: dev ## mypy, strictly
	$(BIN)/mypy

check: lint types audit .venv-checkov/ready ## Lint, types, and security scans of code, template, and packages
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive layers/rampart cli functions
	.venv-checkov/bin/checkov --config-file .checkov.yaml

audit: dev ## Known vulnerabilities in the packages for Lambda
	$(BIN)/python requirements/audit.py layers/dependencies/requirements.txt

unit: dev ## The unit tests without the long ones, in parallel: a minute or so
	$(BIN)/pytest tests/unit -m "not long" --quiet $(PARALLEL)

# What is named in T alone; the local stack is needed by end-to-end tests only.
test: $(if $(T),dev $(if $(findstring e2e,$(T)),local-tools),lint types local-tools) ## Lint, types and all tests; make test T=tests/unit/rollout runs just these
	$(BIN)/pytest $(or $(T),$(PARALLEL))

PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadgroup

# ── The local stack ──────────────────────────────────────────────────────────────────────────────────────────────────

demo: dev local-tools ## Run the demo on this machine (KEEP=1 leaves the stack up)
	@$(BIN)/python -m local.demo $(if $(KEEP),--keep)

bench: bench-decisions bench-caches bench-commands ## Run every measurement

bench-decisions: dev ## Measure how often the rules decide correctly, and how soon; DATA=FOLDER adds real counts
	@$(BIN)/python -m benchmarks.decisions $(if $(DATA),--data $(DATA))

bench-caches: dev ## Measure how advances and rollbacks end when Flipper caches for a minute
	@$(BIN)/python -m benchmarks.caches

bench-commands: dev local-tools ## Measure how long people wait for each command
	@$(BIN)/python -m benchmarks.commands

# ── Lambda ───────────────────────────────────────────────────────────────────────────────────────────────────────────

# The layers are built for the processor that ENV's section of samconfig.toml names, on any machine. The functions get
# theirs from the same line, and `make deploy` refuses a section without it: the two can't differ.
SECTION = $(shell sed -n '/^\[$(ENV)\.deploy/,/^\[/p' samconfig.toml)
ARCHITECTURE = $(if $(findstring Architecture=x86_64,$(SECTION)),x86_64,arm64)
PLATFORM_arm64 := aarch64-manylinux2014
PLATFORM_x86_64 := x86_64-manylinux2014
# Bytecode for Lambda needs Lambda's release of Python; pyenv keeps its own outside of PATH.
PYTHON_OF_LAMBDA = $(firstword $(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/3.13*/bin/python3.13) python3.13)

build: export RAMPART_LAYER_TARGET = --python-version 3.13 --python-platform $(PLATFORM_$(ARCHITECTURE))
build: export RAMPART_LAYER_PYTHON = $(PYTHON_OF_LAMBDA)
build: export PATH := $(CURDIR)/$(BIN):$(PATH)
build: dev local-tools sbom ## Build for Lambda into .aws-sam, for ENV's processor, with its bill of materials
	@$(RAMPART_LAYER_PYTHON) -c '' 2>/dev/null || echo "python3.13 isn't installed, so the layers ship without bytecode and cold starts take longer (uv python install 3.13)"
	$(AWS_BIN)/sam build --parallel --config-env $(ENV)

check-deploy: dev ## Whether ENV's section of samconfig.toml is whole, and these credentials are for its account
	@PYTHONPATH=. $(BIN)/python -m deploy.check $(ENV)

review: check-deploy build ## Build, and make a change set for people to review; nothing changes
	@PYTHONPATH=. $(BIN)/python -m deploy $(ENV) --review

deploy: check-deploy build ## Build and deploy to AWS (ENV=default, staging, or production; YES=1 asks no one)
	@PYTHONPATH=. $(BIN)/python -m deploy $(ENV) $(if $(YES),--yes)

destroy: dev ## Take ENV's stack down, unless a rollout is watched; its table stays
	@PYTHONPATH=. $(BIN)/python -m deploy.destroy $(ENV)

adopt: dev ## Begin a new stack with the table that an earlier one left (TABLE=name)
	@PYTHONPATH=. $(BIN)/python -m deploy.adopt $(ENV) $(TABLE)

sbom: .rampart/sbom.json ## Write the bill of materials for Lambda: .rampart/sbom.json (CycloneDX)

.rampart/sbom.json: layers/dependencies/requirements.txt pyproject.toml .venv/ready
	@mkdir -p $(@D)
	$(BIN)/python -W ignore -m cyclonedx_py requirements $< --pyproject pyproject.toml --output-reproducible --output-file $@

release: dev ## Check version and changelog, build the wheel into dist, and try it in a clean environment
	@PYTHONPATH=. $(BIN)/python -m deploy.release

clean: ## Remove everything that was created here
	rm -rf .venv .venv-aws .venv-checkov .rampart dist .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -r {} +
