# `make app` opens the dashboard, `make test` checks the code and runs the tests. Each sets up .venv
# by itself and needs only Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: app test lint bench fuzz pictures clean

app: .venv/.app
	$(BIN)/streamlit run dashboard.py

test: lint
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

# More than 20,000 hostile inputs, some twenty minutes; `make test` tries 500 of them.
fuzz: .venv/.dev
	BNNLIB_FUZZ=long $(BIN)/python -m pytest -n auto tests/fuzz

bench: .venv/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[bench]"
	$(BIN)/python -m benchmarks

pictures: .venv/.dev
	$(BIN)/python -m docs.pictures.make

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "$(PYTHON) is missing or older than 3.11:" \
			"name another Python, as in make app PYTHON=python3.12." >&2; exit 2; }
	@$(PYTHON) -m venv .venv \
		|| { rm -rf .venv; echo "$(PYTHON) cannot make a virtual environment:" \
			"install its venv module (python3-venv on Debian)." >&2; exit 2; }

# pip is quiet: the packages are large, the first time takes minutes.
.venv/.app: requirements.txt | $(BIN)/python
	@echo "Installing the packages into .venv ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.dev: requirements-dev.txt requirements.txt pyproject.toml | $(BIN)/python
	@echo "Installing the packages and the tools for testing into .venv ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch .venv/.app $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
