"""Warns of files that a stage would hide below a mount point, or that would make a home before its user is made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bootstrap.errors import Problem, Where
from bootstrap.render.model import RenderedFile
from bootstrap.render.shelltext import commands, options

# The kernel's own file systems are mounted here. Nobody places files below them.
_KERNEL = ("/proc", "/sys", "/dev")
_FSTAB = re.compile(
    r"(?:^|[\s\"'])\S+(?:\s|\\t)+(/[^\s\\]+)(?:\s|\\t)+(?:ext[234]|xfs|btrfs|nfs4?|cifs|vfat|zfs|f2fs|auto|none|tmpfs)\b",
    re.MULTILINE,
)
_ADDUSER_VALUES = ("--home", "--shell", "--uid", "--gid", "--gecos", "--comment", "--ingroup", "--conf", "--firstuid")
_USERADD_VALUES = (
    *("--home-dir", "--base-dir", "--comment", "--expiredate", "--inactive", "--gid", "--groups", "--skel", "--key"),
    *("--password", "--shell", "--uid", "--root", "--prefix", "--selinux-user"),
)


def judge(
    files: Sequence[RenderedFile], stages: Sequence[Mapping[str, Any]], places: Mapping[str, Where]
) -> Iterator[Problem]:
    """A warning for each file that is placed too early. places: where `files[0].path` stands."""
    early = [file for file in files if file.after is None]
    if not early:
        return
    fstab = "".join(file.content.decode("utf-8", "replace") for file in files if file.path == "/etc/fstab")
    points = _points(stages, fstab)
    homes = {home: (user, stage) for user, home, stage in _homes(stages)}
    warned: set[str] = set()
    for file in early:
        key = f"{file.key}.path"
        # The files of a folder have one entry in the spec, and one warning is enough.
        if key in warned:
            continue
        point = _above(file.path, points)
        home = _above(file.path, homes)
        warned |= {key} if point or home else set()
        if point:
            stage = points[point]
            message = f"{key}: {file.path} is placed before the stage {stage} mounts over {point}, which hides it"
            yield Problem("render.after", message, places[key], f"add after: {stage}", "warning")
        elif home:
            user, stage = homes[home]
            message = f"{key}: {file.path} is placed before the stage {stage} makes {user}: {home} would be root's"
            yield Problem("render.after", message, places[key], f"add after: {stage}", "warning")


def _above(path: str, folders: Mapping[str, Any]) -> str | None:
    return next((folder for folder in folders if path.startswith(folder + "/")), None)


def _points(stages: Sequence[Mapping[str, Any]], fstab: str) -> dict[str, str]:
    """{mount point: the stage that mounts there}: by `mount`, or by a line that it writes to /etc/fstab."""
    points: dict[str, str] = {}
    for stage in stages:
        text = stage["text"]
        if "mount" not in text and "/etc/fstab" not in text:
            continue
        mounted = _FSTAB.findall(text) if "/etc/fstab" in text else []
        # A stage that mounts, copies and unmounts hides nothing in the end.
        unmounted = {word for name, *arguments in commands(text) if name == "umount" for word in arguments}
        for name, *arguments in commands(text):
            if name == "mount":
                mounted += _mounted(arguments, fstab)
        for point in mounted:
            # A mount point in a variable is not known here.
            is_path = re.fullmatch(r"/[^$*?]+", point) and not point.startswith(_KERNEL)
            if is_path and point not in unmounted:
                points.setdefault(point.rstrip("/"), str(stage["name"]))
    return points


def _mounted(arguments: Sequence[str], fstab: str) -> list[str]:
    """The mount points of one `mount` command. fstab: the lines that `mount -a` reads."""
    plain, values = options(arguments, "otLUOTN", ("--options", "--types", "--source", "--target"))
    if "remount" in values.get("-o", "") + values.get("--options", ""):
        return []
    points = [values["--target"]] if "--target" in values else plain[-1:]
    return points + (_FSTAB.findall(fstab) if "-a" in values or "--all" in values else [])


def _homes(stages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """(user, home, stage) of every user that a stage makes with a home."""
    for stage in stages:
        for user, home in made(stage["text"]):
            if home:
                yield user, home, str(stage["name"])


def made(text: str) -> Iterator[tuple[str, str]]:
    """(user, home) of what a text makes by useradd or adduser; home is "" where none is wanted."""
    if "useradd" not in text and "adduser" not in text:
        return
    for name, *arguments in commands(text):
        if name == "useradd":
            plain, values = options(arguments, "bcdefgGkKpsuRPZ", _USERADD_VALUES)
            home = values.get("-d") or values.get("--home-dir")
            # Without a home the user hides no file.
            without = values.keys() & {"-M", "--no-create-home"}
        elif name == "adduser":
            # Debian's, and busybox's with short options.
            plain, values = options(arguments, "hgsGuk", _ADDUSER_VALUES)
            home = values.get("--home") or values.get("-h")
            # With two words it puts a user that is there into a group.
            plain = plain if len(plain) == 1 else []
            without = values.keys() & {"-H", "--no-create-home"}
        else:
            continue
        for user in plain[-1:]:
            if re.fullmatch(r"[A-Za-z_][\w.-]*", user):
                yield user, "" if without else (home or f"/home/{user}").rstrip("/")
