"""What the packaging tests share: where the tree is and which files belong to it."""

from __future__ import annotations

from pathlib import Path

import pytest
import tracked


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the checkout."""
    return tracked.TOP


@pytest.fixture(scope="session")
def tree() -> list[Path]:
    """The files of the repository, absolute and sorted."""
    return tracked.files()
