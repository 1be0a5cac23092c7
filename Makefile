# make run    the sample picture in napari, or as files where there is no display
# make test   all tests, in virtual displays; PYTEST_ARGS are passed on
# make test-fast  in a minute: engine, select, regions, recipe and architecture, with
#             fewer examples of hypothesis, and without what is marked slow
# make coverage  which lines the tests run; COVERAGE_ARGS instead of all tests
# make lint   ruff and mypy
# make docs   the site, in docs/_build/html; its pictures are made by its scripts
# make dist   the source archive and the wheel, in dist/, checked as a package index does
# make bench  the engine against its peers, one thread
# make attack damaged files, wrong recipes, random edits, faults and kills, from a seed; a
#             quarter of an hour
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
INSTALL_docs := .[docs]
COVERAGE_ARGS ?= $(PARALLEL)

ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
PINNED := $(if $(shell command -v taskset),taskset -c 0)
# Each process has a display of its own (pytest-xvfb), and one thread for BLAS: more would
# wait for those of the other process. Tests of windows wait a tenth of their time, which
# one process more than there are cores makes use of. Who is done takes tests from others.
PROCESSES := $(shell $(PYTHON) -c "import os; print(min(4, (os.cpu_count() or 1) + 1))")
PARALLEL := -n $(PROCESSES) --dist worksteal
FAST := tests/test_architecture.py $(addprefix tests/,engine select regions recipe)

# Compiled modules are kept: pytest compiles hundreds of them in each process.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-fast coverage lint docs dist bench attack clean

run: $(VENV)/.$(RUN)
	@$(if $(filter all,$(RUN)),sh .ci/libraries window)
	$(BIN)/napari-emseg demo

test: $(VENV)/.test
	@sh .ci/libraries window xvfb
	$(ONE_THREAD) $(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS)

test-fast: $(VENV)/.test
	$(ONE_THREAD) HYPOTHESIS_PROFILE=fast $(BIN)/python -m pytest $(PARALLEL) \
		--no-xvfb -m "not slow" $(FAST) $(PYTEST_ARGS)

# Processes end by themselves, or their lines are lost: none is killed at its time limit.
# Three tests count what coverage itself takes or says; what is killed leaves half a file.
UNMEASURED := $(addprefix --deselect=tests/, \
	cli/test_batch_command.py::test_ctrl_c_leaves_whole_files_alone \
	io/test_byte_budget.py::test_what_unfolds_too_far_is_refused_before_it_does \
	plot/test_movie.py::test_a_movie_that_does_not_fit_is_told_once)

coverage: $(VENV)/.dev
	@sh .ci/libraries window xvfb
	rm -rf .coverage
	$(ONE_THREAD) $(BIN)/coverage run -m pytest $(PARALLEL) --timeout=1800 \
		$(UNMEASURED) $(COVERAGE_ARGS)
	-$(BIN)/coverage combine --quiet
	$(BIN)/coverage html --quiet
	$(BIN)/coverage report

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.docs
	$(ONE_THREAD) $(BIN)/sphinx-build -W --keep-going -qE -d docs/_build/doctrees \
		docs docs/_build/html
	@echo docs/_build/html/index.html

dist: $(VENV)/.dev
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*

bench: $(VENV)/.test
	$(ONE_THREAD) $(PINNED) $(BIN)/python tests/benchmarks/bench_engine.py

attack: $(VENV)/.test
	$(ONE_THREAD) QT_QPA_PLATFORM=offscreen $(BIN)/python tests/attack/run.py $(ATTACK_ARGS)

clean:
	rm -rf $(VENV) build dist docs/_build docs/auto_* demo-output .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .tox
	find napari_emseg tests sample_data -name __pycache__ -prune -exec rm -rf {} +

# One stamp for each set of dependencies; pip has nothing to do a second time.
$(VENV)/.%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '$(INSTALL_$*)'
	@touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
