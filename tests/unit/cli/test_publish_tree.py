"""`bootstrap publish` of a whole folder: what is taken as one, which options go together, how far it is."""

from __future__ import annotations

import io
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bootstrap.cli import publish_tree
from bootstrap.cli.main import cli
from bootstrap.errors import BootstrapError, UsageError
from bootstrap.publish.tree_publish import Progress


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("site", "two", "spec", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "site/index.html").write_text("<p>\n")
    for name in ("two/a.yaml", "two/b.yaml", "spec/spec.yaml"):
        (tmp_path / name).write_text("version: 1\nname: web\nhealth: {checks: [{file: /etc/passwd}]}\n")
    return tmp_path


def run(line: str) -> str:
    """The stdout of `bootstrap publish` with these words. Raises what `bootstrap` would print."""
    done = CliRunner().invoke(cli, ["publish", *shlex.split(line)], standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.stdout


def refused(line: str) -> tuple[str, str | None]:
    with pytest.raises(UsageError) as caught:
        run(line)
    return caught.value.message, caught.value.hint


def test_a_folder_without_a_spec_is_published_whole(folder: Path) -> None:
    assert run("site --to ./store").splitlines()[0] == "store: 1 file, 4 bytes; 1 sent (4 bytes)"
    assert (folder / "build/site.tree.json").read_bytes() == (
        folder / "store/.initialrunner-manifest.json"
    ).read_bytes()
    assert (folder / "build/site.tree.json").stat().st_mode & 0o777 == 0o600
    # The name of a folder is that of its real path.
    assert run("site/../site/. --to ./store").splitlines()[-1].endswith("build/site.tree.json")


def test_a_folder_that_holds_a_spec_is_one_and_whole_with_tree(folder: Path) -> None:
    assert "nothing to publish" in run("spec --to ./public --base-url https://files.example")
    assert "1 file, " in run("spec --tree --to ./store")


def test_a_folder_that_may_be_either_is_refused(folder: Path) -> None:
    assert refused("two --to ./store") == (
        "two may be a spec or a folder to publish whole: it holds a.yaml, b.yaml",
        "name the file of the spec, or add --tree",
    )
    assert "2 files, " in run("two --tree --to ./store")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("site --to ./store --server web-1 --sign key", "--server, --sign go with a spec, and not with a whole folder"),
        ("site --to collector", "a collector keeps no folders"),
        ("--tree --to ./store", "no folder is named"),
        ("site --to ./store --restore back", "a folder is either published or restored"),
        ("spec/spec.yaml --tree --to ./store", "spec/spec.yaml is no folder"),
        ("nothing --tree --to ./store", "nothing is no folder"),
        ("spec/spec.yaml --delete --quick --to ./store", "--delete, --quick are for a folder that is published whole"),
        (". --tree --to ../store", "-o build is inside of ."),
        ("site --to ./site/store", "--to site/store is inside of site"),
        ("site --to ./site", "--to site is site itself"),
        ("empty --to ./store", "empty is empty: there is nothing to publish"),
        ("empty --to ./store --delete", "empty is empty: there is nothing to publish"),
        ("--verify --restore back --to ./store", "--restore and --verify do not go together"),
        ("site --quick --to ./store", "--quick goes with --verify"),
        ("--restore back --dry-run --to ./store", "--dry-run is for publishing, and not for --restore"),
        ("--verify --delete --resend --to ./store", "--delete, --resend are for publishing, and not for --verify"),
        ("site --deploy-id d1 --report-url https://x --to ./store",
         "--report-url, --deploy-id go with a spec, and not with a whole folder"),
        ("--verify --to ./store --manifest nothing.json",
         "nothing.json cannot be read: No such file or directory"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(folder: Path, line: str, message: str) -> None:
    assert refused(line)[0] == message
    assert not (folder / "store").exists()


def test_a_file_is_no_folder_to_restore_to(folder: Path) -> None:
    run("site --to ./store")
    assert refused("--restore site/index.html --to ./store") == (
        "site/index.html is a file", "name another folder; one that is missing is made"
    )  # fmt: skip


def test_a_file_that_is_no_manifest_is_told_from_a_damaged_store(folder: Path) -> None:
    run("site --to ./store")
    with pytest.raises(BootstrapError) as caught:
        run("--verify --to ./store --manifest site/index.html")
    assert caught.value.hint == "`bootstrap publish` writes it: DIR/NAME.tree.json"


def test_json_has_what_was_done(folder: Path) -> None:
    def answer(line: str) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(run(f"{line} --to ./store --json"))
        return facts

    tried = answer("site --dry-run")
    assert (tried["sent"], tried["manifest"], (folder / "store").exists()) == (1, None, False)
    done = answer("site --verify")
    assert (done["sent"], done["manifest"], done["verified"]) == (1, "build/site.tree.json", "sha256")
    assert answer("--verify --quick")["verified"] == "quick"
    back = answer("--restore back --manifest build/site.tree.json")
    assert (back["sha256"], back["files"], back["bytes"], back["fetched"]) == (done["sha256"], 1, 4, 1)
    (folder / "store/index.html").unlink()
    with pytest.raises(BootstrapError) as caught:
        answer("--verify")
    assert [problem.as_json()["code"] for problem in caught.value.problems] == ["publish.missing"]
    assert caught.value.exit_code == 4


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_one_line_that_is_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish_tree, "REDRAW_S", 0.0)
    stream = Terminal()
    with publish_tree.Meter("published", stream) as meter:
        meter(Progress(1200, 3, 2, 4096))
        meter(Progress(1200, 1200, 0, 0))
    assert stream.getvalue() == (
        "\r\033[Kpublished 3 of 1,200 files, 2 sent (4,096 bytes)\r\033[Kpublished 1,200 of 1,200 files\r\033[K"
    )


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    with publish_tree.Meter("verified", stream) as meter:
        meter(Progress(2, 1, 0, 0))
        monkeypatch.setattr(publish_tree, "HEARTBEAT_S", 0.0)
        meter(Progress(2, 2, 0, 0))
    assert stream.getvalue() == "verified 2 of 2 files\n"
