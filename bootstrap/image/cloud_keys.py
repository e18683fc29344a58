"""Whether cloud-init makes the ssh host keys of a clone: it must be on, find a datasource, and have a module for it.

Its generator asks ds-identify before most units start; when that finds no datasource, cloud-init does not run at all.
Sources: cloud-init's tools/ds-identify, systemd/cloud-init-generator.tmpl, cloudinit/config/cc_ssh.py.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Any

from bootstrap.image.cloud_init import POLICY
from bootstrap.image.cloud_settings import cloud_settings
from bootstrap.image.kernel_lines import kernel_lines
from bootstrap.image.tree import Tree
from bootstrap.image.units import Units
from bootstrap.runner.baked.sources import named

# Before release 24.3 one unit ran all of it; since then there are these two.
_UNITS = ("cloud-init", "cloud-init-network", "cloud-init-main")
_POLICY = re.compile(r"(?m)^[ \t]*policy[ \t]*:[ \t]*(\S+)")
_DATASOURCE = re.compile(r"(?m)^[ \t]*datasource[ \t]*:[ \t]*\S")
# Name of a source of the baked runner -> the datasource of cloud-init that is fed by the same thing.
_DATASOURCES = {"nocloud": "NoCloud", "config-drive": "ConfigDrive", "openstack": "OpenStack", "ec2": "Ec2"}
_VOLUMES = ("nocloud", "config-drive")
_INITRDS = (
    "/boot/initrd*", "/boot/initramfs*", "/boot/efi/EFI/Linux/*.efi", "/boot/EFI/Linux/*.efi", "/efi/EFI/Linux/*.efi",
    "/usr/lib/modules/*/initrd", "/usr/lib/modules/*/initramfs*", "/boot/*/*/initrd*", "/boot/ostree/*/initramfs*",
)  # fmt: skip


class Makes(enum.Enum):
    """In which clones cloud-init makes host keys. UNTOLD: nothing in the image says where its payload comes from."""

    ALWAYS, SOMETIMES, UNTOLD, NEVER = "always", "sometimes", "untold", "never"


@dataclass(frozen=True)
class Answer:
    """how: the reason for which some clones get none, as a clause about cloud-init.

    is_idle: it makes none even where it runs; deletes: it removes those that are there.
    """

    makes: Makes
    how: str = ""
    is_idle: bool = False
    deletes: bool = False


def judge(tree: Tree, units: Units, sources: list[str] | None) -> Answer:
    """Judge the image's cloud-init. sources: of the baked runner; None when no readable image.json names them."""
    words = {word for line in kernel_lines(tree) for word in line.words}
    if not any(units.start(name).on for name in _UNITS) or "cloud-init=disabled" in words:
        return Answer(Makes.NEVER)
    settings = cloud_settings(tree)
    if not _has_ssh(settings):
        return Answer(Makes.NEVER, "has no module `ssh` in its settings", is_idle=True)
    if "ssh_genkeytypes" in settings and not settings["ssh_genkeytypes"] and not settings.get("ssh_keys"):
        deletes = bool(settings.get("ssh_deletekeys", True))
        return Answer(Makes.NEVER, "makes none (ssh_genkeytypes)", is_idle=True, deletes=deletes)
    if not units.generator("cloud-init-generator"):
        return Answer(Makes.ALWAYS)
    return _by_datasource(tree, settings, words, sources)


def _has_ssh(settings: dict[str, Any]) -> bool:
    """Whether the module is in a list of modules: as its name, as a list that begins with it, or as a map."""
    for stage in ("cloud_init_modules", "cloud_config_modules", "cloud_final_modules"):
        for module in settings.get(stage) or ():
            name = module.get("name") if isinstance(module, dict) else module
            if name == "ssh" or (isinstance(name, list) and name[:1] == ["ssh"]):
                return True
    return False


def _by_datasource(tree: Tree, settings: dict[str, Any], words: set[str], sources: list[str] | None) -> Answer:
    """Work out ds-identify's answer at the boot of a clone."""
    rules = next((tree.read(entry.path) or b"" for entry in tree.glob(POLICY)), b"")
    text = rules.decode("utf-8", "replace")
    policy = _POLICY.findall(text)[-1:] + [word.partition("=")[2] for word in words if word.startswith("ci.di.policy=")]
    choices = ",".join(policy).split(",")
    if "disabled" in choices:
        return Answer(Makes.NEVER)
    is_named = any(word.startswith(("ds=", "ci.ds=", "ci.datasource=")) for word in words)
    if "enabled" in choices or "notfound=enabled" in choices or is_named or _DATASOURCE.search(text):
        return Answer(Makes.ALWAYS)
    listed = settings.get("datasource_list")
    names = [str(name) for name in listed] if isinstance(listed, list) and listed else None
    # A list of one is used unseen, and None has an answer for every machine.
    is_sure = names is not None and "None" in names and len(set(names)) <= 2
    if is_sure or _is_seeded(tree, settings, names):
        return Answer(Makes.ALWAYS)
    if sources is None:
        return Answer(Makes.UNTOLD, "runs only where it finds a datasource")
    unfed = [source for source in sources if not _feeds(source, names)]
    if unfed:
        return Answer(Makes.SOMETIMES, f"does not run where the payload comes from {' or '.join(unfed)} alone")
    late = [source for source in sources if named(source)[0] in _VOLUMES]
    if late and not any(any(tree.glob(place)) for place in _INITRDS):
        reason = "looks once for its volume, and without an initrd that may come later"
        return Answer(Makes.SOMETIMES, reason)
    return Answer(Makes.ALWAYS)


def _is_seeded(tree: Tree, settings: dict[str, Any], names: list[str] | None) -> bool:
    """Whether NoCloud has its data in the image itself."""
    if names is not None and "NoCloud" not in names:
        return False
    for folder in ("nocloud", "nocloud-net"):
        if all(tree.look(f"/var/lib/cloud/seed/{folder}/{name}") for name in ("meta-data", "user-data")):
            return True
    datasource = settings.get("datasource")
    own = datasource.get("NoCloud") if isinstance(datasource, dict) else None
    return isinstance(own, dict) and ("seedfrom" in own or {"meta-data", "user-data"} <= set(own))


def _feeds(source: str, names: list[str] | None) -> bool:
    """Whether a source of the runner is one of cloud-init's, too. names: datasource_list, None for all there are."""
    name, _ = named(source)
    if name == "cloud-init":
        return True
    datasource = _DATASOURCES.get(name)
    return datasource is not None and (names is None or datasource in names)
