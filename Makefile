# make demo: environment, then the workflow on the built-in demo.   make test: the same environment plus test tools, then the tests.
# make demo VIEW=plain: with Snakemake's own lines in place of the compact view.
PYTHON ?= python3
VIEW ?= compact
LOGGER := $(if $(filter compact,$(VIEW)),--logger talkflow)
PIP := .venv/bin/python -m pip install --quiet --disable-pip-version-check
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: demo test setup lint lock clean

demo: .venv/.run
	@PYTHONPATH="$(CURDIR)" snakemake all --cores all $(LOGGER)
	@echo "Done. Open results/report.html in a browser; the table is results/metrics.csv, the videos are in results/videos."

test: setup lint
	@pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 20

setup: .venv/.run .venv/.test

lint: setup
	@ruff check . && ruff format --check --quiet . && snakefmt --check Snakefile rules && snakemake --lint

.venv/.run: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Talkflow needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	@echo "Installing the pinned packages into .venv (a few minutes the first time) ..."
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@$(PIP) --requirement requirements.txt
	@$(PIP) --no-deps face-alignment==1.5.0  # by itself it would bring a second OpenCV that needs a screen
	@$(PIP) --no-deps --no-build-isolation --editable .  # after Snakemake: the `snakemake` command of this project takes its place
	@touch $@

.venv/.test: requirements-test.txt .venv/.run
	@$(PIP) --requirement requirements-test.txt
	@touch $@

# Writes requirements.txt and requirements-test.txt anew from pyproject.toml.
lock:
	@$(PYTHON) envs/lock.py

clean:
	rm -rf results .snakemake
