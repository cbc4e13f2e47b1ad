# Every command of this repository; `make` alone lists them. CI and the hooks call only these.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

UV := .tools/bin/uv
BIN := .venv/bin
# The environment is made with the interpreter that is here; none is downloaded.
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv

# Docker builds by BuildKit also where that is not yet the default, and with what else you name.
export DOCKER_BUILDKIT := 1
DOCKER_BUILD_FLAGS ?=

HELM4_VERSION := v4.3.1
HELM3_VERSION := v3.19.4
KUBECONFORM_VERSION := v0.8.0
SCHEMAS_VERSION := 1.37.0
REGISTRY_VERSION := v3.0.0
ACTIONLINT_VERSION := v1.7.7
GATEWAY_API_VERSION := v1.6.3
PROMETHEUS_OPERATOR_VERSION := v0.85.0

MANIFESTS := pyproject.toml uv.lock $(wildcard libs/*/pyproject.toml services/*/pyproject.toml)
SOURCES := libs services tests scripts conftest.py
E2E = $(BIN)/pytest -q -s -p no:randomly --durations=10 --timeout=600
MEMBERS := queue-cli queue-client queue-common queue-api queue-worker queue-dashboard queue-standalone queue-testing

.PHONY: help setup run test run-api run-worker run-dashboard build check fmt lint types imports size packages \
	check-versions sbom screenshots release release-test release-tools alerts docker-build docker-up docker-down docker-logs images-test \
	chart-docs chart-test chart-tools coverage saq-tests bench-attacks bench-batch bench-backlog bench-client bench-dashboard bench-flood bench-metrics bench-telemetry \
	chaos e2e e2e-nodes e2e-keda crds clean

##@ First
help: ## List the commands
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## Start everything on this machine, with an embedded Valkey
	@exec $(BIN)/queue-standalone

test: setup ## Run the tests, against a Valkey they start themselves
	$(BIN)/pytest -q

##@ Parts
setup: .venv/.stamp ## Make the environment in .venv

run-api: setup ## Start the API alone; it needs a Redis at REDIS_ADDR
	@exec $(BIN)/queue-api

run-worker: setup ## Start a worker alone; it needs a Redis at REDIS_ADDR
	@exec $(BIN)/queue-worker

run-dashboard: setup ## Start the dashboard alone; it needs an API at DASHBOARD_API_URL
	@exec $(BIN)/queue-dashboard

build: setup ## Build the wheels of all packages into dist/
	$(UV) build --all-packages --wheel --out-dir dist

##@ Docker
docker-build: ## Build the images queue-api, queue-worker and queue-dashboard, tagged with their versions
	@for service in api worker dashboard; do \
		version=$$(sed -n 's/^version = "\(.*\)"$$/\1/p' services/$$service/pyproject.toml); \
		docker build $(DOCKER_BUILD_FLAGS) --file services/$$service/Dockerfile --tag queue-$$service:$$version \
			--build-arg VERSION=$$version --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null) \
			--build-arg CREATED=$$(git log -1 --format=%cI 2>/dev/null) . || exit 1; \
	done

docker-up: docker-build ## Start Redis, API, worker, dashboard and Jaeger in containers
	docker compose up --detach --no-build --wait
	@echo 'The dashboard is at http://localhost:$(or $(DASHBOARD_PORT),8081), the API at http://localhost:$(or $(API_PORT),8080)/docs, traces are at http://localhost:$(or $(JAEGER_PORT),16686)'

docker-down: ## Stop and remove the containers; the tasks stay, in a volume
	docker compose down

docker-logs: ## Follow the containers' logs
	docker compose logs --follow

images-test: setup ## Build the images and see them run as they should (2 minutes, needs Docker)
	$(BIN)/pytest -q --timeout=600 tests/images

##@ Chart
chart-docs: setup ## Write the chart's schema and its README's table from its values
	$(BIN)/python scripts/chart_docs.py

chart-test: setup chart-tools ## Render and check the chart, with Helm 3 and Helm 4
	$(BIN)/pytest -q tests/chart

# What is on PATH is used; what is not is built, where Go is. Tests of what is missing are skipped.
chart-tools: .tools/chart/schemas
	@$(call go-tool,helm,helm.sh/helm/v4/cmd/helm@$(HELM4_VERSION))
	@$(call go-tool,helm3,helm.sh/helm/v3/cmd/helm@$(HELM3_VERSION))
	@$(call go-tool,kubeconform,github.com/yannh/kubeconform/cmd/kubeconform@$(KUBECONFORM_VERSION))

# go-tool NAME,PACKAGE: .tools/chart/NAME, unless it is there or on PATH
define go-tool
if ! command -v $(1) >/dev/null && [ ! -x .tools/chart/$(1) ]; then \
	if command -v go >/dev/null; then echo "building $(1)" && mkdir -p .tools/chart/build && \
		GOBIN=$(CURDIR)/.tools/chart/build go install $(2) && mv .tools/chart/build/* .tools/chart/$(1); \
	else echo "no $(1), and no Go to build it with: its tests are skipped" >&2; fi; fi
endef

# Kubernetes' own schemas of all its objects, from the one package of an index that has them.
.tools/chart/schemas: | .tools/bin/uv
	$(UV) pip install --quiet --no-deps --target $@ kubernetes-validate==$(SCHEMAS_VERSION)

##@ Quality
check: lint types imports size packages check-versions ## All that CI checks without running a test

fmt: setup ## Format the sources
	$(BIN)/ruff check --fix-only --quiet $(SOURCES)
	$(BIN)/ruff format --quiet $(SOURCES)

lint: setup ## Check format and style
	$(BIN)/ruff format --check --quiet $(SOURCES)
	$(BIN)/ruff check --quiet $(SOURCES)

types: setup ## Check the types of sources and tests
	$(BIN)/mypy $(SOURCES)

imports: setup ## Check who may import whom
	$(BIN)/lint-imports --no-logo

size: setup ## Check that no module is too long
	$(BIN)/loq

alerts: setup ## Check alert rules and dashboard with promtool (Debian: package prometheus)
	$(BIN)/pytest -q -rs tests/alerts

packages: setup ## Check version ranges between members, and undeclared imports
	$(UV) lock --check --quiet
	$(UV) pip check --quiet --python $(BIN)/python
	@for member in $(MEMBERS); do \
		module=$$(echo $$member | tr - _); \
		echo "imports of $$member"; \
		$(UV) run --isolated --quiet --locked --no-dev --package $$member \
			python -c "import pkgutil, importlib, $$module as m; [importlib.import_module(i.name) for i in pkgutil.walk_packages(m.__path__, '$$module.') if not i.name.endswith(('__main__', '.plugin'))]" \
			|| exit 1; \
	done

check-versions: setup ## Check that every place that names a version names the same
	$(BIN)/python scripts/check_versions.py

saq-tests: setup ## Run SAQ's own tests on our queue (1 minute; fetches SAQ's source)
	$(BIN)/python tests/saq/run.py

sbom: setup ## Write what each image is made of to dist/, as CycloneDX
	@mkdir -p dist && for service in api worker dashboard; do \
		$(UV) export --quiet --frozen --no-dev --package queue-$$service --format cyclonedx1.5 \
			--preview-features sbom-export --output-file dist/queue-$$service.cdx.json >/dev/null || exit 1; \
		echo dist/queue-$$service.cdx.json; \
	done

screenshots: setup ## Draw the pictures of the dashboard in docs/images again (6 minutes, needs Chromium)
	SCREENSHOTS=$(CURDIR)/docs/images $(BIN)/pytest -q --timeout=900 services/dashboard/tests/test_screenshots.py

coverage: setup ## Run the tests and measure what they cover
	$(BIN)/pytest -q --cov --cov-report=term

##@ Release
# REGISTRY    images and chart are pushed there: registry.example.com/queue; without it nothing leaves this machine
# PLATFORMS   the images', when buildx can build for them: linux/amd64,linux/arm64; without it this machine's
# SOURCE_URL  the address of the repository, which the chart names as its source
# COSIGN_KEY  what is pushed is signed with it, by cosign; COSIGN_FLAGS: more options of its, such as --tlog-upload=false
release: setup check-versions ## Build images, wheels, SBOMs and chart into dist/; push them with REGISTRY=…
	rm -rf dist
	@$(MAKE) --no-print-directory build sbom
	@$(if $(and $(REGISTRY),$(PLATFORMS)),,$(MAKE) --no-print-directory docker-build)
	@$(BIN)/python scripts/release.py --registry '$(REGISTRY)' --platforms '$(PLATFORMS)' --source '$(SOURCE_URL)'

release-test: setup chart-tools release-tools ## Release to a registry of the test's own, and check the workflows
	$(BIN)/pytest -q --timeout=300 tests/release

release-tools:
	@$(call go-tool,registry,github.com/distribution/distribution/v3/cmd/registry@$(REGISTRY_VERSION))
	@$(call go-tool,actionlint,github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION))

##@ Measure
bench-attacks: setup ## What attacks do to an API's memory and to its other clients (1 minute)
	$(BIN)/python services/api/benchmarks/attacks.py
bench-batch: setup ## What a task in a batch costs the API
	$(BIN)/python services/api/benchmarks/batch.py
bench-backlog: setup ## What a task costs with 1,000 and with 1,000,000 waiting
	$(BIN)/python libs/common/benchmarks/backlog.py
bench-telemetry: setup ## What tracing and log lines cost a task
	$(BIN)/python services/standalone/benchmarks/telemetry.py
bench-flood: setup ## What one project with 100,000 hanging destinations does to another (5 minutes)
	$(BIN)/python services/standalone/benchmarks/flood.py
	$(BIN)/python services/standalone/benchmarks/flood.py --new-lanes
bench-client: setup ## What a request costs, beside other clients
	$(BIN)/python services/worker/benchmarks/client.py
bench-dashboard: setup ## What the dashboard's pages take with a million tasks waiting (5 minutes)
	$(BIN)/python services/dashboard/benchmarks/pages.py
bench-metrics: setup ## What metrics cost a task, a scrape and Redis
	$(BIN)/python libs/common/benchmarks/metrics.py

chaos: setup ## Kill the real processes under load; nothing may be lost (5 minutes)
	$(BIN)/pytest -q -s -p no:randomly tests/chaos

##@ Kubernetes
e2e: setup docker-build crds ## Install the chart on the cluster of KUBECONFIG, else on one of kind's, and test it (12 minutes)
	$(E2E) --ignore=tests/e2e/nodes --ignore=tests/e2e/keda tests/e2e

e2e-nodes: setup docker-build ## Drain a node under load; needs a cluster of at least two
	$(E2E) tests/e2e/nodes

e2e-keda: setup docker-build ## Scale workers to zero and back; needs a cluster with KEDA
	$(E2E) tests/e2e/keda

# Definitions of others' kinds, out of their Go modules.
crds:
	@$(call crds,gateway-api,sigs.k8s.io/gateway-api@$(GATEWAY_API_VERSION),config/crd/standard/*.yaml)
	@$(call crds,prometheus-operator,github.com/prometheus-operator/prometheus-operator@$(PROMETHEUS_OPERATOR_VERSION),\
		example/prometheus-operator-crd/*servicemonitors.yaml example/prometheus-operator-crd/*prometheusrules.yaml)

# crds NAME,MODULE,FILES: .tools/crds/NAME.yaml, the module's files in one
define crds
if [ ! -e .tools/crds/$(1).yaml ]; then if command -v go >/dev/null; then mkdir -p .tools/crds && \
	folder=$$(cd / && go mod download -json $(2) | sed -n 's/^.*"Dir": "\(.*\)",$$/\1/p') && \
	(cd "$$folder" && for file in $(3); do echo ---; cat $$file; done) >.tools/crds/$(1).yaml; \
	else echo "no Go to fetch the definitions of $(1): its tests are skipped" >&2; fi; fi
endef

##@ Clean
clean: ## Remove environment, caches, builds and the data of `make run`
	rm -rf .venv .tools .data .e2e dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find libs services -name __pycache__ -type d -prune -exec rm -rf {} +

# uv is installed apart from the project, so that it needs to be on nobody's PATH. The system's own
# interpreter comes before one from a version manager: distributions build theirs with profile-guided
# optimisation, which saves a seventh of all CPU.
.tools/bin/uv: uv.txt
	@python=; bare=; for candidate in $(PYTHON) /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do \
		$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		if $$candidate -c 'import venv, ensurepip' 2>/dev/null; then python=$$candidate; break; fi; \
		bare=$$candidate; done; \
	if [ -z "$$python" ] && [ -n "$$bare" ]; then \
		echo "$$bare has no venv module: install it (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; fi; \
	if [ -z "$$python" ]; then \
		echo "Python 3.11 or newer is needed: install it, or name it: make PYTHON=/path/to/python3" >&2; exit 1; fi; \
	rm -rf .tools && $$python -m venv .tools && .tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r uv.txt

.venv/.stamp: $(MANIFESTS) | .tools/bin/uv
	@$(UV) sync --locked --quiet --python .tools/bin/python
	@touch $@
