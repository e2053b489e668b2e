# Everything a contributor types. Each target prepares the environment that it needs.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
WORKERS ?= 3
SEED ?= 1
SECONDS ?= 60
BROKER ?= valkey
REDOCLY ?= 2.77.0
VERIFIERS := standardwebhooks@1.1.1 svix@2.5.0 openai@6.49.0
BIN := .venv/bin
export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help setup demo up test conformance check eval-safety bench bench-submit bench-scale bench-webhooks bench-batches bench-outage bench-chats chaos fmt openapi openapi-lint verify-node

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## Install genq and its tools into .venv

.venv/.ready: pyproject.toml uv.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make setup PYTHON=/path/to/python3" >&2; exit 1; }
	test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'; }
	$(BIN)/uv sync --quiet --locked --all-extras --inexact --compile-bytecode
	@touch $@

demo: setup ## Run two jobs through the whole system; the images land in demo-output
	$(BIN)/genq demo --output demo-output

up: setup ## Run all of genq on this machine until Ctrl-C
	$(BIN)/genq up

test: setup ## Run every test, against real servers (WORKERS=3)
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --ignore tests/architecture

conformance: setup ## Run OpenAI's clients and their documentation's examples against a whole genq
	$(BIN)/pytest -q tests/conformance

check: setup ## Check format, lint, imports, types, dependencies, architecture
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports --no-logo
	$(BIN)/basedpyright
	$(BIN)/deptry .
	$(BIN)/pytest -q tests/architecture

bench: setup ## Measure throughput, latency and CPU per job on this machine
	$(BIN)/python -P -m tests.bench

bench-submit: setup ## Measure submits: one by one, and a thousand in one call
	$(BIN)/python -P -m tests.bench --quick --only submits --only bulk

bench-scale: setup ## Measure the engine among a million tenants and a million queued jobs
	$(BIN)/python -P -m tests.bench.scale

bench-webhooks: setup ## Measure delivery of webhooks against a bare loop that posts the same bodies
	$(BIN)/python -P -m tests.bench.webhooks

bench-batches: setup ## Run a batch of 100,000 lines beside people who wait for answers
	$(BIN)/python -P -m tests.bench.batches

bench-outage: setup ## Play four hours of a receiver that is down while 100,000 webhooks wait
	$(BIN)/python -P -m tests.bench.outage

bench-chats: setup ## Measure how soon chat commands are answered, also while PostgreSQL is frozen
	$(BIN)/python -P -m tests.bench.chats

eval-safety: setup ## Judge the labelled prompts offline: confusion matrix, goals, speed
	$(BIN)/python -P -m tests.eval_safety

chaos: setup ## Load genq, break everything at random, audit (SEED=1 SECONDS=60 BROKER=valkey|rabbitmq)
	$(BIN)/python -P -m tests.chaos --seed $(SEED) --seconds $(SECONDS) --broker $(BROKER)

fmt: setup ## Format the code, mend what ruff can mend, write the reference tables
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(BIN)/python -P -m tests.architecture.reference
	$(BIN)/python -P -m tests.architecture.openapi

openapi: setup ## Write producer/api/openapi.json
	$(BIN)/python -P -m tests.architecture.openapi

# Probes have no 4xx answer, and no configuration file is worth saying so.
openapi-lint: openapi ## Lint it with redocly, which npm brings (skipped where there is no npm)
	@if command -v npm >/dev/null; then \
		test -x .venv/redocly/node_modules/.bin/redocly || \
			npm install --silent --no-audit --no-fund --prefix .venv/redocly @redocly/cli@$(REDOCLY); \
		REDOCLY_TELEMETRY=off .venv/redocly/node_modules/.bin/redocly lint \
			producer/api/openapi.json --skip-rule operation-4xx-response; \
	else echo "no npm here: producer/api/openapi.json is not linted"; fi

verify-node: setup .venv/verifiers/.ready ## Verify deliveries, and call genq, in Node: npm's standardwebhooks, svix, openai
	$(BIN)/pytest -q tests/contract/test_node_verifiers.py tests/conformance

.venv/verifiers/.ready: Makefile
	@npm install --silent --no-audit --no-fund --fetch-retries=0 --fetch-timeout=20000 \
		--prefix .venv/verifiers $(VERIFIERS)
	@touch $@
