"""Programs of an image that the runner needs, judged by their files: Python, systemd, cron, ssh-keygen.

None of them is executed: the image may be of another architecture, and may come from anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bootstrap.image.root import Entry, Root
from bootstrap.runner.contract import PYTHON_FLOOR

# The head of a bundle looks for python3 along a PATH with these folders, and in this order; every PATH has /usr/bin.
PYTHONS = (
    "/usr/bin/python3", "/bin/python3", "/usr/sbin/python3", "/usr/local/bin/python3", "/usr/libexec/platform-python",
)  # fmt: skip
# Debian's python3-minimal lacks some of these, which the runner and a bundle import. A module is a file or a folder.
MODULES = ("json", "hashlib", "bz2", "ctypes", "email", "http")
# On a merged /usr the second path leads to the first.
SYSTEMD = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
CRONS = ("/usr/sbin/cron", "/usr/sbin/crond")
KEYGENS = ("/usr/bin/ssh-keygen", "/bin/ssh-keygen", "/usr/local/bin/ssh-keygen")
DROPBEAR_KEYGENS = ("/usr/bin/dropbearkey", "/usr/local/bin/dropbearkey")


@dataclass(frozen=True)
class Library:
    """The library of one version of Python. missing: modules that are not in it."""

    version: tuple[int, int]
    missing: tuple[str, ...]

    @property
    def is_old(self) -> bool:
        """Whether it is older than the runner takes."""
        return self.version < PYTHON_FLOOR

    @property
    def is_usable(self) -> bool:
        """Whether the runner can start with it."""
        return not self.is_old and not self.missing


@dataclass(frozen=True)
class Python:
    """One interpreter. libraries: the one of the version in its name, else one for each version that it may be.

    They are ordered from the newest down.
    """

    path: str
    libraries: tuple[Library, ...]


def pythons(root: Root) -> Iterator[Python]:
    """The interpreters of an image, in the order in which a bundle's head would find them."""
    for path in PYTHONS:
        entry = find(root, path)
        if entry is None:
            continue
        # As the interpreter itself finds its library: beside the folder that its link leads to.
        prefix = entry.path.rpartition("/")[0].rpartition("/")[0].removesuffix("/libexec") or "/usr"
        folders = (f"{prefix}/lib", f"{prefix}/lib64")
        libraries = [Library(version, _missing(root, folders, version)) for version in _versions(root, entry, folders)]
        yield Python(path, tuple(libraries))


def _versions(root: Root, entry: Entry, folders: tuple[str, ...]) -> list[tuple[int, int]]:
    """The version in the name that the interpreter's link leads to; without one, every version that has a library."""
    named = re.search(r"python(\d)\.(\d+)", entry.name)
    if named:
        return [(int(named[1]), int(named[2]))]
    names = {name for folder in folders for name in root.names(folder) if _is_folder(root, f"{folder}/{name}")}
    versions = {(3, int(match[1])) for name in names if (match := re.fullmatch(r"python3\.(\d+)", name))}
    return sorted(versions, reverse=True)


def _missing(root: Root, folders: tuple[str, ...], version: tuple[int, int]) -> tuple[str, ...]:
    name = f"python{version[0]}.{version[1]}"
    # Some images carry the library as one archive, python311.zip, which is taken for complete.
    if any(root.look(f"{folder}/{name.replace('.', '')}.zip") for folder in folders):
        return ()
    return tuple(module for module in MODULES if not any(_has(root, f"{folder}/{name}", module) for folder in folders))


def _has(root: Root, library: str, module: str) -> bool:
    kinds = (f"{module}.py", f"{module}/__init__.py", f"{module}.pyc", f"{module}/__init__.pyc")
    return any(is_file(root, f"{library}/{kind}") for kind in kinds)


def has_systemd(root: Root) -> bool:
    return any(is_file(root, path) for path in SYSTEMD)


def has_cron(root: Root) -> bool:
    """Whether the image has a cron that reads /etc/cron.d, which busybox's does not."""
    daemons = (root.look(path, follow=True) for path in CRONS)
    return any(daemon is not None and daemon.name != "busybox" for daemon in daemons)


def has_ssh_keygen(root: Root) -> bool:
    return any(find(root, path) for path in KEYGENS)


def makes_host_keys(root: Root) -> bool:
    """Whether the image has a program that makes host keys, of OpenSSH or of Dropbear."""
    return any(find(root, path) for path in (*KEYGENS, *DROPBEAR_KEYGENS))


def is_file(root: Root, path: str) -> bool:
    """Whether a path leads to a regular file."""
    entry = root.look(path, follow=True)
    return entry is not None and entry.is_file


def _is_folder(root: Root, path: str) -> bool:
    entry = root.look(path, follow=True)
    return entry is not None and entry.is_folder


def find(root: Root, path: str) -> Entry | None:
    """The program that a path leads to; None when it leads to nothing that can be run."""
    entry = root.look(path, follow=True)
    return entry if entry is not None and entry.is_program else None
