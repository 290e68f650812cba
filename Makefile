# Two commands matter: `make rehearse` shows a whole launch, `make test` is what CI and pre-commit run.
UV := scripts/uv
# The environment is brought up to date once by `env`, so that no step looks again.
RUN := $(UV) run --no-sync
PYTEST_ARGS ?=
# File by file, in their order: a module's servers are started once.
SIDE_BY_SIDE := --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help env rehearse test check format lint types imports fresh browser pytest fix picture docs

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

rehearse: ## the whole TEEI launch in the sandbox, on a virtual clock
	@$(UV) sync --quiet --locked --inexact --no-dev --extra sandbox
	@$(RUN) tminus rehearse plans/teei-csr.yaml

env: # the locked environment in .venv
	@$(UV) sync --quiet --locked

test: check pytest ## everything but the browser: style, types, import directions, published files, all tests

check: format lint types imports fresh ## what needs no server

format: env ## formatting
	@$(RUN) ruff format --check

lint: env ## style
	@$(RUN) ruff check

types: env ## types, strictly
	@$(RUN) mypy
	@$(RUN) mypy --explicit-package-bases $(wildcard benchmarks/*.py scripts/*.py)

imports: env ## which package may import which
	@$(RUN) lint-imports --no-logo

fresh: env ## the published schema and reference are those of the model
	@$(RUN) pytest -q -p no:cacheprovider tests/console/test_plan_reference.py

browser: env ## a whole launch approved by pressing Resume in headless Chromium (about five minutes)
	@scripts/system-packages browser
	@$(RUN) pytest -m browser tests/browser $(PYTEST_ARGS)

pytest: env ## all tests, side by side; PYTEST_ARGS narrows them
	@scripts/system-packages servers
	@$(RUN) python scripts/node_packages.py
	@$(RUN) pytest $(or $(PYTEST_ARGS),$(SIDE_BY_SIDE))

fix: env ## format, and mend what ruff can
	@$(RUN) ruff check --fix
	@$(RUN) ruff format

picture: env ## take the README's picture: a real rehearsal
	@$(RUN) python scripts/picture.py

docs: env ## write the schema and the plan reference from the model
	@$(RUN) python -m console.plan_reference
