"""The files of `bake --host-keys`: a program that makes the ssh host keys a clone lacks, and what starts it at boot."""

from __future__ import annotations

from bootstrap import resources
from bootstrap.image import programs
from bootstrap.image.own_paths import HOST_KEYS, HOST_KEYS_CRON, HOST_KEYS_SERVICE, UNITS
from bootstrap.image.root import Root

_UNIT = f"{UNITS}/{HOST_KEYS_SERVICE}"
_LINK = f"{UNITS}/multi-user.target.wants/{HOST_KEYS_SERVICE}"
# Every path that some bake writes, what starts the program before the program itself.
PATHS = (HOST_KEYS_CRON, _LINK, _UNIT, HOST_KEYS)


def layout(root: Root) -> tuple[dict[str, tuple[bytes, int]], dict[str, str]]:
    """(path -> content and mode, path -> target of a link), in the order in which to write them."""
    files = {HOST_KEYS: (_shipped("host-keys.sh"), 0o755)}
    if programs.has_systemd(root):
        return {**files, _UNIT: (_shipped(HOST_KEYS_SERVICE), 0o644)}, {_LINK: f"../{HOST_KEYS_SERVICE}"}
    # The order of S links is kept in tables of insserv, which only a program of the image could bring up to date; cron
    # is there under every init. It may come after sshd, which the program then starts again.
    return {**files, HOST_KEYS_CRON: (_shipped("host-keys.cron"), 0o644)}, {}


def _shipped(name: str) -> bytes:
    return resources.text(f"files/image/{name}").encode("ascii")
