# The whole hospital from one place. `make help` explains every target.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Without it every process would compile what it imports again: a second of a processor for each that is started.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
# The last state of the archived community repository.
MINIO_VERSION := v0.0.0-20260212201848-7aac2a2c5b7c
# Tests at once, half as many again as processors because tests wait for servers too; 0 runs them in this process.
WORKERS ?= $(shell echo $$(( $$(nproc) * 3 / 2 )))
# More arguments for the tests, for example: make test PYTEST="tests/payments -x"
PYTEST ?=
# Patients of the demonstration.
PATIENTS ?= 500
# The load test: visits of the whole day, hours replayed, times faster than life, faults (kill-function,
# restart-database, stop-relay or all) and the seconds between two of them.
VISITS ?= 2000
BEGINS ?= 07:30
ENDS ?= 17:30
SPEED ?= 60
FAULT ?=
EVERY ?= 8

# Debian's names. WeasyPrint draws paper forms with Pango and HarfBuzz, in the Noto fonts; Maven brings Keycloak.
SYSTEM_PACKAGES := libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-cjk maven

.PHONY: help venv assets system up down status demo load test lint format bench lock clean minio sbom audit conformance-minio

help:  ## Explain every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(VENV)/.synced  ## Make the virtual environment of the lock file; quick when nothing changed

$(VENV)/.synced: requirements-dev.lock Makefile
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed; say where it is: make venv PYTHON=/path/to/python3.11" >&2; exit 1; }
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	# uv has settings of its own; it takes the package index from where pip has it.
	index=$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null || true)}}
	[ -z "$$index" ] || export UV_DEFAULT_INDEX="$$index"
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync --quiet --require-hashes requirements-dev.lock
	# Packages of this repository are imported where they stand.
	echo "$(CURDIR)" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/his.pth"
	printf '#!%s\nimport sys\n\nfrom infra.his.cli import app\n\nsys.exit(app(prog_name="his"))\n' "$(CURDIR)/$(BIN)/python" > $(BIN)/his
	chmod +x $(BIN)/his
	touch $@

assets: clients/start/node_modules/.synced  ## Get the page assets that browsers need; quick when nothing changed

clients/start/node_modules/.synced: clients/start/package-lock.json
	@command -v npm >/dev/null || { echo "Node.js with npm is needed for the API reference of the start page." >&2; exit 1; }
	npm ci --prefix clients/start --no-audit --no-fund --silent
	touch $@

system:  ## Install the system packages that are missing (root), or say which they are
	@if command -v dpkg-query >/dev/null; then
	  missing=""
	  for package in $(SYSTEM_PACKAGES); do
	    [ "$$package" = maven ] && command -v mvn >/dev/null && continue
	    dpkg-query -W -f '$${db:Status-Status}' "$$package" 2>/dev/null | grep -qx installed || missing="$$missing $$package"
	  done
	  [ -z "$$missing" ] && exit 0
	  if [ "$$(id -u)" = 0 ]; then
	    apt-get update -qq
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing
	  else
	    echo "System packages are missing. Run: sudo apt-get install$$missing" >&2
	    exit 1
	  fi
	else
	  command -v mvn >/dev/null || { echo "Maven is missing; install it with this system's package manager." >&2; exit 1; }
	  echo "Not a Debian system: see to Pango, HarfBuzz and the Noto CJK fonts yourself."
	fi

up: venv system assets  ## Start the hospital on this machine and print its address
	@$(BIN)/his up

down:  ## End everything that `make up` started
	@if [ -x $(BIN)/his ]; then $(BIN)/his down; fi

status:  ## Show what runs
	@$(BIN)/his status

demo: venv  ## Play a clinic morning at both campuses through the running hospital
	@$(BIN)/his demo --patients $(PATIENTS)

load: venv  ## Replay a clinic day with Locust against the running hospital; report in .state/load.html
	@$(BIN)/locust -f loadtests/locustfile.py --headless --only-summary --html .state/load.html --visits $(VISITS) \
	  --begins $(BEGINS) --ends $(ENDS) --speed $(SPEED) --every $(EVERY) $(addprefix --fault ,$(FAULT))

test: venv system assets lint  ## Everything the build server runs: lint, freshness of generated files, tests
	@$(BIN)/his generate --check
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST)

minio: .state/bin/minio  ## Build MinIO, the data centre's object store, from its Go module (some minutes)

.state/bin/minio:
	@command -v go >/dev/null || { echo "Go is needed to build MinIO." >&2; exit 1; }
	GOBIN=$(CURDIR)/.state/bin go install github.com/minio/minio@$(MINIO_VERSION)

sbom: venv  ## Write the image's bill of materials (CycloneDX) to .state/sbom.cdx.json
	@SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || true)} $(BIN)/python -m infra.security sbom

audit: venv  ## Known flaws in the image's parts, from the OSV mirror in the folder HIS_ADVISORIES
	@$(BIN)/python -m infra.security audit

conformance-minio: venv minio  ## The object store's tests against MinIO instead of SeaweedFS
	@HIS_TEST_S3=minio $(BIN)/pytest -q tests/shared/test_storage.py tests/shared/test_storage_upkeep.py

lint: venv  ## Format, lint, types, imports between packages
	@$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy shared events infra/local $$(find functions -name service.py -o -name rules.py -o -path '*/service/*.py' -o -path '*/rules/*.py' | sort)
	$(BIN)/lint-imports
	$(BIN)/python -m infra.lints

format: venv  ## Format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: venv  ## Measure, print ratios, write docs/benchmarks.md
	@$(BIN)/python -m loadtests.bench

lock: venv  ## Resolve the dependencies anew into both lock files
	@options="--quiet --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --upgrade"
	$(BIN)/uv pip compile $$options pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile $$options --all-extras pyproject.toml -o requirements-dev.lock

clean:  ## End everything and remove all its data and every cache (keeps .venv)
	@if [ -x $(BIN)/his ]; then $(BIN)/his down --erase; fi
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

include infra/cluster/cluster.mk
