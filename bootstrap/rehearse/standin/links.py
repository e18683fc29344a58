"""`enable`, `disable` and `mask`: links in /etc/systemd/system, made and reported as systemctl does."""

from __future__ import annotations

import fnmatch
import glob
import os
import sys

from bootstrap.rehearse.standin import unitfiles
from bootstrap.rehearse.standin.places import ETC, UNIT_FOLDERS, full_name
from bootstrap.rehearse.standin.unitfiles import NoUnit, Unit

_CHANGED = ("/etc/systemd/system", "/run/systemd/system")


def state_of(name: str) -> str:
    """The word that `is-enabled` prints: enabled, disabled, static, masked, alias, ... Raises NoUnit."""
    name = full_name(name)
    try:
        real_name, path = unitfiles.locate(name)
    except NoUnit as error:
        if "masked" in str(error):
            return "masked"
        raise
    if not path:
        script = f"/etc/init.d/{name[: -len('.service')]}"
        if not name.endswith(".service") or not os.path.exists(script):
            raise NoUnit(f"Failed to get unit file state for {name}: No such file or directory")
        start_links = glob.glob(f"/etc/rc[2345].d/S[0-9][0-9]{glob.escape(os.path.basename(script))}")
        return "enabled" if start_links else "disabled"
    if real_name != name and os.path.basename(os.path.realpath(path)) != name:
        return "alias"
    for number, base in enumerate(_CHANGED):
        if glob.glob(f"{base}/*.wants/{glob.escape(name)}") + glob.glob(f"{base}/*.requires/{glob.escape(name)}"):
            return ("enabled", "enabled-runtime")[number]
    unit = unitfiles.load(name)
    if unit.words("Install", "WantedBy") or unit.words("Install", "RequiredBy") or unit.words("Install", "Alias"):
        return "disabled"
    return "indirect" if unit.words("Install", "Also") else "static"


def enable(name_or_path: str, done: frozenset[str] = frozenset()) -> None:
    """Make the links of [Install], and those of the units in its Also=. A path is linked first. Raises NoUnit.

    done: units that are enabled already, since two may name each other.
    """
    unit = unitfiles.load(link(name_or_path) if name_or_path.startswith("/") else name_or_path)
    if unit.script:
        return
    if "@." in unit.name and unit.last("Install", "DefaultInstance"):
        unit = unitfiles.load(unit.name.replace("@.", f"@{unit.last('Install', 'DefaultInstance')}."))
    targets = _targets(unit)
    if not targets and not unit.words("Install", "Also") and not done:
        sys.stderr.write(
            f"The unit files have no installation config (WantedBy=, RequiredBy=, Also=, Alias= settings in the\n"
            f"[Install] section): {unit.name} is started by what needs it, or by hand.\n"
        )
    for target in targets:
        _make_link(target, unit.path)
    for other in unit.words("Install", "Also"):
        if full_name(other) not in done:
            enable(other, done | {unit.name})


def _targets(unit: Unit) -> list[str]:
    links = [f"{ETC}/{name}.wants/{unit.name}" for name in unit.words("Install", "WantedBy")]
    links += [f"{ETC}/{name}.requires/{unit.name}" for name in unit.words("Install", "RequiredBy")]
    return links + [f"{ETC}/{name}" for name in unit.words("Install", "Alias")]


def _make_link(target: str, path: str) -> None:
    if os.path.islink(target) and os.readlink(target) == path:
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.lexists(target):
        os.unlink(target)
    os.symlink(path, target)
    sys.stderr.write(f"Created symlink {target} → {path}.\n")


def link(path: str) -> str:
    """Link a unit file from another folder; the unit's name. Raises NoUnit."""
    if not os.path.isfile(path):
        raise NoUnit(f"Failed to look up unit file state: {path}: No such file or directory")
    name = os.path.basename(path)
    if os.path.dirname(path) not in UNIT_FOLDERS:
        _make_link(f"{ETC}/{name}", path)
    return name


def disable(name_or_path: str) -> None:
    """Remove the links that `enable` makes, and those of a linked unit. Raises NoUnit when there is no such unit."""
    name = full_name(os.path.basename(name_or_path))
    try:
        unit = unitfiles.load(name)
    except NoUnit:
        unit = Unit(name, "")
        if state_of(name) != "masked":
            raise
    for base in _CHANGED:
        pulls = glob.glob(f"{base}/*.wants/{glob.escape(name)}") + glob.glob(f"{base}/*.requires/{glob.escape(name)}")
        aliases = [f"{base}/{alias}" for alias in unit.words("Install", "Alias")]
        # A link to /dev/null masks the unit, and stays until `unmask`.
        linked = [path for path in [f"{base}/{name}"] if os.path.islink(path) and os.readlink(path) != "/dev/null"]
        for path in pulls + [path for path in aliases + linked if os.path.islink(path)]:
            os.unlink(path)
            sys.stderr.write(f"Removed {path}.\n")


def is_preset(name: str) -> bool:
    """Whether the system's presets enable a unit. The first line that fits decides; without any the answer is yes."""
    name = full_name(name)
    files: dict[str, str] = {}
    for base in ("/lib", "/usr/lib", "/usr/local/lib", "/run", "/etc"):
        for path in glob.glob(f"{base}/systemd/system-preset/*.preset"):
            files[os.path.basename(path)] = path
    # A file in a later folder replaces one of the same name; all are read in the order of their names.
    for file in sorted(files):
        with open(files[file], encoding="utf-8", errors="replace") as preset:
            for line in preset:
                words = line.split()
                if len(words) > 1 and words[0] in ("enable", "disable") and fnmatch.fnmatchcase(name, words[1]):
                    return words[0] == "enable"
    return True


def mask(name: str) -> None:
    """Link the unit's name to /dev/null. Raises NoUnit when a file of that name is in the way."""
    name = full_name(name)
    path = f"{ETC}/{name}"
    if os.path.isfile(path) and not os.path.islink(path):
        raise NoUnit(f"Failed to mask unit: File {path} already exists.")
    _make_link(path, "/dev/null")


def unmask(name: str) -> None:
    """Remove the link to /dev/null."""
    for base in _CHANGED:
        path = f"{base}/{full_name(name)}"
        if os.path.islink(path) and os.readlink(path) == "/dev/null":
            os.unlink(path)
            sys.stderr.write(f"Removed {path}.\n")
