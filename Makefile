# make run    install what is missing, then play the demo song through the daemon: make run ARGS="--layout 7.1.4"
# make test   install what is missing, then every check and test
# make bench  measure what the README and docs/benchmarks.md promise

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
ARGS ?=
export PYTHON

.PHONY: run test check bench lint format docs clean packages-run packages-test
.DELETE_ON_ERROR:

run: $(VENV)/.run
	$(BIN)/stemfield serve --input demo $(ARGS)

test: lint
	$(BIN)/pytest $(ARGS)

check: test

bench: $(VENV)/.test
	$(BIN)/python tests/bench/run.py $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.run
	$(BIN)/python -m stemfield.control.manual docs

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find control layouts renderer separation tests -name __pycache__ -prune -exec rm -rf {} +

# The stamps live in the virtual environment, so that removing it removes them. The project itself is installed
# editable: only a change of pyproject.toml makes it install again.
$(VENV)/.run: pyproject.toml | packages-run $(BIN)/python
	$(PIP) install --editable .
	@touch $@

$(VENV)/.test: pyproject.toml | packages-test $(BIN)/python
	$(PIP) install --editable '.[test]'
	@mkdir -p $(VENV)/typing/stemfield
	@ln -sfn $(addprefix ../../../,control layouts renderer separation) $(VENV)/typing/stemfield
	@touch $@ $(VENV)/.run

$(BIN)/python: | packages-run
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "stemfield needs Python 3.11 or later")'
	$(PYTHON) -m venv $(VENV)

packages-run:
	@.ci/packages run

packages-test:
	@.ci/packages test
