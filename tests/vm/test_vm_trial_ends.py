"""How a trial ends where nothing answers: late, interrupted, refused. Its disk has a boot sector and no system."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keys
import pytest
from collector_process import ROOT

pytestmark = pytest.mark.timeout(300)
HELLO = b"hello from the boot sector"
# cld; cli; ax = ds = 0; si = the text; each byte of it to the first serial port; then halt for ever.
CODE = bytes.fromhex("fc fa 31c0 8ed8 be177c ac 84c0 7406 baf803 ee ebf5 f4 ebfd")
SPEC = """
version: 1
name: web
values: {word: one}
stages: [{name: one, run: "echo {{ word }}"}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of somebody's: a disk with a boot loader of its own and one partition, a spec, a key."""
    sector = bytearray(512)
    text = CODE + HELLO + b"\r\n\0"
    sector[: len(text)] = text
    # One active Linux partition: sectors 8 to 2047.
    sector[446:462] = bytes([0x80, 0, 0, 0, 0x83, 0, 0, 0]) + (8).to_bytes(4, "little") + (2040).to_bytes(4, "little")
    sector[510:512] = b"\x55\xaa"
    (tmp_path / "disk.img").write_bytes(bytes(sector) + bytes((1 << 20) - 512))
    (tmp_path / "web.yaml").write_text(SPEC)
    (tmp_path / "values.yaml").write_text("word: two\n")
    (tmp_path / "tmp").mkdir()
    keys.key(tmp_path)
    return tmp_path


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "bootstrap", "try", "disk.img", "--source", "nocloud", *words]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp"), "NO_COLOR": "1"}


def tried(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words), cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=200, check=False
    )


def machines(folder: Path) -> list[str]:
    """The command lines of the programs that have a name below the folder in them."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in lines if str(folder / "tmp") in line]


def test_a_disk_that_never_answers_is_late_and_stays_as_it_was(folder: Path) -> None:
    digest = hashlib.sha256((folder / "disk.img").read_bytes()).hexdigest()
    done = tried(
        folder, "--deadline", "8s", "--spec", "web.yaml", "--values", "values.yaml", "--sign", "key", "--keep", "kept"
    )  # fmt: skip
    assert done.returncode == 6, done.stdout + done.stderr
    told = done.stdout.splitlines()
    assert told[:3] == [
        "web-1",
        "error[try.never-heard]: web-1 was never heard of in 8.0s; its payload came by nocloud",
        "  fix: look at what starts the payload, cron or cloud-init (seal: need.trigger), Python (seal: need.python), "
        "the network (seal: need.network): bootstrap seal ROOT --without-runner judges each",
    ]
    assert f"  console | {HELLO.decode()}" in told
    assert told[-2:] == ["disk.img: late, by nocloud", "kept in kept"]
    assert "power           on, as web-1" in done.stderr
    assert hashlib.sha256((folder / "disk.img").read_bytes()).hexdigest() == digest
    # The disk and the console are kept; the payload's volume and the collector's secrets are not.
    assert HELLO in (folder / "kept/1/console").read_bytes()
    names = {path.name for path in (folder / "kept").rglob("*")}
    assert {"disk.qcow2", "console"} <= names
    assert not names & {"payload.iso", "secret", "token", "collector"}
    assert list((folder / "tmp").iterdir()) == []
    assert machines(folder) == []


def test_json_is_one_document_and_nothing_else_is_printed(folder: Path) -> None:
    done = tried(folder, "--deadline", "4s", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (6, "")
    assert {"version", "image", "source", "verdict", "seconds", "clones", "findings", "console_tail"} <= set(document)
    assert (document["image"], document["source"], document["verdict"]) == ("disk.img", "nocloud", "late")
    assert [clone["server"] for clone in document["clones"]] == ["try-1"]
    assert [finding["code"] for finding in document["findings"]] == ["try.never-heard"]
    assert HELLO.decode() in document["console_tail"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "TERM"])
def test_an_interrupt_leaves_nothing(number: signal.Signals, folder: Path) -> None:
    process = subprocess.Popen(
        command("--deadline", "5m", "--keep", "kept"), cwd=folder, env=environment(folder), stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stderr is not None
    assert "on, as try-1" in process.stderr.readline()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert list((folder / "tmp").iterdir()) == []
    assert not (folder / "kept").exists()
    end = time.monotonic() + 10
    while machines(folder) and time.monotonic() < end:
        time.sleep(0.1)
    assert machines(folder) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--source", "floppy"), "error[usage]: 'floppy' is no source"),
        (("--set", "a=b"), "error[usage]: --set and --values go with --spec"),
        (("--keep", "."), "error[usage]: --keep .: the folder is not empty"),
    ],
)
def test_misuse_is_refused_before_anything_starts(words: tuple[str, ...], message: str, folder: Path) -> None:
    done = tried(folder, *words)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == message
    assert list((folder / "tmp").iterdir()) == []


def test_without_a_source_a_disk_that_cannot_be_looked_into_is_refused(folder: Path) -> None:
    words = [word for word in command() if word not in ("--source", "nocloud")]
    done = subprocess.run(words, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "  say with --source how its clones get their payload" in done.stderr


def test_a_missing_program_is_named_with_its_package(folder: Path) -> None:
    (folder / "bin").mkdir()
    for name in ("cp", "sfdisk", "qemu-img", "debugfs", "setpriv"):
        path = next(Path(place, name) for place in ("/usr/bin", "/usr/sbin") if Path(place, name).exists())
        (folder / "bin" / name).symlink_to(path)
    # Everything but QEMU itself.
    script = (
        "import bootstrap.trial.programs as p; p._FOLDERS = ''; "
        "from bootstrap.cli.main import main; main(['try', 'disk.img', '--source', 'nocloud'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env={**environment(folder), "PATH": str(folder / "bin")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "qemu-system-x86_64 is missing on this machine" in done.stderr
    assert "apt-get install qemu-system-x86" in done.stderr
