"""What bake puts into a plain root, what it refuses, and that it never leaves the root."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from bootstrap import resources
from bootstrap.cli.bake import command
from bootstrap.cli.seal import command as sealing
from bootstrap.errors import UsageError
from bootstrap.image import bake, own_paths
from bootstrap.image.bake import Settings
from bootstrap.image.root_writer import RootWriter
from bootstrap.payload import crontab
from bootstrap.payload.refused import Refused
from bootstrap.payload.split import runner_text
from bootstrap.runner.baked.program import BUILDER

TOP = Path(__file__).resolve().parents[3]
KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0pC1xnIgrOgNfHhrvLnV4bXHjXvTSwFTBX1JxvV2yY"
TEXT_PATH = f"/usr/lib/initialrunner/{runner_text().sha256}"
COMMON = ["/etc/initialrunner/image.json", own_paths.PROGRAM, "/usr/local/sbin/initialrunner", TEXT_PATH]
SYSTEMD = [
    "/etc/systemd/system/initialrunner-image.service",
    "/etc/systemd/system/initialrunner-image.timer",
    "/etc/systemd/system/multi-user.target.wants/initialrunner-image.service",
    "/etc/systemd/system/timers.target.wants/initialrunner-image.timer",
]


def put(root: Path, *names: str, content: str = "") -> None:
    for name in names:
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o755 if path.parent.name in ("bin", "sbin", "libexec") else 0o644)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What of a Debian is looked at."""
    found = tmp_path / "root"
    put(found, "/usr/sbin/cron", "/usr/lib/systemd/systemd", "/usr/bin/python3.11", "/usr/bin/ssh-keygen")
    library = "/usr/lib/python3.11"
    put(found, *(f"{library}/{name}.py" for name in ("hashlib", "bz2")))
    put(found, *(f"{library}/{name}/__init__.py" for name in ("json", "ctypes", "email", "http")))
    (found / "usr/bin/python3").symlink_to("python3.11")
    (found / "etc").mkdir()
    return found


def tree(root: Path) -> dict[str, tuple[int, bytes | str]]:
    """Every name below a root: mode, and content or target."""
    found: dict[str, tuple[int, bytes | str]] = {}
    for path in sorted(root.rglob("*")):
        info, name = path.lstat(), "/" + str(path.relative_to(root))
        if stat.S_ISLNK(info.st_mode):
            found[name] = 0, str(path.readlink())
        elif stat.S_ISREG(info.st_mode):
            found[name] = stat.S_IMODE(info.st_mode), path.read_bytes()
    return found


def new(root: Path, before: dict[str, tuple[int, bytes | str]]) -> list[str]:
    return sorted(set(tree(root)) - set(before))


def refusals(root: Path, **settings: object) -> list[tuple[str, str]]:
    """(code, message) of each, after a look that nothing was written."""
    before = tree(root)
    with pytest.raises(Refused) as caught:
        bake.bake(root, Settings(**settings))  # type: ignore[arg-type]
    assert tree(root) == before
    assert caught.value.exit_code == 4
    return [(problem.code, problem.message) for problem in caught.value.problems]


def test_what_is_written_and_with_which_mode(root: Path) -> None:
    before = tree(root)
    done = bake.bake(root, Settings())
    assert (done.trigger, done.python) == ("both", "/usr/bin/python3")
    assert new(root, before) == sorted([*COMMON, *SYSTEMD, own_paths.CRON])
    after = tree(root)
    assert {path: after[path][0] for path in new(root, before)} == {
        **dict.fromkeys([*COMMON, *SYSTEMD[:2], own_paths.CRON], 0o644),
        COMMON[2]: 0o700,
        **dict.fromkeys(SYSTEMD[2:], 0),
    }
    assert all(
        (root / link.lstrip("/")).resolve() == root / unit.lstrip("/")
        for link, unit in zip(SYSTEMD[2:], SYSTEMD[:2], strict=True)
    )
    image = json.loads(after[COMMON[0]][1])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", image.pop("baked_at"))
    facts = {"toolkit": "", "version": 1, "sources": ["files"], "trigger": "both", "cloud_init_deadline_s": 600}
    assert image == {**facts, "runner": runner_text().sha256}


def test_again_with_the_same_options_gives_the_same_bytes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bake.bake(root, Settings(("files", "nocloud")))
    before = tree(root)
    # In another second.
    monkeypatch.setattr("bootstrap.image.bake.time.gmtime", lambda: __import__("time").struct_time((2030,) + (1,) * 8))
    done = bake.bake(root, Settings(("files", "nocloud")))
    assert {change.did for change in done.changes} == {"same"}
    assert tree(root) == before


def test_other_options_replace_the_earlier_ones(root: Path) -> None:
    before = tree(root)
    bake.bake(root, Settings(("files",), "both", b"me " + KEY + b"\n"))
    assert "/etc/initialrunner/allowed_signers" in tree(root)
    done = bake.bake(root, Settings(("ec2=http://127.0.0.1:1",), "cron"))
    assert new(root, before) == sorted([*COMMON, own_paths.CRON])
    assert any("unsigned bundles are taken from now on" in note for note in done.notes)
    bake.bake(root, Settings(trigger="systemd"))
    assert new(root, before) == sorted([*COMMON, *SYSTEMD])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_what_is_not_roots_or_has_a_second_name_is_made_anew(root: Path) -> None:
    bake.bake(root, Settings())
    program, entry, command = (root / path.lstrip("/") for path in (own_paths.PROGRAM, own_paths.CRON, COMMON[2]))
    os.chown(program, 1000, 1000)  # as a build does that copies a tree as one user
    (root / "copy").hardlink_to(entry)  # cron skips it then
    command.chmod(0o770)
    done = bake.bake(root, Settings())
    written = [change.path for change in done.changes if change.did == "written"]
    assert written == [own_paths.PROGRAM, COMMON[2], own_paths.CRON]
    assert [(one.stat().st_uid, one.stat().st_gid, one.stat().st_nlink) for one in (program, entry)] == [(0, 0, 1)] * 2
    assert {change.did for change in bake.bake(root, Settings()).changes} == {"same"}


def test_remove_takes_all_of_it_away_and_nothing_else(root: Path) -> None:
    put(root, "/etc/initialrunner/mine", "/etc/cron.d/other")
    before = tree(root)
    bake.bake(root, Settings(signers=b"me " + KEY))
    assert len(bake.remove(root)) == 10
    assert tree(root) == before
    assert bake.remove(root) == ()
    assert not any((root / folder / "initialrunner").exists() for folder in ("usr/local/lib", "usr/lib"))


def test_remove_leaves_the_command_of_a_bundle(root: Path) -> None:
    bake.bake(root, Settings())
    put(root, COMMON[2], content="#!/bin/sh\n# initialrunner: runs the bundle named here\n")
    bake.remove(root)
    assert (root / COMMON[2].lstrip("/")).exists()


@pytest.mark.parametrize(
    ("has", "trigger"), [(("cron",), "cron"), (("systemd",), "systemd"), (("cron", "systemd"), "both")]
)
def test_auto_takes_what_the_root_has(root: Path, has: tuple[str, ...], trigger: str) -> None:
    for name, path in (("cron", "usr/sbin/cron"), ("systemd", "usr/lib/systemd/systemd")):
        if name not in has:
            (root / path).unlink()
    assert bake.bake(root, Settings()).trigger == trigger


def test_a_folder_that_is_no_root_is_refused(tmp_path: Path) -> None:
    assert refusals(tmp_path) == [("image.root", "this is no root directory: it has no /etc and no /usr")]


def test_all_reasons_come_at_once(root: Path) -> None:
    for name in ("sbin/cron", "bin/ssh-keygen", "lib/python3.11/json/__init__.py", "lib/python3.11/email/__init__.py"):
        (root / "usr" / name).unlink()
    put(root, COMMON[2], content="#!/bin/sh\necho somebody's\n")
    assert refusals(root, trigger="both", signers=b"\n# none\n") == [
        (
            "image.python",
            "no usable python3 on this image: /usr/bin/python3 is Python 3.11 without json, email",
        ),
        ("image.trigger", "--trigger both: this image has no cron"),
        ("image.signers", "--allowed-signers: this image has no /usr/bin/ssh-keygen to check signatures with"),
        ("image.signers", "--allowed-signers: the file holds no key, so no bundle would ever be taken"),
        ("image.command", "/usr/local/sbin/initialrunner exists, and is no command of initialrunner"),
    ]


def test_python_is_judged_by_its_files(root: Path) -> None:
    link = root / "usr/bin/python3"
    link.unlink()
    assert refusals(root)[0][1] == "no usable python3 on this image: there is none"
    link.symlink_to("python3.5")
    put(root, "/usr/bin/python3.5")
    assert refusals(root)[0][1].endswith("/usr/bin/python3 is Python 3.5, older than 3.6")
    # As on RHEL 8, whose python3 is for users to choose.
    put(root, "/usr/libexec/platform-python3.6", "/usr/lib64/python3.6/hashlib.py", "/usr/lib64/python3.6/bz2.py")
    put(root, *(f"/usr/lib64/python3.6/{name}/__init__.py" for name in ("json", "ctypes", "email", "http")))
    (root / "usr/libexec/platform-python").symlink_to("/usr/libexec/platform-python3.6")
    assert bake.bake(root, Settings()).python == "/usr/libexec/platform-python"
    assert b"exec /usr/libexec/platform-python -I -S" in (root / COMMON[2].lstrip("/")).read_bytes()


def test_the_cron_of_busybox_is_none(root: Path) -> None:
    (root / "usr/sbin/cron").unlink()
    put(root, "/bin/busybox")
    (root / "usr/sbin/crond").symlink_to("/bin/busybox")
    assert refusals(root, trigger="cron") == [("image.trigger", "--trigger cron: this image has no cron")]


def test_a_root_that_nothing_would_start_is_refused(root: Path) -> None:
    (root / "usr/sbin/cron").unlink()
    (root / "usr/lib/systemd/systemd").unlink()
    assert refusals(root) == [
        ("image.trigger", "nothing on this image would start the runner: it has neither cron nor systemd")
    ]


def test_a_line_that_no_host_would_read_is_told_with_its_place(root: Path) -> None:
    """All of the table is in test_image_signers.py."""
    (root.parent / "signers").write_bytes(b"# who may\nme " + KEY + b'\nme valid-before="soon" ' + KEY + b"\n")
    before = tree(root)
    argv = [sys.executable, "-m", "bootstrap", "bake", "root", "--allowed-signers", "signers"]
    done = subprocess.run(
        argv, cwd=root.parent, env={**os.environ, "PYTHONPATH": str(TOP)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == (
        'signers:3:4: error[image.signers]: valid-before="soon" is no time\n'
        '  valid-before="20301231Z": YYYYMMDD[HHMM[SS]], with Z in UTC\n'
    )
    assert tree(root) == before


# --- links ---


def outside(tmp_path: Path) -> Path:
    found = tmp_path / "outside"
    found.mkdir()
    return found


@pytest.mark.parametrize(
    "place",
    ["etc/initialrunner", "etc/cron.d", "usr/local", "usr/local/sbin", "etc/systemd", "var/lib/initialrunner",
     "usr/lib/initialrunner"],
)
@pytest.mark.parametrize("first", ["", "here/../"])
def test_a_link_that_climbs_out_of_the_root_is_refused(root: Path, tmp_path: Path, place: str, first: str) -> None:
    away = outside(tmp_path)
    ((root / place).parent / "here").mkdir(parents=True, exist_ok=True)
    target = first + "../" * place.count("/") + "../outside"
    (root / place).symlink_to(target)
    assert ("image.link", f"/{place} is a link that leads out of the root: {target}") in refusals(root)
    assert list(away.iterdir()) == []


@pytest.mark.parametrize("target", ["..", "../..", "here/../..", "../usr/.", "/", "/..", "/usr/..", "../usr/../.."])
def test_a_link_up_is_worked_out_and_not_asked_of_the_kernel(root: Path, tmp_path: Path, target: str) -> None:
    (root / "etc/here").mkdir()
    (root / "etc/cron.d").symlink_to(target)
    before = sorted(tmp_path.iterdir())
    if target in ("../..", "/..", "../usr/../.."):
        assert ("image.link", f"/etc/cron.d is a link that leads out of the root: {target}") in refusals(root)
    else:
        bake.bake(root, Settings())
    assert sorted(tmp_path.iterdir()) == before


def test_an_absolute_link_means_what_it_means_on_the_image(root: Path, tmp_path: Path) -> None:
    away = outside(tmp_path)
    (root / "etc/cron.d").symlink_to(away)
    assert refusals(root) == [("image.link", f"/etc/cron.d is a link to {away}, which does not exist")]
    inside = root / str(away).lstrip("/")
    inside.mkdir(parents=True)
    bake.bake(root, Settings())
    assert (inside / "initialrunner-image").exists()
    assert list(away.iterdir()) == []


def test_a_link_in_place_of_a_file_is_replaced_and_not_followed(root: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for path in (COMMON[0], own_paths.CRON):
        (root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        (root / path.lstrip("/")).symlink_to(victim)
    bake.bake(root, Settings())
    assert victim.read_text() == "mine"
    assert not any((root / path.lstrip("/")).is_symlink() for path in (COMMON[0], own_paths.CRON))


def test_links_that_go_in_circles_end(root: Path) -> None:
    (root / "etc/cron.d").symlink_to("cron.d")
    with pytest.raises((Refused, UsageError)):
        bake.bake(root, Settings())


def test_merged_usr_is_followed(root: Path) -> None:
    (root / "usr/lib/systemd/systemd").unlink()
    (root / "lib").symlink_to("usr/lib")
    put(root, "/usr/lib/systemd/systemd")
    assert bake.bake(root, Settings()).trigger == "both"


# --- what is written ---


def test_cron_reads_its_entry_and_asks_first_whether_there_is_anything_to_do(root: Path) -> None:
    bake.bake(root, Settings())
    found = crontab.parse((root / own_paths.CRON.lstrip("/")).read_bytes())
    assert found.refusal is None
    assert [entry.schedule for entry in found.entries] == ["@reboot", "* * * * *"]
    for entry in found.entries:
        assert entry.command.startswith("[ -e /var/lib/initialrunner/taken ] && exit;")
        assert len(entry.command) <= 998
        assert not set(entry.command) & {"%", "\\"}


def test_no_placeholder_is_left_and_no_option_works_by_the_control_group(root: Path) -> None:
    bake.bake(root, Settings())
    texts = [value for _, value in tree(root).values() if isinstance(value, bytes)]
    assert not any(b"@PYTHON@" in text for text in texts)
    # They would bind the stages too, which the service hands over to.
    unit = resources.text("files/image/initialrunner-image.service")
    keys = {line.split("=")[0] for line in unit.splitlines() if "=" in line and not line.startswith("#")}
    assert not keys & {"PrivateDevices", "ProtectClock", "DevicePolicy", "DeviceAllow", "IPAddressDeny", "MemoryMax",
                       "TasksMax", "DynamicUser", "User"}  # fmt: skip


def test_triggers_are_written_last_and_removed_first(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = [change.path for change in bake.bake(root, Settings(signers=b"me " + KEY)).changes]
    starts = [own_paths.CRON, *SYSTEMD[2:]]
    assert changes[-3:] == starts
    assert changes[0] == "/etc/initialrunner/allowed_signers"
    assert {change.path for change in bake.remove(root)[:3]} == set(starts)


def test_every_file_is_whole_and_on_disk_before_it_has_its_name(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(fd: int) -> None:
        done.append(f"fsync {os.readlink(f'/proc/self/fd/{fd}')}")
        real_fsync(fd)

    def rename(source: str, target: str, **how: int) -> None:
        folder = how["dst_dir_fd"]
        done.append(f"rename {os.readlink(f'/proc/self/fd/{folder}')}/{target}")
        real_rename(source, target, **how)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    bake.bake(root, Settings(trigger="cron"))
    for path in [*COMMON, own_paths.CRON]:
        place = root / path.lstrip("/")
        at = done.index(f"rename {place}")
        assert done[at - 1] == f"fsync {place.parent}/.{place.name}.bake"
        assert done[at + 1] == f"fsync {place.parent}"


def test_a_kill_between_any_two_writes_leaves_nothing_that_starts_what_is_not_there(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(root)
    bake.bake(root, Settings(signers=b"me " + KEY))
    whole = tree(root)
    bake.remove(root)
    needed = {"/etc/initialrunner/allowed_signers", *COMMON}
    for most in range(len(whole) - len(before)):
        left = [most]
        for name in ("write", "symlink"):
            real = getattr(RootWriter, name)

            def step(self: RootWriter, *given: Any, real: Any = real, left: list[int] = left) -> bool:
                left[0] -= 1
                if left[0] < 0:
                    raise KeyboardInterrupt
                return bool(real(self, *given))

            monkeypatch.setattr(RootWriter, name, step)
        with pytest.raises(KeyboardInterrupt):
            bake.bake(root, Settings(signers=b"me " + KEY))
        monkeypatch.undo()
        there = set(tree(root))
        assert needed <= there or not there & {own_paths.CRON, *SYSTEMD[2:]}, most
        bake.bake(root, Settings(signers=b"me " + KEY))
        image = COMMON[0]  # holds the time
        assert {k: v for k, v in tree(root).items() if k != image} == {k: v for k, v in whole.items() if k != image}
        bake.remove(root)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_full_disk_is_said_with_the_file_and_leaves_no_half_of_it(root: Path, tmp_path: Path) -> None:
    place = root / "usr/local/lib"
    place.mkdir(parents=True)
    before = tree(root)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", place], check=True)
    try:
        with pytest.raises(UsageError) as caught:
            bake.bake(root, Settings())
        assert caught.value.message == f"{root}{own_paths.PROGRAM} cannot be written: No space left on device"
        assert caught.value.hint == "make room there, and bake again"
        # Nothing that starts it, and no half of it.
        assert new(root, before) == [COMMON[0], TEXT_PATH]
    finally:
        subprocess.run(["umount", place], check=True)
    bake.bake(root, Settings())
    assert new(root, before) == sorted([*COMMON, own_paths.CRON, *SYSTEMD])


@pytest.mark.parametrize("path", [COMMON[0], own_paths.CRON, SYSTEMD[2], TEXT_PATH])
def test_a_folder_in_place_of_a_file_is_said_before_anything_is_written(root: Path, path: str) -> None:
    (root / path.lstrip("/")).mkdir(parents=True)
    assert refusals(root) == [("image.root", f"{path} is a folder")]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_machine_that_bakes_itself_is_marked_as_the_builder_before_all_else(root: Path) -> None:
    put(root, "/proc/sys/kernel/random/boot_id", content="b-1\n")
    put(root, "/sys/class/dmi/id/product_uuid", content="4C4C4544-0042-3510-8052-B4C04F4D3032\n")
    bake.bake(root, Settings())  # what is read from this installation is in memory now
    bake.remove(root)
    child = os.fork()
    if child == 0:
        try:
            os.chroot(root)
            os.chdir("/")
            done = bake.bake(Path("/"), Settings())
            os._exit(0 if done.changes[0].path == BUILDER and done.notes else 3)
        finally:
            os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    found = json.loads((root / BUILDER.lstrip("/")).read_text())
    assert found == {"boot_id": "b-1", "product_uuid": "4c4c4544-0042-3510-8052-b4c04f4d3032"}
    bake.remove(root)
    assert not (root / "var/lib/initialrunner").exists()


# --- the command ---


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--source", "floppy"], "'floppy' is no source"),
        (["--source", "files=http://x"], "files takes no URL"),
        (["--source", "ec2=http://"], "'http://' is no URL of a metadata service"),
        (["--source", "ec2=https:///latest"], "'https:///latest' is no URL of a metadata service"),
        (["--source", "openstack=http://a b"], "'http://a b' is no URL of a metadata service"),
        (["--source", "openstack=http://a:b"], "'http://a:b' is no URL of a metadata service"),
        (["--source", "openstack=http://a:70000"], "'http://a:70000' is no URL of a metadata service"),
        (["--source", "ec2=ftp://x"], "'ftp://x' is no URL of a metadata service"),
        (["--source", "ec2", "--source", "ec2=http://169.254.169.254"], "a source is named twice"),
        (["--cloud-init-deadline", "soon"], "--cloud-init-deadline 'soon' is not a duration"),
        (["--allowed-signers", "/nowhere"], "/nowhere cannot be read: No such file or directory"),
        (["--remove", "--source", "files"], "--remove takes everything out"),
    ],
)
def test_wrong_use_says_what_is_wrong(root: Path, words: list[str], message: str) -> None:
    before = tree(root)
    result = CliRunner().invoke(command, [str(root), *words])
    assert isinstance(result.exception, UsageError)
    assert result.exception.message == message
    assert tree(root) == before


@pytest.mark.parametrize("verb", [command, sealing])
def test_no_root_at_all_is_not_the_folder_at_hand(
    root: Path, monkeypatch: pytest.MonkeyPatch, verb: click.Command
) -> None:
    """As `bootstrap bake "$ROOT"` where nothing has set it: in a build script that is `/` now and then."""
    monkeypatch.chdir(root)
    before = tree(root)
    result = CliRunner().invoke(verb, [""])
    assert isinstance(result.exception, UsageError)
    assert result.exception.message == "ROOT is empty"
    assert tree(root) == before
    assert CliRunner().invoke(command, ["."]).exit_code == 0


def test_json_says_what_was_done(root: Path) -> None:
    result = CliRunner().invoke(command, [str(root), "--source", "nocloud", "--json"])
    found = json.loads(result.stdout)
    assert (found["trigger"], found["sources"]) == ("both", ["nocloud"])
    assert {change["path"] for change in found["changes"]} == {*COMMON, *SYSTEMD, own_paths.CRON}
    assert found["notes"] == [
        "injected files are not among the sources, but cron itself starts a cron entry that is injected"
    ]
    result = CliRunner().invoke(command, [str(root), "--remove", "--json"])
    assert {change["did"] for change in json.loads(result.stdout)["changes"]} == {"removed"}
