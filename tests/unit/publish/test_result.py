"""published.json: what was written is read, also that of an earlier release."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootstrap.errors import UsageError
from bootstrap.publish import result
from bootstrap.render.model import Published

BUNDLE = {"url": "https://x/b", "sha256": "ab" * 32, "size": 3, "deploy_id": "d1"}


@pytest.mark.parametrize("runner", [(), ("https://x/r", "s3://boot/r?region=eu-west-1")])
def test_it_comes_back_as_it_was(tmp_path: Path, runner: tuple[str, ...]) -> None:
    published = Published({"cd" * 32: "https://x/f"}, {"web-1": BUNDLE}, runner)  # type: ignore[dict-item]
    path = result.write(published, tmp_path, place="s3://boot")
    assert result.read(path) == published
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["place"] == "s3://boot"


def test_a_file_of_an_earlier_release_names_no_runner(tmp_path: Path) -> None:
    path = result.write(Published({"a": "https://x/f"}), tmp_path)
    assert "runner" not in json.loads(path.read_text())
    assert result.read(path).runner == ()


def test_a_runner_that_is_no_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / result.NAME
    path.write_text(json.dumps({"version": 1, "urls": {}, "bundles": {}, "runner": 3}))
    with pytest.raises(UsageError, match="is not what `bootstrap publish` wrote"):
        result.read(path)


def test_urls_that_have_expired_are_refused_with_the_hour(tmp_path: Path) -> None:
    """A server that starts with them would wait for ever."""
    path = result.write(Published({"a": "https://x/f"}), tmp_path, expires="2026-11-07T20:00:00Z")
    with pytest.raises(UsageError) as refused:
        result.read(path)
    assert (refused.value.message, refused.value.hint) == (
        f"{path}: its URLs expired at 2026-11-07T20:00:00Z", "publish again"
    )  # fmt: skip
    assert result.read(result.write(Published({"a": "https://x/f"}), tmp_path, expires="2999-01-01T00:00:00Z"))
