# make demo        the demo on http://127.0.0.1:7860
# make workbench   the analyst workbench on http://127.0.0.1:8501
# make test        all tests that need nothing but this repository
# make browser-test, make lint, make bench
#
# The environment .venv is made by whatever needs it first, and brought up to date when the requirements change.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --no-compile
HOST ?= 127.0.0.1
# One more than there are cores: many tests wait for a process that they started.
WORKERS = $(shell $(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 1)')

.PHONY: help demo workbench test browser-test lint bench
.DELETE_ON_ERROR:

help:
	@sed -n 's/^# \?//p;/^$$/q' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.runtime
	@PYTHONUNBUFFERED=1 GRADIO_SERVER_NAME=$(HOST) GRADIO_SERVER_PORT=$(or $(PORT),7860) $(BIN)/python app.py

workbench: $(VENV)/.runtime
	@$(BIN)/python -m streamlit run workbench.py --server.address $(HOST) --server.port $(or $(PORT),8501) \
		--server.headless true --browser.gatherUsageStats false

test: $(VENV)/.dev
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not browser" $(ARGS)

browser-test: $(VENV)/.dev
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
		{ echo "The browser tests need Chromium: apt-get install chromium" >&2; exit 1; }
	@$(BIN)/python -m pytest -m browser $(ARGS)

lint: $(VENV)/.dev
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m mypy

bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "Python 3.11 or newer is needed, and there is no '$(PYTHON)'." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $$($(PYTHON) --version) is '$(PYTHON)'." \
		"Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "This Python cannot make environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Making the environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt | $(BIN)/python
	@echo "Installing what the program needs (some gigabytes the first time) …"
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements.txt requirements-dev.txt requirements-train.txt requirements-speed.txt \
		requirements-cluster.txt requirements-s3.txt | $(BIN)/python
	@echo "Installing what the program and its tests need (some gigabytes the first time) …"
	@$(PIP) -r requirements.txt -r requirements-dev.txt -r requirements-train.txt \
		-r requirements-speed.txt -r requirements-cluster.txt -r requirements-s3.txt
	@touch $@ $(VENV)/.runtime
