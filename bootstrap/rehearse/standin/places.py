"""Folders of the stand-in's own records, and of units. All of them are inside a copy."""

from __future__ import annotations

STATES = "/run/systemd/stand-in"
# systemd's own folder of logs: a plain file for each unit here.
LOGS = "/var/log/journal"
ETC = "/etc/systemd/system"
# In systemd's order: the first that holds a name wins.
UNIT_FOLDERS = (ETC, "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
                "/lib/systemd/system")  # fmt: skip
# The folder in a copy that holds the package of this stand-in.
HOME = "/usr/lib/rehearsal"
KINDS = ("service", "socket", "timer", "target", "path", "mount", "automount", "swap", "slice", "scope", "device")


def log_of(name: str) -> str:
    """The file with the output of a unit."""
    return f"{LOGS}/{full_name(name)}.log"


def full_name(name: str) -> str:
    """The name with its suffix: `web` means `web.service`, as everywhere in systemd."""
    return name if name.rpartition(".")[2] in KINDS else f"{name}.service"
