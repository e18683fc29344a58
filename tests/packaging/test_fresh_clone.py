"""A fresh clone on a new Debian sets itself up and passes its tests: nothing is there but what README.md assumes.

`make test-fresh` runs the whole of `make test` there. Here are the tests that notice first what is not there.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fresh_machine import FreshMachine, needs_fresh_machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), needs_fresh_machine]
SOME = (
    "tests/packaging",
    "tests/unit/payload",
    "tests/unit/render",
    "tests/faults/test_apt.py",
    "tests/faults/test_certificates.py",
    "tests/faults/test_disk.py",
    "tests/faults/test_stage_effects.py",
    "tests/faults/test_clocks.py",
    "tests/faults/test_systemd_units.py",
    "tests/integration/test_cli_collector.py",
    "tests/integration/test_cloud_config_schema.py",
    "tests/integration/test_collector_page.py",
    "tests/integration/test_rehearse_copy.py",
    "tests/integration/test_rehearse_verb.py",
    "tests/integration/test_signed_payload.py",
)


@pytest.fixture(scope="module")
def machine() -> Iterator[FreshMachine]:
    """One machine for these tests, in their order."""
    with FreshMachine() as machine:
        yield machine


def test_make_demo_does_its_own_set_up_and_ends_healthy(machine: FreshMachine) -> None:
    done = machine.make("demo")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "hello-1" in done.stdout
    assert "healthy" in done.stdout.splitlines()[-1]
    # Set up once: a second time there is nothing left to make.
    again = machine.make("setup-demo")
    assert (again.returncode, again.stderr) == (0, "")


def test_the_locked_tools_install_on_the_distributions_python(machine: FreshMachine) -> None:
    done = machine.make("setup")
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    version = machine.run("sh", "-c", "$PWD/.venv/bin/bootstrap --version && readlink -f .venv/bin/python")
    said, python = version.stdout.splitlines()
    assert said.startswith("bootstrap, version ")
    assert python.startswith("/usr/bin/python3.")


def test_the_tests_that_look_for_programs_pass(machine: FreshMachine) -> None:
    done = machine.make("test", f"TESTS={' '.join(SOME)}", timeout_s=1500)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-1000:]


def test_nothing_that_make_does_shows_in_git(machine: FreshMachine) -> None:
    assert machine.run("git", "status", "--porcelain").stdout == ""
