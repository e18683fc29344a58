"""The ssh host keys of a clone: an image has none, so something must make them before sshd starts.

A unit counts only where it will run, and cloud-init only where it will find a datasource.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bootstrap.image import cloud_keys
from bootstrap.image.cloud_keys import Makes
from bootstrap.image.conditions import FIRST_BOOT, MACHINE_ID, unmet
from bootstrap.image.finding import Finding, Severity
from bootstrap.image.own_paths import HOST_KEYS, HOST_KEYS_CRON, HOST_KEYS_SERVICE
from bootstrap.image.tree import Tree
from bootstrap.image.units import Units

CODE = "need.host-keys"
CODES = {
    CODE: "sshd is started, and not every clone makes its host keys; a warning where cloud-init makes them and no baked"
    " settings say what feeds it",
}


@dataclass(frozen=True)
class _Server:
    """A program that takes logins. makes: a pattern of the commands that make its host keys."""

    units: tuple[str, ...]
    keys: str
    folder: str
    settings: str
    makes: re.Pattern[str]
    is_openssh: bool = False


_SERVERS = (
    _Server(
        ("ssh", "sshd"), "/etc/ssh/ssh_host_*_key", "/etc/ssh", "/etc/default/ssh",
        # The program of Fedora, and the forms in units of distributions and of builders.
        re.compile(r"\bsshd-keygen\b|\bssh-keygen\b.*(?:\s-\w*A\b|ssh_host)|\bdpkg-reconfigure\b.*\bopenssh-server\b"),
        is_openssh=True,
    ),
    _Server(
        ("dropbear",), "/etc/dropbear/dropbear_*_host_key", "/etc/dropbear", "/etc/default/dropbear",
        # With -R it makes them by itself, at the first login.
        re.compile(r"\bdropbearkey\b|\bdropbear\b.*\s-\w*R\b|\bDROPBEAR_\w*ARGS=.*-\w*R\b"),
    ),
)  # fmt: skip
# Agents that make host keys where a new instance begins.
# Sources: GoogleCloudPlatform/guest-agent, google_guest_agent/instance_setup.go; Azure/WALinuxAgent, provision.py.
_AGENTS = ("google-guest-agent", "google-guest-agent-manager")
_AZURE_AGENTS = ("walinuxagent", "waagent")
_AZURE_KEYS = re.compile(rb"(?m)^Provisioning\.RegenerateSshHostKeyPair=y")
_EXEC = re.compile(r"(?m)^[ \t]*Exec(?:Start|StartPre|Condition)[ \t]*=(.*)$")
# A drop-in of cloud-init: the unit runs exactly where cloud-init does not.
_NOT_WITH_CLOUD_INIT = re.compile(r"(?m)^[ \t]*ConditionPathExists[ \t]*=[ \t]*!/run/systemd/generator\S*cloud-init")
_CRONS = ("cron", "crond", "cronie")
_REASON = "sshd would not start, and nobody could log in to a clone"
_FIX = "bootstrap bake ROOT --host-keys, or enable a unit that runs ssh-keygen -A before it"


def missing_host_keys(tree: Tree, units: Units, sources: list[str] | None) -> Iterator[Finding]:
    """A finding for each server whose host keys are gone, as they must be, and that not every clone makes anew.

    sources: of the baked runner; None when nothing in the image names them.
    """
    for server in _SERVERS:
        name = next((name for name in server.units if _is_started(tree, units, name)), None)
        # Host keys in the image are a finding of their own, ssh.host-key.
        if name is not None and not any(tree.glob(server.keys)):
            yield from _judged(tree, units, server, name, sources)


def _is_started(tree: Tree, units: Units, name: str) -> bool:
    """Whether a server is on, and no file such as /etc/ssh/sshd_not_to_be_run keeps it from running."""
    return units.start(name).on and not unmet(tree, units.text(f"{name}.service"))


def _judged(tree: Tree, units: Units, server: _Server, name: str, sources: list[str] | None) -> Iterator[Finding]:
    cloud = cloud_keys.judge(tree, units, sources) if server.is_openssh else cloud_keys.Answer(Makes.NEVER)
    makers = dict(_makers(tree, units, server, is_idle=cloud.is_idle))
    # Ours runs before cloud-init, which then removes what it has made.
    if cloud.deletes:
        makers.pop(HOST_KEYS_SERVICE, None)
    blocked = {unit: condition for unit, condition in makers.items() if condition}
    if len(blocked) < len(makers) or cloud.makes is Makes.ALWAYS or _by_agent(tree, units, server):
        return
    place, fault, fix = _fault(server, cloud, blocked)
    severity = Severity.WARNING if cloud.makes is Makes.UNTOLD else Severity.ERROR
    yield Finding(CODE, place, f"{name} is started, and {fault}", _REASON, fix, severity=severity)


def _fault(server: _Server, cloud: cloud_keys.Answer, blocked: dict[str, str]) -> tuple[str, str, str]:
    """(path, fault in words, fix). blocked: makers that will not run -> the condition that keeps each from it."""
    first_boots = [unit for unit, condition in blocked.items() if condition == FIRST_BOOT]
    if cloud.deletes:
        fix = "set ssh_deletekeys: false, and then bootstrap bake ROOT --host-keys"
        return "/etc/cloud/cloud.cfg", "cloud-init removes host keys and creates none", fix
    if cloud.makes in (Makes.SOMETIMES, Makes.UNTOLD):
        return server.folder, f"only cloud-init creates host keys, but it {cloud.how}", _FIX
    if first_boots:
        # Only the word `uninitialized` makes a boot the first one to systemd; after an empty file no boot is.
        fault = f"{min(first_boots)} creates host keys at a first boot, which this file denies"
        fix = f"{_FIX}; or write uninitialized into it, and mask systemd-firstboot, which may ask at the console"
        return MACHINE_ID, fault, fix
    if blocked:
        unit = min(blocked)
        return server.folder, f"{unit} would create host keys, but {blocked[unit]} keeps it from running", _FIX
    fault = f"nothing creates host keys{f': cloud-init {cloud.how}' if cloud.how else ''}"
    return server.folder, fault, _FIX


def _makers(tree: Tree, units: Units, server: _Server, *, is_idle: bool) -> Iterator[tuple[str, str]]:
    """(what makes host keys, the condition that keeps it from running or ""). is_idle: cloud-init makes none."""
    settings = tree.look(server.settings, follow=True)
    if settings and server.makes.search((tree.read(settings.path) or b"").decode("utf-8", "replace")):
        yield settings.path, ""
    if not units.has_systemd:
        yield from _makers_of_scripts(tree, units, server)
        return
    for unit in units.started():
        text = units.text(unit).replace("\\\n", " ")
        if any(_commands_make(tree, server, line) for line in _EXEC.findall(text)):
            # Where cloud-init runs, that one makes the keys instead, unless its settings say otherwise.
            is_yielding = is_idle and _NOT_WITH_CLOUD_INIT.search(text) is not None
            yield unit, unmet(tree, text) or ("a running cloud-init" if is_yielding else "")
    if server.is_openssh and _is_program_with(tree, server, "/etc/rc.local"):
        yield "/etc/rc.local", ""


def _makers_of_scripts(tree: Tree, units: Units, server: _Server) -> Iterator[tuple[str, str]]:
    """The same under an init that runs scripts: an S link, a run level, a service folder, rc.local, our cron entry."""
    places = ("/etc/rc[S2-5].d/S*", "/etc/runlevels/*/*", "/etc/service/*/run", "/etc/rc.local")
    for place in places:
        for entry in tree.glob(place):
            if _is_program_with(tree, server, entry.path):
                yield entry.path, ""
    has_entry = tree.look(HOST_KEYS_CRON) is not None and _is_with(tree, server, HOST_KEYS)
    if has_entry and any(units.start(cron).on for cron in _CRONS):
        yield HOST_KEYS_CRON, ""


def _commands_make(tree: Tree, server: _Server, line: str) -> bool:
    """Whether a line of a unit makes host keys: by itself, or by a script that it names."""
    if server.makes.search(line):
        return True
    return any(_is_with(tree, server, word) for word in re.findall(r"/[^\s'\";]+", line))


def _is_with(tree: Tree, server: _Server, path: str) -> bool:
    """Whether a path leads to a script that makes host keys."""
    entry = tree.look(path, follow=True) if ".." not in path else None
    if entry is None or not entry.is_file or entry.info.st_size > 1 << 18:
        return False
    text = tree.read(entry.path) or b""
    if not text.startswith(b"#!"):
        return False
    lines = text.decode("utf-8", "replace").replace("\\\n", " ").split("\n")
    return any(server.makes.search(line) for line in lines if not line.lstrip().startswith("#"))


def _is_program_with(tree: Tree, server: _Server, path: str) -> bool:
    entry = tree.look(path, follow=True)
    return entry is not None and entry.is_program and _is_with(tree, server, path)


def _by_agent(tree: Tree, units: Units, server: _Server) -> bool:
    """Whether an agent of a cloud makes the keys."""
    if not server.is_openssh:
        return False
    if any(units.start(name).on for name in _AGENTS):
        return True
    entry = tree.look("/etc/waagent.conf", follow=True)
    return (
        entry is not None
        and any(units.start(name).on for name in _AZURE_AGENTS)
        and _AZURE_KEYS.search(tree.read(entry.path) or b"") is not None
    )
