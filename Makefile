PYTHON ?= python3
BIN := ../.venv/bin
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: chaos-release help up check test lint unit tests web prove thorough security bench chaos lock

help:
	@echo "make up      set up, then run Wafaa on this machine"
	@echo "make check   format, lint, types, import contracts, unit tests"
	@echo "make test    all of that, and every other test, with coverage"
	@echo "make prove   that no client sees another's, a million times"
	@echo "make thorough  every hostile text in every field and form, every hostile file: up to an hour"
	@echo "make security  known mistakes, secrets, licences, what it is built from; leaves a bill of materials in .build/"
	@echo "make bench   the races, one after the other: some minutes each"
	@echo "make chaos   kill every part again and again while people write, then behind a log too; SEED=7 repeats a run"
	@echo "make chaos-release  the same for hours, until a thousand kills; it goes on after a break"

up:
	@$(PYTHON) tools/setup.py
	@exec .venv/bin/wafaa up

check: lint unit

test: lint
	@$(PYTHON) tools/setup.py --test
	@.venv/bin/python tools/security.py --short
	@$(MAKE) --no-print-directory web tests

lint:
	@$(PYTHON) tools/setup.py --test --no-web
	cd backend && $(BIN)/black --quiet --check --config pyproject.toml . ../tools
	cd backend && $(BIN)/ruff check --quiet . ../tools
	cd backend && $(BIN)/mypy && $(BIN)/mypy ../tools/setup.py ../tools/security.py
	cd backend && $(BIN)/lint-imports

unit:
	cd backend && $(PYTEST) tests/unit

tests:
	cd backend && $(PYTEST) --cov --cov-report=term:skip-covered

bench:
	for race in webhook_accept statuses accept_tail overload turn tenant_flat noisy_neighbour growth index queue footprint sealing token export up; do .venv/bin/python -m bench.$$race.run || exit; done
	.venv/bin/python -m bench.report

ATTEMPTS ?= 1000000
prove:
	cd backend && PROOF_ATTEMPTS=$(ATTEMPTS) $(BIN)/python -m pytest -q -s tests/isolation/test_proof.py

thorough:
	cd backend && WAFAA_THOROUGH=1 $(PYTEST) \
	tests/stories/test_hostile_texts.py tests/stories/test_hostile_forms.py tests/contracts/test_hostile_files.py

security:
	@$(PYTHON) tools/setup.py --test --no-web
	@.venv/bin/python tools/security.py

ifneq ($(wildcard web/package.json),)
web:
	cd web && PATH="$(CURDIR)/.venv/bin:$$PATH" npm run --silent --if-present check
	cd web && PATH="$(CURDIR)/.venv/bin:$$PATH" npm test --silent --if-present
endif

chaos:
	cd backend && for plan in full logged; do \
	$(BIN)/python -m tests.chaos --timed --plan $$plan $(if $(SEED),--seed $(SEED)) || exit; done

chaos-release:
	cd backend && $(BIN)/python -m tests.chaos --release $(CURDIR)/.chaos.jsonl --seed $(or $(SEED),1)

LOCK := uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11
lock:  # After a change of pyproject.toml: what is locked stays, what is new is added.
	cd backend && PATH="$(CURDIR)/.tools/uv/bin:$$PATH" && \
	$(LOCK) pyproject.toml --extra embedded --extra local --group web -o requirements.lock && \
	$(LOCK) pyproject.toml --all-extras --group web --group dev -c requirements.lock -o requirements-dev.lock && \
	$(LOCK) --group pyproject.toml:checks -o requirements-checks.lock
