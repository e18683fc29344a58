"""Whether an image's cloud-init runs on a clone, and sets up its network, by the image's files."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bootstrap.image.kernel_lines import kernel_lines
from bootstrap.image.settings_files import SettingsFile, read_all
from bootstrap.image.tree import Tree

POLICY = "/etc/cloud/ds-identify.cfg"
DISABLED = "/etc/cloud/cloud-init.disabled"
_INSTALLERS = b"Disabled by Ubuntu live installer"
SETTINGS = ("/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d/*.cfg")
_PROGRAMS = ("/usr/bin/cloud-init", "/usr/local/bin/cloud-init")


@dataclass(frozen=True)
class Switch:
    """A file that switches something off. subject: as the subject of a finding about it.

    is_installers: the installer of Ubuntu wrote it, and says in it that `cloud-init clean` removes it.
    """

    path: str
    subject: str
    is_installers: bool = False


def is_installed(tree: Tree) -> bool:
    """Whether there is a cloud-init in the image."""
    return any(tree.look(path, follow=True) for path in (*_PROGRAMS, SETTINGS[0]))


def has_settings(tree: Tree) -> bool:
    """Whether there are settings for a cloud-init, which may be installed later."""
    return is_installed(tree) or any(tree.glob("/etc/cloud/*"))


def switched_off(tree: Tree) -> list[Switch]:
    """Everything because of which cloud-init would not run on a clone."""
    switches = []
    if tree.look(DISABLED) is not None:
        is_installers = _INSTALLERS in (tree.read(DISABLED) or b"")
        switches.append(Switch(DISABLED, "the file that switches cloud-init off", is_installers))
    for line in kernel_lines(tree):
        if line.has("cloud-init=disabled") or "disabled" in line.values("cloud-init"):
            switches.append(Switch(line.path, "a kernel command line with cloud-init=disabled"))
    for file in read_all(tree, POLICY):
        if re.search(r"(?m)^[ \t]*policy:[ \t]*[\"']?disabled", file.text):
            switches.append(Switch(file.path, "the policy `disabled` for the search of a data source"))
    return switches


def unfed(tree: Tree) -> Switch | None:
    """The last setting by which cloud-init runs, but asks no data source of the clone's cloud."""
    last = _last(tree, r"(?m)^datasource_list:[ \t]*(\[[^\]]*\])")
    if last is not None and re.fullmatch(r"\[\s*(?:[\"']?None[\"']?\s*,?\s*)?\]", last[1]):
        return Switch(last[0].path, f"no data source to look for (datasource_list: {last[1]})")
    return None


def network_off(tree: Tree) -> Switch | None:
    """The last setting by which cloud-init leaves the network alone."""
    # `network: {config: disabled}` on one line, or with its one key on the next.
    last = _last(tree, r"(?m)^network:[ \t]*(\{[^}\n]*\}|\n[ \t]+config:[ \t]*\S+)")
    if last is not None and re.search(r"config[\"']?:\s*[\"']?disabled", last[1]):
        return Switch(last[0].path, "the setting by which cloud-init leaves the network alone")
    return None


def _last(tree: Tree, pattern: str) -> tuple[SettingsFile, str] | None:
    """(file, text) of the setting that counts: of the files in order of their names, the last one that has it."""
    matches = [(file, match[1]) for file in read_all(tree, *SETTINGS) for match in re.finditer(pattern, file.text)]
    return matches[-1] if matches else None
