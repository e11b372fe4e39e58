# Every target installs what it needs; a second run installs nothing. `make` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LAB    := bird=bird2 /usr/lib/frr/bgpd=frr vtysh=frr ip=iproute2
TOOLS  := $(LAB) cc=gcc /usr/include/stdlib.h=libc6-dev sysctl=procps ping=iputils-ping nsenter=util-linux nft=nftables \
          /usr/lib/cni/ptp=containernetworking-plugins
FAST   := not root and not daemon and not slow and not soak

.PHONY: help demo test check bench soak fmt clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/installed  ## a leaf/spine data centre on this machine: build it, break it, prove it (root)
	@scripts/need $(LAB)
	@$(BIN)/python -m romana.lab.demo

check: $(VENV)/installed  ## format, lint, types, import contracts and the fast tests; under a minute
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports > $(VENV)/lint-imports.log || (cat $(VENV)/lint-imports.log; exit 1)
	$(BIN)/pytest -n 2 -m "$(FAST)"

test: export HYPOTHESIS_PROFILE ?= standard
test: check  ## everything: the check, then namespaces, daemons and the lab (root)
	@scripts/need $(TOOLS)
	$(BIN)/pytest -m "not ($(FAST)) and not soak"

bench: $(VENV)/bench  ## measure against peers in one run; prints ratios (root)
	@scripts/need $(TOOLS)
	@for part in bench/[a-z]*.py; do $(BIN)/python $$part || exit 1; done

soak: $(VENV)/installed  ## the long storms, about an hour (root)
	@scripts/need $(TOOLS)
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest -m "soak or $(FAST)" --timeout 3600 -rA

fmt: $(VENV)/installed  ## format the code and mend what lint can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove what the other targets made
	rm -rf $(VENV) .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/installed: requirements.lock pyproject.toml scripts/venv
	@scripts/venv $(PYTHON) $(VENV) requirements.lock
	@touch $@

$(VENV)/bench: $(VENV)/installed requirements-bench.lock
	@scripts/need cc=gcc "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h=python3-dev"
	@$(BIN)/pip install --quiet --require-hashes --no-build-isolation -r requirements-bench.lock
	@touch $@
