# All of development: make setup | demo | test | test-long | test-night | lint | docs | bench
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# In the order of tests/conftest.py, which has the longest files first.
WORKERS := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: setup demo test test-long test-night lint format docs bench clean
setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	touch $@

demo: setup
	$(BIN)/lanewise run examples/demo.yaml --new
	$(BIN)/lanewise promote demo --name digits
	$(BIN)/python examples/ask.py digits@champion

test: setup
	$(BIN)/python -m pytest $(WORKERS) -m 'not long and not night'

test-long: setup
	$(BIN)/python -m pytest $(WORKERS) -m 'long and not night'

test-night: setup
	$(BIN)/python -m pytest $(WORKERS) -m night

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: setup
	$(BIN)/lanewise schema --markdown > docs/sweep-file.md

bench: setup
	$(BIN)/python benchmarks/solo.py
	$(BIN)/python benchmarks/packs.py
	$(BIN)/python benchmarks/families.py
	$(BIN)/python benchmarks/trial_cost.py
	$(BIN)/python benchmarks/pack_start.py
	$(BIN)/python benchmarks/projection.py
	$(BIN)/python benchmarks/noop.py
	$(BIN)/python benchmarks/samplers.py
	$(BIN)/python benchmarks/occupancy.py
	$(BIN)/python benchmarks/sklearn_grid.py
	$(BIN)/python benchmarks/serving.py
	rm -f build/auto.jsonl build/quality.jsonl build/compare.jsonl build/regret.jsonl
	$(BIN)/python benchmarks/auto.py
	$(BIN)/python benchmarks/regret.py
	$(BIN)/python benchmarks/quality.py
	$(BIN)/python benchmarks/compare.py

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .lanewise build *.egg-info
