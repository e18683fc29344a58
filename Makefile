# Every target does its own set-up; on Debian as root that includes what is missing of its packages.
# `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet --no-input
LOCKED := install --require-hashes --only-binary :all:
JOBS ?= 2
# One file's tests stay in one process: they share what is dear to make (a collector, a rehearsal's copy).
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile
# Nothing that .ci/packages does not declare is found by name, as on a new machine.
DECLARED := $(BIN)/python tests/support/declared.py
BENCHMARKS := benchmarks/generator.py benchmarks/runner.py benchmarks/seal.py benchmarks/boot.py
UV ?= uv
LOCK := $(UV) pip compile pyproject.toml --quiet --universal --generate-hashes --python-version 3.11 \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links
# Programs that tests run beside ours, each in an environment of its own.
LOCK_OTHERS := $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links --upgrade

.DEFAULT_GOAL := help
.PHONY: help setup setup-demo setup-slow setup-release packages-demo packages-rollout packages-test packages-slow packages-vm packages-release \
	demo demo-deploy killtest test test-slow test-vm test-fresh test-all vm lint format crashtest crashtest-all mutants fuzz coverage size golden bench docs \
	deb zipapp lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  %-12s %s\n' "$$name" "$$text"; done

setup: packages-test $(VENV)/test.stamp ## make .venv with the locked development tools

demo: setup-demo ## rehearse examples/hello on this machine and print its timeline
	@$(BIN)/python -m bootstrap rehearse examples/hello

demo-deploy: setup-demo packages-rollout ## replace servers under load, and take a bad release back: as root, 2 minutes
	@$(BIN)/python tests/rollout/demo.py

killtest: setup-demo packages-rollout ## kill a deployer at every point of a real roll-out: as root, half an hour
	@$(BIN)/python tests/rollout/kills.py

test: setup ## everything but the slow tests: 20 minutes; TESTS= chooses some
	$(DECLARED) test $(PYTEST) -m "not slow and not vm" $(TESTS)

test-slow: setup packages-slow ## only the slow tests
	@# pytest exits 5 when it found none to run.
	@# Their order is that of tests/conftest.py, where those marked `first` are.
	$(DECLARED) slow $(PYTEST) --no-loadscope-reorder -m slow $(TESTS) || test $$? -eq 5

test-vm: setup packages-vm ## the tests in virtual machines and by builders of images, one at a time: half an hour
	$(PYTEST) -n 0 -m vm

vm: setup packages-vm ## boot a virtual machine with examples/hello, and leave it to you; SPEC= and IMAGE= choose others
	@$(BIN)/python tests/vm/play.py $(if $(IMAGE),--image $(IMAGE)) $(SPEC)

test-fresh: setup packages-slow ## make test in a fresh clone on a new Debian, which it makes: half an hour
	@$(BIN)/python tests/support/fresh_machine.py test

test-all: setup packages-vm ## every test
	$(PYTEST)

lint: setup ## ruff, mypy --strict and shellcheck, as the tests run them
	$(BIN)/python -m pytest -q tests/packaging/test_style.py

format: setup ## let ruff mend what it can
	$(BIN)/ruff check --fix .

crashtest: setup ## kill the packed runner before every state-changing call, cut the power after every one, kill two at once
	@$(BIN)/python tests/crash/crashtest.py
	@$(BIN)/python tests/crash/crashtest.py --power
	@$(BIN)/python tests/crash/twoticks.py --trials 200

crashtest-all: setup ## kill it before every system call at all
	@$(BIN)/python tests/crash/crashtest.py --all

mutants: setup packages-slow ## break each promise in a copy of the tree, and see that a test fails
	@$(BIN)/python tests/mutants/breaking.py

fuzz: setup ## the fuzz tests at twenty times the examples, new ones each time: minutes
	INITIALRUNNER_FUZZ=long $(PYTEST) tests/fuzz

coverage: setup ## the unit tests of the runner, without root, and the share of its lines that they reach
	$(BIN)/python -m coverage run -m pytest -q -n 0 tests/unit/runner
	@$(BIN)/python -m coverage report

size: setup-demo ## the packed runner's size, against its budget
	@$(BIN)/python benchmarks/size.py

golden: setup ## write the expected outputs of the golden tests again and show what changed
	GOLDEN=write $(BIN)/python -m pytest -q tests/unit -k golden
	@git --no-pager diff --stat -- tests

bench: setup packages-vm ## the benchmarks, as ratios in one run
	@for one in $(BENCHMARKS); do echo; echo "== $$one"; $(BIN)/python "$$one" || exit 1; done

docs: setup ## write the generated reference pages
	$(BIN)/python docs/generate.py

deb: setup-release ## the toolkit as a Debian package, for the Python of .venv, in build/
	@$(BIN)/python release/deb.py

zipapp: setup-release ## the toolkit as one file, for the Python of .venv: build/bootstrap.pyz
	@$(BIN)/python release/pyz.py

lock: ## work out requirements*.lock again (needs uv)
	$(LOCK) --upgrade --extra collector -o requirements.lock
	$(LOCK) --upgrade --extra dev -c requirements.lock -o requirements-dev.lock
	$(LOCK) --upgrade --extra collector --extra iso --extra postgres -c requirements-dev.lock -o requirements-release.lock
	sed -i '1i # Made by `make lock`; install with: pip install --require-hashes --only-binary :all: -r THIS_FILE' \
		requirements.lock requirements-dev.lock requirements-release.lock
	for one in tests/locks/*.in; do $(LOCK_OTHERS) "$$one" -o "$${one%.in}.lock" || exit 1; done

clean: ## remove .venv, what is in build/, and the caches
	@# The folder itself is part of the tree, and its README.md says what it is for.
	find build -mindepth 1 ! -path build/README.md -delete
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up ---------------------------------------------------------------------------------------------------------
# The stamps live in .venv, so that removing it is enough to start over. One environment serves both: the demo needs
# only the runtime lock and finds the package through a .pth file, since an editable install needs a build backend.

packages-demo packages-rollout packages-test packages-slow packages-vm packages-release: packages-%:
	@PYTHON=$(PYTHON) .ci/packages $*

setup-release: packages-release $(VENV)/test.stamp

setup-demo: packages-demo $(VENV)/demo.stamp

$(VENV)/demo.stamp: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11: make PYTHON=python3.11 ..." >&2; exit 1; }
	@echo "making $(VENV)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) $(LOCKED) -r requirements.lock
	@$(BIN)/python -c 'import sysconfig, pathlib; \
		pathlib.Path(sysconfig.get_path("purelib"), "checkout.pth").write_text("$(CURDIR)\n")'
	@# The command of the README, before anything is installed; `make setup` puts pip's in its place.
	@printf '#!%s\nfrom bootstrap.cli.main import main\nmain()\n' '$(CURDIR)/$(BIN)/python' >$(BIN)/bootstrap
	@chmod 755 $(BIN)/bootstrap
	@touch $@

$(VENV)/test.stamp: requirements-dev.lock pyproject.toml $(VENV)/demo.stamp
	@$(PIP) $(LOCKED) -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
