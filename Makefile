# Relay Analytics: every command a developer needs. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
RUN := .venv/bin/
PYTHON3 := $(firstword $(foreach p,python3.13 python3.12 python3.11 python3,$(shell $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))

.PHONY: help setup setup-tests dev dev-analytics dev-analytics-api dev-dashboard check check-code check-migrations check-deploy check-secrets check-dependencies test shots soak bench demo-remove clean

help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-20s %s\n", $$1, $$2}'

setup: .venv/.ready ## Make the virtual environment from the lock file

.venv/.ready: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --frozen --quiet --python $(PYTHON3)
	@touch $@

# uv itself: from the machine if it is there, else from the registry into .tools
.tools/bin/uv:
	@test -n "$(PYTHON3)" || { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON3) -m venv .tools >/dev/null 2>&1 || { rm -rf .tools; $(MAKE) --no-print-directory apt PACKAGES=python3-venv && $(PYTHON3) -m venv .tools; }
	@.tools/bin/pip install --quiet --disable-pip-version-check uv 2>/dev/null || .tools/bin/pip install uv

# Debian packages that are not there yet; with sudo where we are not root
.PHONY: apt
apt:
	@SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	echo "Installing Debian packages: $(PACKAGES)"; \
	$$SUDO apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$SUDO apt-get install -y -qq --no-install-recommends $(PACKAGES) >/dev/null

setup-tests: setup ## Fetch what the tests need besides: Chromium, the nostr-tools client, a clock that can be set
	@command -v chromium >/dev/null || $(MAKE) --no-print-directory apt PACKAGES="chromium fonts-liberation"
	@ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || [ "$$(uname)" != Linux ] || $(MAKE) --no-print-directory apt PACKAGES=libfaketime
	@if command -v npm >/dev/null && [ -f tests/endtoend/package-lock.json ] && [ ! -d tests/endtoend/node_modules/nostr-tools ]; then \
		npm ci --prefix tests/endtoend --silent --no-audit --no-fund; fi

dev: setup ## Run everything: database, tap, API, dashboard (a demo relay too, unless RELAY_URL is set)
	@$(RUN)relay-analytics dev

dev-analytics: setup ## Run the ingest worker: the tap in front of RELAY_URL, and the writer
	@$(RUN)python -m ingest

dev-analytics-api: setup ## Run the API on its own
	@$(RUN)python -m api

dev-dashboard: setup ## Run the dashboard on its own
	@$(RUN)python -m dashboard

check: setup check-code check-migrations check-deploy check-secrets check-dependencies ## Everything below, quick enough for each commit

check-code: setup ## Format, lint, types, layers
	@$(RUN)ruff format --check --quiet . || { echo "run: ruff format ."; exit 1; }
	@$(RUN)ruff check --quiet .
	@$(RUN)mypy core ingest api dashboard cli benchmarks tests Home.py pages
	@$(RUN)lint-imports --no-cache

check-migrations: setup ## Whether migrations only add, so that the version before goes on working
	@$(RUN)squawk core/storage/migrations/*.sql

check-deploy: setup ## Dockerfile and docker-compose.yml
	@$(RUN)hadolint Dockerfile
	@$(RUN)check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml

# Made-up passwords of tests are no secrets; keys of known services would be, there too.
NO_TEXT := ':!*.png' ':!*.woff2' ':!uv.lock' ':!*package-lock.json' ':!*.ipynb'
check-secrets: setup ## Whether a secret is about to be committed
	@git ls-files -z -- $(NO_TEXT) ':!tests' | xargs -0 $(RUN)detect-secrets-hook --exclude-lines '//[a-z_]+:(password|…)@'
	@git ls-files -z -- tests | xargs -0 $(RUN)detect-secrets-hook --disable-plugin KeywordDetector \
		--disable-plugin BasicAuthDetector --disable-plugin Base64HighEntropyString --disable-plugin HexHighEntropyString

check-dependencies: setup ## Unused dependencies, and known weaknesses of those that are used
	@$(RUN)deptry .
	@mkdir -p var && $(UV) export --frozen --no-dev --no-emit-project --quiet --output-file var/requirements.txt >/dev/null
	@$(RUN)python .ci/audit.py var/requirements.txt

test: setup setup-tests ## Run every test, on real parts
	@$(RUN)python -m pytest -n 2 --dist loadgroup $(ARGS)

shots: setup setup-tests ## Screenshots of every page, light and dark, wide and narrow, into test-results/
	@ALL_LOOKS=1 $(RUN)python -m pytest -n 2 --dist loadgroup tests/browser -k "fits or without_data"

soak: setup setup-tests ## Kill and cut everything for longer than a test run should take (200 kills)
	@$(RUN)python -m pytest -m soak tests/faults -s $(ARGS)

bench: setup ## Measure tap, ingest, every report, export and endpoint (ARGS="--events 2000000" for less); results: benchmarks/results
	@$(RUN)python -m benchmarks $(ARGS)

demo-remove: setup ## Remove all demo data
	@$(RUN)relay-analytics demo remove

clean: ## Remove the environments and caches (never the data in var/)
	@rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis test-results
