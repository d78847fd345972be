# Farebox. `make` lists the targets. Needs Python 3.11 or newer and make; browser and clients also Node.js.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The tests start Python hundreds of times: without bytecode each of them compiles everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/local ## have videos made, a text streamed and a recording transcribed, and watch the ledger prove it (KEEP=1 leaves the stack running)
	@$(RUN) -m devstack demo

.PHONY: run
run: $(VENV)/local ## run the whole stack on this machine until Ctrl-C (app 8080, simulators 8090, DynamoDB 8000; reads .env)
	@$(RUN) -m devstack run

.PHONY: up
up: ## run the whole stack in containers until Ctrl-C, with Docker or Podman (COMPOSE="podman-compose" for another)
	@compose="$(COMPOSE)"; \
	for each in "docker compose" "podman compose" podman-compose; do \
	    [ -z "$$compose" ] && $${each%%[ -]*} info >/dev/null 2>&1 && $$each version >/dev/null 2>&1 && compose=$$each; \
	done; \
	[ -n "$$compose" ] || { echo "Neither Docker nor Podman with Compose runs here; \`make run\` needs neither." >&2; exit 1; }; \
	exec $$compose up --build

.PHONY: audit
audit: $(VENV)/local ## prove every balance of the stack that `make run` keeps
	@$(RUN) -m devstack operate audit

.PHONY: find
find: $(if $(STAGE),,$(VENV)/local) ## find an id in logs and table: of a request, a job, a user, a Kling task (ID=…; STAGE=… for a deployment)
	@$(if $(STAGE),release/find,$(RUN) -m devstack find) $(ID)

.PHONY: reset
reset: $(VENV)/local ## delete what `make run` has stored
	@$(RUN) -m devstack reset

.PHONY: test
test: $(VENV)/test ## run the tests (about 10 minutes on two cores)
	@$(PYTEST) $(RECORDER) -m 'not sample and not tools and not browser and not clients and not go'

.PHONY: sample
sample: $(VENV)/test ## run a small sample of each proof, and whole stacks of real processes
	@$(PYTEST) $(PATIENT) -m sample $(SAMPLES)

# One more than two cores: some tests wait. Files begin in the order of tests/conftest.py.
TEST_PROCESSES ?= 3
PYTEST := $(RUN) -m pytest -q -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder
# Samples wait more: for leases, and for processes that were killed.
PATIENT := -n 4
# Each process would import all other tests too, only to leave them out.
SAMPLES = $$(grep -rlE 'pytest\.mark\.(sample|tools|browser|clients|go)\b' --include='test_*.py' tests)

.PHONY: browser
browser: $(VENV)/test ## test /docs, the start page and examples/react in a real Chromium (needs Node.js)
	@$(RUN) -m pytest -q -m browser tests/browser

.PHONY: clients
clients: $(VENV)/test ## lint the OpenAPI document; compile and run clients generated from it (needs Node.js 20 or newer)
	@$(RUN) -m pytest -q -m clients tests/clients

.PHONY: stripe
stripe: $(VENV)/test ## check the simulated Stripe, and what is sent to Stripe, against Stripe's own stripe-mock (needs Go 1.22 or newer)
	@$(RUN) -m pytest -q -m go tests/stripe_mock

.PHONY: check
# What the tests send to the simulated Stripe is kept for stripe-mock, or they would run once more.
check: export STRIPE_REQUESTS := $(CURDIR)/.cache/stripe-requests
check: RECORDER := -p tests.stripe_mock.recorder
check: format-check lint types test ## format, lint, types, tests, samples, browser, clients and stripe: what .ci/run checks, without the image
	@$(PYTEST) $(PATIENT) -m 'sample or tools or browser or clients or go' $(SAMPLES)

.PHONY: proof
proof: $(VENV)/test ## run every proof in full, for hours, as the nightly workflow does (ONLY="mutants drain" RESUME=1)
	@$(RUN) -m tests.proof $(ONLY) $(if $(RESUME),--resume)

.PHONY: format
format: $(VENV)/test ## format the code
	@$(VENV)/bin/ruff format service devstack tests docker release
	@$(VENV)/bin/ruff check --fix --quiet service devstack tests docker release

.PHONY: format-check
format-check: $(VENV)/test
	@$(VENV)/bin/ruff format --check --quiet service devstack tests docker release

.PHONY: lint
lint: $(VENV)/test ## lint the code
	@$(VENV)/bin/ruff check --quiet service devstack tests docker release

.PHONY: types
types: $(VENV)/test ## check the types
	@$(VENV)/bin/mypy --no-error-summary

.PHONY: infrastructure
infrastructure: $(VENV)/test ## check templates, roles, image and release scripts: linted, rendered, deployed into a simulated AWS
	@$(RUN) -m pytest -q tests/infrastructure

.PHONY: template-mutations
template-mutations: $(VENV)/test ## mutate the templates one named way at a time; each must be caught (MUTATION=name for one)
	@$(RUN) -m tests.infrastructure.template_mutations $(MUTATION)

.PHONY: template-mistakes
template-mistakes: $(VENV)/test ## apply a list of mistakes one at a time; each must be noticed (LIST=file, a JSON array)
	@$(RUN) -m tests.infrastructure.template_mutations.listed $(LIST)

.PHONY: transcripts
transcripts: $(VENV)/test ## write what every release script does in every situation; the difference is what a change changes
	@$(RUN) -m tests.infrastructure.transcripts

# The release needs the AWS CLI, Docker, curl and Python. Account and region come from the AWS CLI's own settings.
.PHONY: account
account: ## make or change the stack of the account: who may deploy, bounds of every role, budget (once, as an administrator)
	@release/account

.PHONY: image
image: ## build this commit's image and push it (STAGE=dev|staging|production)
	@release/image

.PHONY: deploy
deploy: ## deploy this commit, and undo it if the service does not respond (STAGE=…; YES=1 skips the questions)
	@release/deploy

.PHONY: identity
identity: ## deploy the user pool of a stage whose parameters have one (STAGE=…)
	@release/identity

.PHONY: settings
settings: ## deploy changed settings with the image that is running (STAGE=…)
	@release/settings

.PHONY: rollback
rollback: ## go back to the image that ran before (STAGE=…)
	@release/rollback

.PHONY: status
status: ## show what runs in a deployment, and what is wrong with it (STAGE=…)
	@release/status

.PHONY: operate
operate: $(if $(STAGE),,$(VENV)/local) ## run an operator command on the stack of `make run`, or in a deployment (COMMAND="audit" STAGE=…)
	@$(if $(STAGE),release/operate,$(RUN) -m devstack operate) $(COMMAND)

.PHONY: bench
bench: $(VENV)/test ## measure what the hot path costs (bounded, on this machine only)
	@$(RUN) -m tests.bench

.PHONY: simulate
simulate: $(VENV)/test ## run the real operations in simulated worlds full of faults (SEED=1 STEPS=10000)
	@$(RUN) -m tests.simulation --seed $(or $(SEED),1) --steps $(or $(STEPS),10000)

.PHONY: faults
faults: $(VENV)/test ## inject every fault at every effect of a job's life (ARGUMENTS="--table memory --pairs")
	@$(RUN) -m tests.faults.enumeration $(ARGUMENTS)

.PHONY: torture
torture: $(VENV)/test ## kill -9 web and worker processes under load, then prove that nothing is wrong (KILLS=200 SEED=… MINUTES=30)
	@$(RUN) -m tests.torture $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES))

.PHONY: fuzz
fuzz: $(VENV)/test ## send thousands of requests generated from the OpenAPI document (CASES=5000 SEED=1)
	@$(RUN) -m tests.fuzz --cases $(or $(CASES),5000) --seed $(or $(SEED),1)

.PHONY: mutants
mutants: $(VENV)/test ## break the code that moves credits, one named change at a time; tests must notice each (MUTANT=name for one)
	@$(RUN) -m tests.mutants $(MUTANT)

.PHONY: drain
drain: $(VENV)/test ## replace web, relay and worker under load behind a balancer; no request may fail, no stream or socket be lost (REPLACEMENTS=100 ARGUMENTS=--containers)
	@$(RUN) -m tests.drain --replacements $(or $(REPLACEMENTS),100) $(ARGUMENTS)

.PHONY: check-container
check-container: $(VENV)/test $(VENV)/container ## build the image, look inside, run docker-compose.yml with it end to end
	@$(RUN) -m tests.container

SUPPLY_CHAIN := .venv-supply-chain
.PHONY: supply-chain
supply-chain: $(SUPPLY_CHAIN)/installed ## audit every pinned package for known vulnerabilities
	@set -e; for pins in requirements/*.txt; do echo "$$pins"; \
	    $(SUPPLY_CHAIN)/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r $$pins; done

.PHONY: sbom
sbom: $(SUPPLY_CHAIN)/installed ## list everything that the image installs, as build/sbom.cdx.json (CycloneDX)
	@mkdir -p build
	@$(SUPPLY_CHAIN)/bin/cyclonedx-py requirements requirements/base.txt --pyproject pyproject.toml --mc-type application \
	    --output-reproducible --of JSON -o build/sbom.cdx.json

$(SUPPLY_CHAIN)/installed: requirements/supply-chain.txt
	@$(PYTHON) -m venv --clear $(SUPPLY_CHAIN)
	@$(SUPPLY_CHAIN)/bin/python -m pip install --quiet --no-compile --require-hashes -r $<
	@touch $@

.PHONY: documents
documents: $(VENV)/test ## regenerate the tables in docs/ and .env.example from the code
	@$(RUN) -m tests.documents

.PHONY: picture
picture: $(VENV)/local ## run the demo and draw its output as docs/images/demo.svg
	@$(RUN) -m tests.picture

.PHONY: lock
lock: $(VENV)/test ## pin the latest dependencies, with hashes
	@$(RUN) -m pip install --quiet uv
	@set -e; compile="$(VENV)/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --upgrade --quiet \
	    --no-header --no-emit-index-url --no-emit-find-links"; \
	$$compile pyproject.toml -o requirements/base.txt; \
	$$compile pyproject.toml --extra local -c requirements/base.txt -o requirements/local.txt; \
	$$compile pyproject.toml --extra test -c requirements/local.txt -o requirements/test.txt; \
	$$compile requirements/infrastructure.in -o requirements/infrastructure.txt; \
	$$compile requirements/supply-chain.in -o requirements/supply-chain.txt; \
	$$compile pyproject.toml --extra container -c requirements/test.txt -o requirements/container.txt

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	    { echo "Farebox needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another with PYTHON=… make …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python cannot make a virtual environment here (Debian: install python3-venv)."; exit 1; }

# Installs one set of pinned packages, with a dot every two seconds, and says in one sentence what went wrong.
$(VENV)/local $(VENV)/test $(VENV)/container: $(VENV)/%: requirements/%.txt | $(VENV)/bin/python
	@printf 'Installing the pinned packages (once) '; \
	$(RUN) -m pip install --quiet --no-compile --require-hashes -r $< > $(VENV)/install.log 2>&1 & job=$$!; \
	while kill -0 $$job 2>/dev/null; do printf '.'; sleep 2; done; \
	wait $$job || { echo; echo "The packages could not be installed (is there a network?). Details: $(VENV)/install.log"; exit 1; }; \
	echo ' done'; touch $@
