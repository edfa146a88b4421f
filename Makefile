# The developer's whole interface. `make help` lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VENV_PYTHON := $(BIN)/python
INSTALLED := $(VENV)/.installed
SOURCES := $(wildcard packages tests conformance benchmarks)

# The suite is measured when a goal asks for its coverage.
MEASURED := $(filter check coverage,$(MAKECMDGOALS))
RUN := $(if $(MEASURED),-m coverage run) -m pytest
# Once more without the fast paths: the plain algorithms are the reference.
RUN_AGAIN := $(if $(MEASURED),-m coverage run --append) -m pytest
# In CI the suite also runs on the other supported Pythons, where they are found.
ALSO := $(if $(filter true,$(CI)),3.12 3.13)
# And once on the compiled wheel, which is in an environment of its own.
COMPILED := $(if $(filter true,$(CI)),.venv-compiled)

# packages/hatch_build.py compiles with mypyc where this is in the environment.
ASK_FOR_COMPILED := HATCH_BUILD_HOOK_ENABLE_CUSTOM=true

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test check style types conformance conformance-table wpt bench bench-quick bench-micro bench-plot
.PHONY: trust soak fuzz build clean fix lint-imports coverage release-check

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## make .venv and install everything into it (PYTHON=python3)

demo: setup ## TCP, UDP and multicast on real sockets, in one table (FILE=path)
	$(VENV_PYTHON) -m benchmarks.demo $(if $(FILE),--file "$(FILE)")

test: setup $(ALSO:%=.venv-%/.installed) $(COMPILED:%=%/.installed) ## run the tests, on asyncio (debug) and uvloop (ARGS=pytest arguments)
	$(VENV_PYTHON) $(RUN) tests $(ARGS)
	WHATWG_STREAMS_FAST_PATHS=0 $(VENV_PYTHON) $(RUN_AGAIN) tests $(ARGS)
	@for version in $(ALSO); do \
	  python=.venv-$$version/bin/python; \
	  if [ -x $$python ]; then echo "$$python -m pytest tests"; $$python -m pytest tests || exit 1; fi; \
	done
	$(if $(COMPILED),$(COMPILED)/bin/python -m pytest --override-ini pythonpath=. tests)
	@for python in $(VENV_PYTHON) $(ALSO:%=.venv-%/bin/python); do \
	  if [ -x $$python ]; then $$python -c 'import platform; print("tested on Python", platform.python_version())'; \
	  else echo "not found, not tested on: $$python"; fi; \
	done

check: style types lint-imports test coverage conformance ## everything that CI runs

style: setup ## lint, and check the format
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

# pyright finds the packages only with their Python first on the path.
types: export PATH := $(CURDIR)/$(BIN):$(PATH)
types: setup ## mypy and pyright, strict, and completeness of the public types
	mypy $(SOURCES)
	pyright
	pyright --ignoreexternal --verifytypes whatwg_streams
	pyright --ignoreexternal --verifytypes direct_sockets

conformance: setup ## run the conformance checks, which end in one table (ARGS=pytest arguments)
	$(VENV_PYTHON) -m conformance run -- $(ARGS)

conformance-table: setup ## run them, keep the results, and write the tables of the READMEs anew
	$(VENV_PYTHON) -m conformance run --record

wpt: setup ## run the official web-platform-tests (WPT=path/to/checkout)
	$(VENV_PYTHON) -m conformance.wpt --wpt "$(or $(WPT),$(error where is the checkout? make wpt WPT=path/to/wpt))" --record $(ARGS)

.PHONY: order defects
order: setup ## compare random programs with node's own streams (ARGS="--seed 1 --count 500")
	$(VENV_PYTHON) -m conformance.order --record $(ARGS)

defects: setup ## put deliberate defects into a copy, and see that each is caught (WPT=path/to/checkout)
	$(VENV_PYTHON) -m conformance.defects $(if $(WPT),--wpt "$(WPT)") $(ARGS)

bench: .venv-bench/.installed .venv-compiled/.installed .venv-3.13/.installed ## measure, beside the peers (ARGS=arguments)
	.venv-bench/bin/python -m benchmarks $(or $(ARGS),--record)

bench-quick: .venv-bench/.installed ## measure less, and fail if it is slower than recorded
	.venv-bench/bin/python -m benchmarks --quick $(ARGS)

bench-micro: .venv-bench/.installed ## measure promises and the making of streams with pyperf (ARGS=its options)
	.venv-bench/bin/python -m benchmarks.micro $(or $(ARGS),--fast)

bench-plot: .venv-bench/.installed ## measure how cost grows, and draw it and the table (ARGS=--draw-only)
	.venv-bench/bin/python -m benchmarks.plot $(ARGS)

trust: setup ## try what is promised, and keep the table (ARGS=words of rows)
	$(VENV_PYTHON) -m tests.trust $(ARGS)

# Of this allocator it shows whether memory returns to where it was.
soak: export PYTHONMALLOC := malloc
soak: setup ## try for long, as every night (ARGS=--steps 100000)
	$(VENV_PYTHON) -m tests.trust.soak $(ARGS)

fuzz: setup ## fuzz what parses or converts, with atheris where it installs (ARGS=--seconds 60)
	@$(VENV_PYTHON) -m pip install -qq atheris || echo "without atheris"
	$(VENV_PYTHON) -m tests.trust.long_fuzz $(ARGS)

build: setup ## make the source distribution, the wheel, and the compiled wheel in dist/
	$(VENV_PYTHON) -m build
	$(ASK_FOR_COMPILED) $(VENV_PYTHON) -m build --wheel

release-check: setup ## make them twice, the same; test the installed wheel, and with the lowest versions (ARGS=tests)
	$(VENV_PYTHON) -m tests.trust.release $(ARGS)

clean: ## remove whatever was made
	rm -rf .venv .venv-* .bench dist .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find $(SOURCES) -name __pycache__ -prune -exec rm -rf {} +

fix: setup ## mend what ruff can, and format
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

lint-imports: setup ## check who imports whom
	$(BIN)/lint-imports --no-logo

coverage: test ## run the tests and show which branches they miss
	$(BIN)/coverage report
	$(BIN)/coverage json -q -o - | $(VENV_PYTHON) -m tests.support.branch_coverage 97

test conformance conformance-table: export PYTHONASYNCIODEBUG := 1

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("make: $(PYTHON) is Python " + \
	sys.version.split()[0] + ", and 3.11 or later is needed: name another one, for example PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(VENV_PYTHON) -m pip install -qq --editable '.[dev]'
	@touch $@

# With the peers of the benchmarks, which the tests had better not see.
.venv-bench/.installed: pyproject.toml
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install -qq --editable '.[bench]'
	@touch $@

# What is compiled is not what is edited: made anew when a source has changed.
.venv-compiled/.installed: pyproject.toml $(shell find packages -name '*.py')
	$(PYTHON) -m venv .venv-compiled
	$(ASK_FOR_COMPILED) .venv-compiled/bin/python -m pip install -qq '.[test]'
	@touch $@

# Other Pythons: from the path or from pyenv; what cannot be found is said, and not tested.
.venv-%/.installed: pyproject.toml
	@for python in python$* $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$**/bin/python; do \
	  if $$python -c '' 2>/dev/null; then \
	    $$python -m venv .venv-$* && .venv-$*/bin/python -m pip install -qq --editable '.[test]' && touch $@; \
	    exit; \
	  fi; \
	done
