# Closed Loop. Every path and port can be set, so that two clones run side by side:
#   make demo CLOSED_LOOP_HOME=/tmp/other CLOSED_LOOP_PORT=8180 CLOSED_LOOP_SHOP_PORT=8191 CLOSED_LOOP_PARCELS_PORT=8192
PYTHON ?= python3
VENV ?= .venv
export CLOSED_LOOP_HOME ?= $(CURDIR)/.loop
export CLOSED_LOOP_PORT ?= 8080
export CLOSED_LOOP_SHOP_PORT ?= 8091
export CLOSED_LOOP_PARCELS_PORT ?= 8092
# Bytecode halves the time that each task takes to start.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPATH := $(CURDIR)
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup packages demo turn stop test scale-test image-test compose-test test-assistant lint docs bench verify-evidence check backup restore chaos endure fuzz lock sbom audit schema clean
.DEFAULT_GOAL := demo

setup: $(READY) packages  ## make the environment

$(READY): requirements-dev.lock
	@$(PYTHON) -c 'import tarfile; tarfile.data_filter' || { echo "$(PYTHON) is older than 3.11.4: make PYTHON=another" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	awk '/^uv==/{take=1; print; next} take && /^ /{print; next} {take=0}' requirements-dev.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r $(VENV)/uv.lock
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --compile-bytecode requirements-dev.lock
	touch $@

packages:
	@sh local/packages.sh packages.txt

demo: setup  ## turn the loop; VOICES=path turns it on your own file too; FAULT=errors|slow|crash releases a fault at the end
	$(BIN)/python -m local.demo $(if $(VOICES),--voices "$(VOICES)") $(if $(FAULT),--fault "$(FAULT)")

turn: $(READY)  ## one turn of the loop on your own products, now, and what came of it
	$(BIN)/python -m local.turn

stop:  ## end everything that was started
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m local.airflow stop && $(BIN)/python -m include.deployment.stop --all; fi

lint: $(READY)  ## ruff, mypy, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup lint  ## all checks and tests
	@sh local/packages.sh packages-dev.txt || [ -z "$$CI" ]
	$(BIN)/python -m pytest

scale-test: setup  ## the loop's turns on Celery, PostgreSQL, Redis and S3, and what they leave beside the embedded default
	@sh local/packages.sh packages-dev.txt || [ -z "$$CI" ]
	$(BIN)/python -m pytest tests/scale
	CLOSED_LOOP_TEST_PLACE=celery $(BIN)/python -m pytest tests/loop --ignore tests/loop/test_kills.py

image-test:  ## build the image on a base of this machine's own and try it in containers; as root, or with a Docker engine
	sh local/docker.sh sh tests/scale/image.sh

compose-test: $(READY)  ## start compose.yaml for real, and turn the loop on it; after make image-test, and as it
	sh local/docker.sh sh -ec 'docker build --quiet --network host --build-arg BASE="$${BASE:-closed-loop-image-trixie}" -t closed-loop-services-test tests/scale/services; $(BIN)/python -m tests.scale.composed'

test-assistant: $(READY)  ## the optional help of a language model, in an environment that has it
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)/assistant
	$(BIN)/uv pip sync --quiet --python $(VENV)/assistant/bin/python requirements-dev.lock requirements-llm.lock
	$(VENV)/assistant/bin/python -m pytest tests/assistant

docs: $(READY)  ## the documentation site, in .site/html
	$(BIN)/python -m local.docs

bench: setup  ## ONLY=name for one
	$(BIN)/python -m bench $(ONLY)

verify-evidence: $(READY)  ## find any change in what checks left behind; RELEASE="product|version" for one
	$(BIN)/python -m include.compliance_checks.evidence verify $(if $(RELEASE),"$(RELEASE)")

check: $(READY)  ## is the ledger still one truth? states every invariant and verifies it
	$(BIN)/python -m include.ledger.check --artifacts "$(CLOSED_LOOP_HOME)/artifacts"

backup: $(READY)  ## ledger and artifacts into a new folder of INTO, while the loop turns
	$(BIN)/python -m include.ledger.backup make "$(or $(INTO),$(CLOSED_LOOP_HOME)/backups)"

restore: $(READY)  ## FROM=folder, into an empty ledger
	$(BIN)/python -m include.ledger.backup restore "$(FROM)"

chaos: setup  ## kill processes of the loop at random, over whole turns; KILLS=number PLACE=embedded|celery
	$(BIN)/python -m tests.loop.chaos --kills $(or $(KILLS),200) $(if $(PLACE),--place $(PLACE))

endure: setup  ## many turns in a row, and what grows with them; TURNS=number
	$(BIN)/python -m tests.loop.endurance --turns $(or $(TURNS),500)

fuzz: $(READY)  ## hostile input for every reader; EXAMPLES a reader
	FUZZ_EXAMPLES=$(or $(EXAMPLES),5000) $(BIN)/python -m pytest tests/fuzz --timeout 3600

lock: $(READY)  ## pin what requirements*.txt ask for
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 requirements.txt -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 requirements-scale.txt -o requirements-scale.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 requirements-dev.txt -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 requirements-llm.txt -o requirements-llm.lock

sbom: setup  ## write .loop/sbom.json: what the image holds, as CycloneDX
	$(BIN)/python -m local.sbom $(CLOSED_LOOP_HOME)/sbom.json

audit: $(READY)  ## known advisories about anything that the locks pin; asks PyPI, and fails where PyPI can't be asked
	$(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r requirements-dev.lock -r requirements-llm.lock \
		|| { echo "make audit: not every pin is known to be good: something was found, or could not be asked about" >&2; exit 1; }

schema: $(READY)  ## the JSON Schema of product files
	$(BIN)/python -m include.product

clean: stop  ## the environment and everything that was written go
	rm -rf $(VENV) $(CLOSED_LOOP_HOME)
