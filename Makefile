# make demo   the whole loop on this machine, once        make up      keep it running until Ctrl-C
# make test   set up and run the tests                    make lint    style, types, structure
# make bench  the engine against what one might use instead    make load   a burst of files through the local cloud
# make lock   resolve the dependencies anew

PYTHON ?= python3
VENV ?= .venv
TESTS ?=
# Left out unless CI=true: the faults and throttling, the loop by identity, the benchmarks' own tests, the long searches for a file
# that breaks the engines, the compiled code with each index checked.
LONG := tests/faults tests/e2e/test_identity.py tests/integration/bench tests/unit/worker/test_fuzz.py \
	tests/unit/worker/fast/test_equals_plain.py tests/unit/worker/fast/test_bounds.py tests/unit/worker/test_properties.py \
	tests/contract/pipeline/test_throttling.py
BIN := $(VENV)/bin

.PHONY: setup demo up test lint format bench load lock clean

setup:
	@$(PYTHON) local/bootstrap.py --venv $(VENV)

demo: setup
	@$(BIN)/batchjson demo

up: setup
	@$(BIN)/python -m local up $(if $(FUNC),--func) $(if $(IDENTITY),--identity) $(if $(PORTS),--ports $(PORTS))

test: setup
	@$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder $(or $(TESTS),tests $(if $(CI),,$(addprefix --ignore=,$(LONG))))

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	@$(BIN)/python -m tests.bench $(if $(SIZE),--size $(SIZE)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SHAPES),--shapes)

load: setup
	@$(BIN)/python -m tests.bench.load $(if $(FILES),--files $(FILES))

lock:
	@$(PYTHON) local/lock.py

clean:
	rm -rf .venv* .local .mypy_cache .ruff_cache .pytest_cache .hypothesis local/azurite/node_modules local/page/node_modules dashboard/static/vendor \
		worker/fast/compiled/__pycache__
