# Two commands matter: `make rehearse` shows a whole launch, `make test` is what CI and pre-commit run.
UV := scripts/uv
RUN := $(UV) run --locked
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help rehearse test check format lint types imports fresh browser pytest fix picture docs

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

rehearse: ## the whole TEEI launch in the sandbox, on a virtual clock
	@$(UV) run --locked --no-dev --extra sandbox tminus rehearse plans/teei-csr.yaml

test: check browser pytest ## everything: style, types, import directions, published files, all tests

check: format lint types imports fresh ## what needs no server

format: ## formatting
	@$(RUN) ruff format --check

lint: ## style
	@$(RUN) ruff check

types: ## types, strictly
	@$(RUN) mypy
	@$(RUN) mypy --explicit-package-bases $(wildcard benchmarks/*.py scripts/*.py)

imports: ## which package may import which
	@$(RUN) lint-imports --no-logo

fresh: ## the published schema and reference are those of the model
	@$(RUN) pytest -q -p no:cacheprovider tests/console/test_plan_reference.py

browser: # Chromium, installed where that is possible
	@scripts/system-packages

pytest: ## all tests; PYTEST_ARGS narrows them
	@$(RUN) pytest $(PYTEST_ARGS)

fix: ## format, and mend what ruff can
	@$(RUN) ruff check --fix
	@$(RUN) ruff format

picture: ## take the README's picture: a real rehearsal
	@$(RUN) python scripts/picture.py

docs: ## write the schema and the plan reference from the model
	@$(RUN) python -m console.plan_reference
