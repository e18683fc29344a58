"""The table of targets: what each is called, what it writes, and which module packs it.

A new target is a row here and a module with the two functions of `Module`. No other module has the name of a target in
it. The table imports none of them, so that `--help` and the check of an option stay fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.targets.model import Output, Packed, Request


class Module(Protocol):
    """The functions of a target's module."""

    def pack(self, request: Request) -> Packed:
        """Build the payload and measure it. Raises PayloadError with everything that does not fit."""

    def output(self, packed: Packed) -> Output:
        """Return what `render` writes for a payload that this module has packed."""


class Target(NamedTuple):
    """One target.

    file: what `render` writes beside the manifest; a name that ends with a slash is a folder.
    module: the one of bootstrap/targets that packs it.
    label: of the volume that it makes, by which cloud-init finds it.
    takes_parts: whether user-data of the user's own can travel beside ours.
    carries_files: whether the payload's files travel as files of their own; else they all ride in the bundle.
    is_read_by_all: whether the metadata service hands it to any process of the host, root's or not.
    takes_carrier: whether a carrier can travel in the place of the bundle.
    provider: the profile that a call of the Python API means when it names none. Personality is Nova's own word.
    """

    name: str
    about: str
    file: str
    module: str
    label: str = ""
    takes_parts: bool = False
    carries_files: bool = False
    is_read_by_all: bool = False
    takes_carrier: bool = True
    provider: str | None = None

    @property
    def option(self) -> str:
        """The option of `render` that chooses it, for hints."""
        return f"--target {self.name}"

    def code(self) -> Module:
        """Import the module on first use."""
        return cast(Module, importlib.import_module(f"bootstrap.targets.{self.module}"))


TREE = Target("tree", "the files laid out under a folder", "tree/", "tree", carries_files=True)
PERSONALITY = Target(
    "personality", "the list of injected files for Nova's create call", "personality.json", "personality",
    takes_parts=True, carries_files=True, provider="nova",
)  # fmt: skip
USER_DATA = Target(
    "user-data", "the bundle as a script that cloud-init runs", "user-data", "user_data",
    takes_parts=True, is_read_by_all=True,
)  # fmt: skip
CLOUD_CONFIG = Target(
    "cloud-config", "a #cloud-config that writes the files and starts the bundle", "cloud-config.yaml", "cloud_config",
    carries_files=True, is_read_by_all=True,
)  # fmt: skip
NOCLOUD = Target(
    "nocloud", "an image and a folder for cloud-init's NoCloud", "cidata.iso", "nocloud",
    label="cidata", takes_parts=True,
)  # fmt: skip
CONFIG_DRIVE = Target(
    "config-drive", "an image and a folder in the layout of OpenStack's config drive", "config-2.iso", "config_drive",
    label="config-2", takes_parts=True, carries_files=True,
)  # fmt: skip
# Whoever reads a stub can fetch the bundle, so that it is as open as that.
STUB = Target(
    "stub", "a small script that fetches the bundle", "stub.sh", "stub", takes_parts=True, is_read_by_all=True,
    takes_carrier=False,
)  # fmt: skip

TARGETS = (TREE, PERSONALITY, USER_DATA, CLOUD_CONFIG, NOCLOUD, CONFIG_DRIVE, STUB)
NAMES = tuple(target.name for target in TARGETS)
BY_NAME = {target.name: target for target in TARGETS}


def find(name: str) -> Target:
    """Return the row of that name. Raises UsageError with the names of all."""
    if name not in BY_NAME:
        raise UsageError(f"no target {name!r}", hint=f"there are: {', '.join(NAMES)}")
    return BY_NAME[name]
