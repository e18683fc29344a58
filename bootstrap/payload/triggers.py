"""The texts that start a bundle: the cron entry that names it, and systemd units that start what the entry names.

Only the entry names the digest, whoever starts the bundle, so that a newer payload replaces one file. The units name no
digest and need no symlink: a drop-in of multi-user.target pulls them in.
"""

from __future__ import annotations

from bootstrap import resources

FOLDER = "/etc/systemd/system"
# The runner makes these files from its plan. During a boot the service gives way to others (StartupCPUWeight).
UNITS = {
    f"{FOLDER}/initialrunner.timer": "initialrunner.timer",
    f"{FOLDER}/initialrunner.service": "initialrunner.service",
    f"{FOLDER}/multi-user.target.d/initialrunner.conf": "initialrunner.conf",
}


def units(trigger: str) -> dict[str, str]:
    """Return path -> text of the units that a host may need. trigger: auto, cron, systemd or both, as in the spec."""
    if trigger == "cron":
        return {}
    return {path: resources.text(f"files/systemd/{name}") for path, name in UNITS.items()}


def boot_unit() -> str:
    """Return the text of the unit that starts /etc/rc.local where systemd has none of its own for that."""
    return resources.text("files/systemd/initialrunner-boot.service")


def entry(cron: str, trigger: str) -> str:
    """Return the text of the cron entry. For systemd alone it has comments only, which start nothing."""
    if trigger != "systemd":
        return cron
    # The file stays, since the units start the command that they find in it.
    return "".join(line if line.startswith("#") else f"#{line}" for line in cron.splitlines(keepends=True))
