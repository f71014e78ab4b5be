# Everything a person types. `make` alone lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev

.DEFAULT_GOAL := help

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(RUN_STAMP) ## console, API, worker and scheduler in one process on http://127.0.0.1:5000 (HOST, PORT)
	@exec $(BIN)/python app.py

.PHONY: worker
worker: $(RUN_STAMP) ## a worker and scheduler alone, beside any number of others on the same database
	@exec $(BIN)/flask --app app cqrs worker

# Three at a time on two cores: many tests wait for other processes. Each takes up what another has not begun.
PYTEST := $(BIN)/python -m pytest -q -n 3 --dist worksteal -rs

.PHONY: test
test: $(DEV_STAMP) ## the whole suite (REQUIRE_ALL=1: a skipped test fails)
	$(PYTEST) -m "not faults"

# Sizes by environment: KILLS and PAUSES of each campaign, READS while replays swap, CHECKS while commands run,
# DETECTOR_ROUNDS of faults planted at random; FAULT_STRIDE=1 lets every single
# statement and commit fail once, where `make test` tries each fifth.
.PHONY: test-faults
test-faults: $(DEV_STAMP) ## kill -9, pauses, faults at every statement, outages, several processes: about 10 minutes
	KILLS=$${KILLS:-60} PAUSES=$${PAUSES:-60} FAULT_STRIDE=1 ORDER_TRANSACTIONS=$${ORDER_TRANSACTIONS:-1000} \
		CHECKS=$${CHECKS:-100} DETECTOR_ROUNDS=$${DETECTOR_ROUNDS:-20} \
		$(PYTEST) tests/reliability tests/console/test_hostile_texts.py \
		tests/console/test_wild_requests.py tests/e2e/test_scenes.py tests/e2e/test_hostile_texts.py

.PHONY: soak
soak: ## the same with the long counts: 2,000 kills and pauses, 100,000 reads while replays swap, 1,000 checks
	KILLS=2000 PAUSES=2000 READS=100000 ORDER_TRANSACTIONS=25000 CHECKS=1000 DETECTOR_ROUNDS=200 $(MAKE) test-faults

.PHONY: lint
lint: $(DEV_STAMP) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: screenshots
screenshots: $(DEV_STAMP) ## pictures of all pages into docs/images
	$(BIN)/python -m tests.e2e.screenshots

.PHONY: bench
bench: $(DEV_STAMP) ## speed as ratios to raw sqlite3 and psycopg, into benchmarks/results/
	$(BIN)/python -m benchmarks.run

# Installing anew only when the list has changed. The check of the version comes first: pip's own message is long.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; choose one: make run PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(RUN_STAMP): requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@mkdir -p instance
	@touch $@

$(DEV_STAMP): requirements.txt requirements-dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@mkdir -p instance
	@touch $@ $(RUN_STAMP)
