# Earmark. `make` alone says what there is.
.DEFAULT_GOAL := help
.PHONY: help up test lint types bench lock clean
MAKEFLAGS += --no-print-directory

# The environment's own Python once there is one, else one the wheels are made for; PYTHON=... chooses.
PYTHON ?= $(shell for p in .venv/bin/python python3.11 python3.12 python3.13 python3 python3.14; do \
    $$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
VENV := .venv/bin/python

define need_python
@test -n "$(PYTHON)" || { echo "Earmark needs Python 3.11 or newer with the venv module: install it, or set PYTHON=/path/to/it."; exit 1; }
endef

help: ## Say what there is
	@printf '\n  \033[1mEarmark\033[0m: machines draft, people correct, models learn from the corrections.\n\n'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do \
	    printf '  \033[36mmake %-8s\033[0m %s\n' "$$name" "$$text"; done
	@printf '\n  Options: .venv/bin/python manage.py options    Something wrong: .venv/bin/python manage.py doctor\n\n'

up: ## Install what is needed, then run the site with its demo project; Ctrl-C stops it
	$(need_python)
	@$(PYTHON) -m config.install runtime && exec $(VENV) -m config.up

test: ## Install what tests need, then run them all (ARGS="-k name" for some)
	$(need_python)
	@$(PYTHON) -m config.install test && exec $(VENV) -m pytest -n logical --maxprocesses 4 --dist worksteal $(ARGS)

lint: ## Check the style of the code
	$(need_python)
	@$(PYTHON) -m config.install test && $(VENV) -m ruff check . && $(VENV) -m ruff format --check .

types: ## Check the types of the code
	$(need_python)
	@$(PYTHON) -m config.install test && exec $(VENV) -m mypy .

bench: ## Measure, on this machine (ARGS="name" for one, ARGS=--write for docs/benchmarks.md)
	$(need_python)
	@$(PYTHON) -m config.install test
	@$(PYTHON) -m config.install bench || echo "Without the real model the demo models stand in."
	@exec $(VENV) -m benchmarks $(ARGS)

lock: ## Resolve requirements/*.in anew into lock files with hashes (ARGS="--upgrade" for newer versions)
	$(need_python)
	@$(PYTHON) -m config.install test
	@for name in runtime test node gpu bench convert parquet; do CUSTOM_COMPILE_COMMAND="make lock" $(VENV) -m piptools compile --quiet \
	    --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links \
	    --no-emit-trusted-host --no-emit-options $(ARGS) -o requirements/$$name.lock requirements/$$name.in || exit 1; done

clean: ## Remove what was installed and built; data in var/ stays
	@rm -rf .venv workbench/node_modules workbench/dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
