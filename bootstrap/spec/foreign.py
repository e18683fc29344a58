"""Recognizes keys of cloud-init and other tools, and files that are not specs, so that a hint can say where they go."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from bootstrap.errors import Problem, Where
from bootstrap.spec import tree
from bootstrap.spec.storage import DISK, Storage

_CLOUD_CONFIG = "this key is cloud-init's: pass the cloud-config with --user-data FILE, or {}"
_STAGE = "write a stage: stages: [{{name: {}, run: {}}}]"
_IN_STAGE = {
    "users": "useradd -m NAME",
    "groups": "groupadd NAME",
    "hostname": "hostnamectl set-hostname NAME",
    "fqdn": "hostnamectl set-hostname NAME",
    "packages": "apt-get update && apt-get -y install NAME",
    "package_update": "apt-get update",
    "package_upgrade": "apt-get update && apt-get -y upgrade",
    "apt": "apt-get update",
    "runcmd": "COMMANDS",
    "bootcmd": "COMMANDS",
    "mounts": "mount DEVICE FOLDER",
    "swap": "swapon FILE",
    "timezone": "timedatectl set-timezone ZONE",
    "locale": "localectl set-locale LOCALE",
    "snap": "snap install NAME",
    "chpasswd": "chpasswd",
    "password": "chpasswd",
    "services": "systemctl enable --now UNIT",
    "units": "systemctl enable --now UNIT",
    "commands": "COMMANDS",
    "steps": "COMMANDS",
    "scripts": "COMMANDS",
    "tasks": "COMMANDS",
    "script": "COMMANDS",
    "run": "COMMANDS",
}
# These of them belong to other tools than cloud-init.
_OF_OTHERS = ("services", "units", "commands", "steps", "scripts", "tasks", "script", "run")
_TO_CLOUD_INIT = (
    *("disk_setup", "fs_setup", "growpart", "resize_rootfs", "ssh_authorized_keys", "ssh_keys", "ssh_pwauth"),
    *("ssh_import_id", "ntp", "phone_home", "final_message", "yum_repos", "resolv_conf", "keyboard"),
    *("manage_etc_hosts", "preserve_hostname", "disable_root", "rsyslog", "chef", "puppet", "ansible", "salt_minion"),
    *("merge_how", "merge_type", "system_info", "datasource", "network", "zypper", "wireguard", "device_aliases"),
    *("package_reboot_if_required", "autoinstall", "vendor_data", "ssh_deletekeys", "random_seed"),
)
_ELSEWHERE = {
    "write_files": "write files: [{path: PATH, content: TEXT}]",
    "ca_certs": "bring the certificates as files:, and run update-ca-certificates in a stage",
    "ca-certs": "bring the certificates as files:, and run update-ca-certificates in a stage",
    "power_state": "write reboot: after in a stage",
    "env": "each stage has its own environment:",
    "environment": "each stage has its own environment:",
    "vars": "write values:",
    "variables": "write values:",
    "checks": "write health: {checks: [...]}",
    "needs": "each stage has its own needs:",
    "retry": "each stage has its own retry:",
    "server": "a server is named when it is rendered: --server NAME",
    "servers": "servers are named when they are rendered: --server NAME, or --servers FILE",
    "provider": "it is named when the spec is rendered: --provider NAME",
    "target": "it is named when the spec is rendered: --target NAME",
    "tiers": "write it in a deploy file, which names this spec: bootstrap deploy FILE",
    "cloud": "write it in a deploy file, which names this spec: bootstrap deploy FILE",
    "collector": "write report: {url: URL}",
}
_OF_FILES = {
    "permissions": 'write mode: "0644"',
    "encoding": "remove it: bring the file itself, with source: FILE",
    "append": "remove it: a file is written whole; a stage can append to one",
    "defer": "write after: STAGE",
    "src": "write source: FILE",
    "dest": "write path:",
    "group": "write owner: USER:GROUP",
    "user": "write owner: USER:GROUP",
    "url": "write fetch: {url: ..., sha256: ...}",
    "sha256": "write fetch: {url: ..., sha256: ...}",
}
_OF_SCRIPTS = {
    "command": "write run:",
    "commands": "write run: | and the lines below it",
    "cmd": "write run:",
    "shell": "write run:, and begin the text with #!/bin/bash",
    "env": "write environment:",
    "sudo": "remove it: a stage runs as root unless user: says otherwise",
    "become": "remove it: a stage runs as root unless user: says otherwise",
    "cwd": "begin the text with cd FOLDER",
    "chdir": "begin the text with cd FOLDER",
    "workdir": "begin the text with cd FOLDER",
    "if": "write skip_if:, which says when not to",
    "when": "write skip_if:, which says when not to",
    "unless": "write skip_if:",
    "creates": "write skip_if: test -e PATH",
    "depends_on": "stages run in their order; write needs: for what comes from outside",
    "after": "stages run in their order; write needs: for what comes from outside",
    "retries": "write retry: {attempts: 3}",
    "attempts": "write retry: {attempts: 3}",
    "delay": "write retry: {delay: 10s}",
}
_TEXTS_THAT_RUN = ("run", "skip_if", "verify", "undo", "command")


def key_hint(above: tree.Path_, key: str) -> str | None:
    """A hint for a key of another tool, or of another place in the spec, or None. above: the path of its map."""
    if not above:
        return _top(key)
    # The path of an entry is the list and its number, such as ('stages', 0).
    if len(above) == 2:
        tables = {"files": _OF_FILES, "stages": _OF_SCRIPTS, "every_boot": _OF_SCRIPTS}
        return tables.get(str(above[0]), {}).get(key)
    return None


def _top(key: str) -> str | None:
    if key in _ELSEWHERE:
        return _ELSEWHERE[key]
    if key in _IN_STAGE:
        stage = _STAGE.format(key.replace("_", "-"), _IN_STAGE[key])
        return stage if key in _OF_OTHERS else _CLOUD_CONFIG.format(stage)
    if key in _TO_CLOUD_INIT:
        return _CLOUD_CONFIG.format("do it in a stage")
    return None


def form_hint(path: tree.Path_, node: tree.Node | None) -> str | None:
    """A hint for a list or a map in the place of one text or one number, or None."""
    key = str(path[-1]) if path else ""
    if path[:1] == ("proxy",) and isinstance(node, tree.Leaf):
        return "write http://HOST:PORT"
    if not isinstance(node, tree.Sequence):
        return None
    if key in ("status", "stable", "attempts"):
        return f"write one number: {key}: {_first(node) or 200}"
    words = [str(item.value) for item in node.items if isinstance(item, tree.Leaf)]
    if key not in _TEXTS_THAT_RUN or not words or len(words) < len(node.items):
        return "write one text"
    if any(re.search(r"\s", word) for word in words):
        return f"write {key}: | and each command on a line of its own below it"
    return f"write one text: {key}: {shlex.join(words)}"


def _first(node: tree.Sequence) -> str:
    leaf = node.items[0] if node.items else None
    return str(leaf.value) if isinstance(leaf, tree.Leaf) else ""


def other_file(path: Path, label: str, storage: Storage = DISK) -> Problem | None:
    """The problem of a file whose first line shows that it is not a spec; None if it may be one, or is unreadable."""
    try:
        # A pipe can be read only once, and the YAML reader needs it.
        text = storage.read(path)[:100_000].decode("utf-8", "replace") if storage.is_file(path) else ""
    except OSError:
        return None
    first = text.split("\n", 1)[0].rstrip()
    where = Where(label, 1, 1, first, len(first))
    if first.lower().startswith("#cloud-config") and not re.search(r"^version\s*:", text, re.MULTILINE):
        hint = f"pass it beside a spec: bootstrap render SPEC ... --user-data {label}"
        message = "the file is a cloud-config for cloud-init, not a spec"
        return Problem("spec.cloud-config", message, where, hint)
    if first.startswith("#!"):
        hint = f"name it in a spec: stages: [{{name: setup, script: {path.name}}}]"
        return Problem("spec.script", "the file is a script, not a spec", where, hint)
    return None
