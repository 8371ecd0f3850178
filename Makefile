# Every target installs what it needs; a second call is quick. PYTHON chooses the interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q install -c constraints.txt
SLOW ?= $(if $(CI),1,0)
JOBS ?= 2

.PHONY: setup demo test lint types check docs clean
.DEFAULT_GOAL := check

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[cpu,dev]'
	@touch $@ $(VENV)/.demo

setup: $(VENV)/.dev ## Install the package with its tools into .venv

demo: $(VENV)/.demo ## Extract from real abstracts with the models that ship, score, write reports
	@echo "Which drugs do these abstracts report as given together, and what came of it?"
	$(BIN)/apothecary extract examples/combinations/abstracts.pubtator --task combinations --out runs/demo-combinations --show 6
	@echo; echo "Which chemicals induced which diseases?"
	$(BIN)/apothecary extract examples/cdr.pubtator --task relations --out runs/demo --show 3
	@echo; echo "Compared with the annotation of these abstracts (the text was read without it):"
	$(BIN)/apothecary score mentions --gold examples/cdr.pubtator --predictions runs/demo/predictions.jsonl
	$(BIN)/apothecary score relations --gold examples/cdr.pubtator --predictions runs/demo/predictions.jsonl
	@echo; echo "Open runs/demo-combinations/report.html and runs/demo/report.html in a browser."

test: $(VENV)/.dev ## Run the tests, JOBS at a time; SLOW=1 (and CI) adds the long ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(if $(filter 1,$(SLOW)),,-m 'not slow')

lint: $(VENV)/.dev ## Check style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check --no-cache .

types: $(VENV)/.dev ## Check types
	$(BIN)/mypy

check: lint types test ## Everything CI checks

docs: $(VENV)/.dev ## Rewrite the generated pages under docs/
	$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV) runs .mypy_cache .pytest_cache .ruff_cache
