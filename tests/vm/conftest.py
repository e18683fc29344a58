"""What the tests in virtual machines share: images, a collector, when they can run, and the figures at the end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import images
import pytest
from deploys import Deploys

from bootstrap.trial.programs import QEMU

FIGURES, STEPS = "figures", "steps"


def unusable() -> str | None:
    """Why no virtual machine can be started here."""
    return images.unusable() or (None if shutil.which(QEMU) else f"needs {QEMU}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all of this folder, and skip it where it cannot run."""
    here, why = Path(__file__).parent, unusable()
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.vm)
            if why:
                item.add_marker(pytest.mark.skip(reason=f"virtual machines: {why}"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The seconds that were noted, by test."""
    lines = [
        f"  {seconds:6.1f} s  {report.nodeid.rsplit('::', 1)[1]}: {what}"
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        for key, (what, seconds) in ((key, value) for key, value in report.user_properties if key == FIGURES)
    ]
    if lines:
        terminalreporter.write_sep("-", "virtual machines, seconds from power on")
        terminalreporter.write_line("\n".join(lines))
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        steps = [text for key, text in report.user_properties if key == STEPS]
        if steps:
            terminalreporter.write_sep("-", report.nodeid.rsplit("::", 1)[1])
            terminalreporter.write_line("\n".join(steps))


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Callable[[str, float], None]:
    """note(what, seconds): a figure for the summary."""
    return lambda what, seconds: record_property(FIGURES, (what, seconds))


@pytest.fixture
def show(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """show(text): a step of a story that the summary tells."""
    return lambda text: record_property(STEPS, text)


@pytest.fixture
def image() -> Callable[..., images.Image]:
    """image(suite, variant): built when first asked for."""
    return lambda suite="bookworm", variant="plain": images.get(images.Recipe(suite, variant))


@pytest.fixture
def deploys(tmp_path: Path) -> Iterator[Deploys]:
    """A collector of the test's own, and payloads that report to it."""
    with Deploys(tmp_path) as running:
        yield running
