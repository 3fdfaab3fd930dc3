# PayOS: everything starts here. Needs git, make and Python 3.11 or newer with its venv module, nothing else.
#
#   make run      set up and run the whole product in the foreground (Ctrl-C stops it)
#   make demo     a day's work for the console, while `make run` runs: payments, transfers, statements, cases
#   make stop     stop a copy that runs elsewhere on this data
#   make test     set up and run every test against an embedded PostgreSQL and Valkey
#   make check    lint, types, security lint, import contracts, missing migrations, deployment check
#   make audit    asks the package index for known holes in what the lock file installs (needs the network)
#   make coverage the tests again, counting which branches they take
#   make install  the set-up alone
#   make bench    every benchmark; make chaos  long seeded failure runs; make clean  forget data and set-up
#
# PYTHON=/path/to/python3 chooses the interpreter, ARGS="..." is handed on (make run ARGS="--port 9000").

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
PY = $(VENV)/bin/python

.DEFAULT_GOAL := help
.PHONY: help install install-dev run demo stop test check audit coverage bench chaos clean lock

help:
	@sed -n 's/^#   //p' Makefile

install:
	@$(PYTHON) payos/supervisor/install.py requirements.lock --venv $(VENV)

install-dev:
	@$(PYTHON) payos/supervisor/install.py requirements-dev.lock --venv $(VENV)

# --with-parent: when make itself is killed, the product goes with it.
run: install
	@$(PY) manage.py serve --with-parent $(ARGS)

demo:
	@if [ -x $(PY) ]; then $(PY) manage.py demo_day $(ARGS); else echo "  Nothing runs here yet: start make run first."; exit 1; fi

stop:
	@if [ -x $(PY) ]; then $(PY) manage.py serve --stop; fi

# What takes minutes (killed processes, whole days) is marked slow and runs in `make chaos`. Each worker has servers of its own.
SHARED_OUT = --numprocesses logical --maxprocesses 4 --dist loadgroup --no-loadscope-reorder
test: install-dev
	@$(PY) -m pytest -m "not slow" $(SHARED_OUT) $(ARGS)

CODE = payos partners ledger operations webhooks ingestion settlement reconciliation console sandbox manage.py
check: install-dev
	@echo "  ruff"; $(VENV)/bin/ruff check --quiet . && $(VENV)/bin/ruff format --quiet --check . || { echo "  Run .venv/bin/ruff format ."; exit 1; }
	@echo "  mypy"; $(VENV)/bin/mypy --no-error-summary .
	@echo "  bandit"; $(VENV)/bin/bandit --quiet --configfile pyproject.toml --recursive $(CODE) > .venv.bandit 2>&1 || { grep -v "WARNING" .venv.bandit; exit 1; }
	@echo "  import contracts"; $(VENV)/bin/lint-imports --no-cache > .venv.contracts 2>&1 || { cat .venv.contracts; exit 1; }
	@echo "  migrations"; $(PY) manage.py makemigrations --check --dry-run
	@echo "  deployment"; $(PY) -m payos.supervisor.deploycheck

# Asks an index about every locked package, so it is no part of `make check`, which works without a network.
audit: install-dev
	@$(VENV)/bin/pip-audit --disable-pip --require-hashes --progress-spinner off --timeout 10 --requirement requirements.lock $(ARGS) > .venv.audit 2>&1; code=$$?; \
		if grep -qE "ConnectionError|ProxyError|Max retries|ServiceError" .venv.audit; then \
			echo "  Nothing was compared: the index of known holes cannot be reached from here. Run it where the network is."; exit 0; \
		fi; cat .venv.audit; exit $$code

# Branches as well as lines. Processes that tests start are not followed: what they run is in other tests too.
coverage: install-dev
	@$(PY) -m pytest -m "not slow" $(SHARED_OUT) --cov --cov-branch --cov-report=term:skip-covered --cov-report=html $(ARGS)
	@echo "  htmlcov/index.html shows every line and branch."

# Each benchmark in turn, one JSON object a file in artifacts/bench, and docs/benchmarks.md made of them. Where nothing else runs.
bench: install-dev
	@$(PY) manage.py bench_all $(ARGS)

chaos: install-dev
	@$(PY) manage.py simulate_day --partners 50 --payments 200000 --transfers 20000
	@$(PY) manage.py chaos --scenario all $(ARGS)
	@$(PY) manage.py loadtest --minutes 3
	@$(PY) -m pytest -m slow

clean: stop
	@if [ -L .payos/postgres ]; then rm -rf "$$(readlink .payos/postgres)"; fi
	@rm -rf .payos .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache staticfiles htmlcov .coverage $(VENV).log $(VENV).lock
	@rm -rf .venv.bandit .venv.contracts .venv.audit $(VENV)
	@echo "  Data, caches and packages are gone; the next make run starts anew."

# Only when requirements*.in change. The locks hold names, versions and hashes, and no address.
UV = $(VENV)/bin/uv
LOCK = $(UV) pip compile --quiet --universal --python-version 3.11.2 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links
lock: install-dev
	@$(LOCK) requirements.in -o requirements.lock
	@$(LOCK) requirements-dev.in -c requirements.lock -o requirements-dev.lock
