# A fresh machine needs git, make and a Python from 3.11 to 3.13; everything else comes from the lock files.
# PYTHON=/path/to/python chooses the interpreter; ARGS="--no-serve" hands words on to the command.

UV_VERSION := 0.13.9
PYTHONS := $(or $(PYTHON),python3 python3.13 python3.12 python3.11)
BIN := .venv/bin
INSTALLED := .venv/.installed
UV := .venv/.uv/bin/uv
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes pyproject.toml

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo up test lint words lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED) ## install what is locked into .venv (every other target does it too)

demo: $(INSTALLED) ## the whole way once, on a video made here and now; ARGS="--no-serve" ends instead of serving
	$(BIN)/lastseen demo $(ARGS)

up: $(INSTALLED) ## start the embedded servers, Airflow and the review pages on this machine
	$(BIN)/lastseen up $(ARGS)

test: $(INSTALLED) ## run the tests; ARGS="tests/storage -k claim" runs some of them
	$(BIN)/python -m pytest $(ARGS)

lint: $(INSTALLED) ## check style, formatting, types and which room imports which
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

words: $(INSTALLED) ## bring the catalogues of the pages and of the daily report up to date with what the sources say (docs/translating.md)
	@mkdir -p build
	$(BIN)/pybabel --quiet extract --mapping babel.cfg --keyword words --keyword noted \
		--add-location=file --no-wrap --sort-by-file --add-comments=translators: --output build/lastseen.pot \
		lastseen matchers review storage
	$(BIN)/pybabel --quiet update --no-fuzzy-matching --ignore-pot-creation-date --no-wrap --domain lastseen \
		--input-file build/lastseen.pot --output-dir review/locale
	$(BIN)/pybabel --quiet extract --mapping babel.cfg --keyword noted --add-location=file --no-wrap --sort-by-file \
		--output build/report.pot pipeline/report
	$(BIN)/pybabel --quiet update --no-fuzzy-matching --ignore-pot-creation-date --no-wrap --domain report \
		--input-file build/report.pot --output-dir pipeline/report/locale

lock: $(UV) ## resolve pyproject.toml into both lock files; ARGS=--upgrade takes the newest of everything
	$(COMPILE) $(ARGS) --output-file requirements.lock
	$(COMPILE) $(ARGS) --group dev --constraint requirements.lock --output-file requirements-dev.lock

clean: ## remove .venv, caches and build output; evidence (.lastseen) stays
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Written last, so that an interrupted installation is done again.
$(INSTALLED): requirements-dev.lock pyproject.toml $(UV)
	$(UV) pip sync --python $(BIN)/python --require-hashes --compile-bytecode requirements-dev.lock
	$(UV) pip install --python $(BIN)/python --no-deps --editable .
	@touch $@

# One version of uv, whatever the machine has, in a folder of its own: what is not locked is removed beside the rest.
$(UV): Makefile
	@set -e; \
	python=; \
	for each in $(PYTHONS); do \
		if "$$each" -c '$(SUITABLE)' 2>/dev/null; then python="$$each"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo 'lastseen needs Python 3.11, 3.12 or 3.13; found none as: $(PYTHONS).' >&2; \
		echo 'Install one (Debian: apt-get install python3 python3-venv), or say where it is: make PYTHON=/path/to/python3.12 ...' >&2; \
		exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip' 2>/dev/null; then \
		echo "$$python cannot make a virtual environment: its ensurepip module is missing." >&2; \
		echo 'Install it (Debian, Ubuntu: apt-get install python3-venv), or name another Python: make PYTHON=/path/to/python3.12 ...' >&2; \
		exit 1; \
	fi; \
	if [ -d .venv ] && ! $(BIN)/python -c '$(SUITABLE)' 2>/dev/null; then rm -rf .venv; fi; \
	if [ ! -d .venv ]; then "$$python" -m venv .venv; fi; \
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target .venv/.uv uv==$(UV_VERSION); \
	$(UV) --version; \
	touch $(UV)
