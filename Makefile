# make run    the sample picture in napari, or as files where there is no display
# make test   all tests, in virtual displays
# make lint   ruff and mypy
# make bench  the engine against its peers, one thread
# make clean  remove what these have made, the environment included

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SYSTEM := $(shell uname -s)

# Only who has a display needs napari with a Qt to draw on it.
ifneq ($(strip $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(SYSTEM))),)
RUN := all
else
RUN := base
endif
INSTALL_all := .[all]
INSTALL_base := .
INSTALL_test := .[test]
INSTALL_dev := .[test,dev]

ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
PINNED := $(if $(shell command -v taskset),taskset -c 0)
# One file is one job, and each process has a display of its own (pytest-xvfb).
PARALLEL := -n auto --maxprocesses=4 --dist loadfile

.PHONY: run test lint bench clean

run: $(VENV)/.$(RUN)
	@$(if $(filter all,$(RUN)),sh .ci/libraries window)
	$(BIN)/napari-emseg demo

test: $(VENV)/.test
	@sh .ci/libraries window xvfb
	$(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.test
	$(ONE_THREAD) $(PINNED) $(BIN)/python tests/benchmarks/bench_engine.py

clean:
	rm -rf $(VENV) build dist demo-output .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find napari_emseg tests sample_data -name __pycache__ -prune -exec rm -rf {} +

# One stamp for each set of dependencies; pip has nothing to do a second time.
$(VENV)/.%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '$(INSTALL_$*)'
	@touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
