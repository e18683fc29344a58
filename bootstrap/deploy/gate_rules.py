"""Judges the gate of a tier: probes that ask nothing, texts that prove nothing, commands that cannot run."""

from __future__ import annotations

import difflib
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bootstrap.deploy import placeholders
from bootstrap.deploy.paths import folder_at
from bootstrap.errors import Problem
from bootstrap.spec import tree
from bootstrap.spec.deploy_models import Tier
from bootstrap.spec.types import CREDENTIALS, CREDENTIALS_HINT, has_credentials, is_url

if TYPE_CHECKING:
    from bootstrap.deploy.rules import Judged

# Values that make a probe a URL, so that its form can be judged.
EXAMPLE = {"address": "192.0.2.1", "port": 80, "server": "web-1", "revision": "0" * 12, "deploy_id": "d1"}
_SHELL_WORDS = {"if", "for", "while", "until", "case", "set", "cd", "export", "exec", "test", "trap", "ulimit", "umask"}


def judge(judged: Judged, number: int, tier: Tier) -> Iterator[Problem]:
    """Every problem and warning of the gate of one tier."""
    path: tree.Path_ = ("tiers", number, "gate")
    yield from _needed(judged, number, tier)
    yield from _probe(judged, (*path, "probe"), tier)
    yield from _contains(judged, path, tier)
    if tier.gate.deadline <= tier.gate.stable:
        message = "the deadline is over before a server can have been stable"
        yield judged.error("deploy.deadline", (*path, "deadline"), message, "raise deadline:, or lower stable:")
    if tier.gate.before_swap is not None:
        yield from _command(judged, (*path, "before_swap"), tier.gate.before_swap)


def _needed(judged: Judged, number: int, tier: Tier) -> Iterator[Problem]:
    spec = judged.specs[number]
    if tier.gate.probe is not None:
        return
    place: tree.Path_ = ("tiers", number)
    hint = 'write gate: {probe: "http://{address}:8080/ping", contains: "{revision}"}'
    if tier.pools:
        message = "a tier with pools needs a probe, which proves a server before clients reach it"
        yield judged.error("deploy.gate", (*place, "pools"), message, hint)
    elif spec is not None and spec.model.report is None:
        message = f"nothing would show that a server is healthy: {spec.name} does not report, and the gate has no probe"
        yield judged.error("deploy.gate", (*place, "spec"), message, f"add report: to the spec, or {hint}")
    for key in ("status", "contains"):
        if key in tier.gate.model_fields_set:
            message = "only a probe has this key"
            yield judged.error("spec.choice", (*place, "gate", key), message, "remove it, or add probe:")


def _probe(judged: Judged, path: tree.Path_, tier: Tier) -> Iterator[Problem]:
    probe = tier.gate.probe
    if probe is None:
        return
    unknown = list(_unknown(judged, path, probe, tier))
    yield from unknown
    if unknown:
        return
    url = placeholders.fill(probe, EXAMPLE)
    if not is_url(url):
        hint = "write http://{address}:8080/ping"
        yield judged.error("deploy.probe", path, f"{probe!r} is not a URL", hint)
    elif has_credentials(url):
        yield judged.error("deploy.probe", path, CREDENTIALS, CREDENTIALS_HINT)
    elif not {"address", "server"} & set(placeholders.names_in(probe.split("/")[2])):
        host = urlsplit(url).hostname
        message = f"it would ask {host} for every server, whichever answers there"
        yield judged.error("deploy.probe", path, message, "write {address} in place of the host")


def _unknown(judged: Judged, path: tree.Path_, text: str, tier: Tier) -> Iterator[Problem]:
    """A problem for each placeholder that does not exist, or has no value in this tier."""
    for name in placeholders.names_in(text):
        if name == "port" and not tier.pools:
            message = "{port} is that of the first pool, and this tier has no pools"
            yield judged.error("deploy.placeholder", path, message, "write the port itself")
        if name not in placeholders.NAMES:
            near = difflib.get_close_matches(name, placeholders.NAMES, 1)
            listed = ", ".join(f"{{{name}}}" for name in placeholders.NAMES)
            hint = f"did you mean {{{near[0]}}}?" if near else f"the placeholders are: {listed}"
            yield judged.error("deploy.placeholder", path, f"unknown placeholder {{{name}}}", hint)


def _contains(judged: Judged, path: tree.Path_, tier: Tier) -> Iterator[Problem]:
    gate = tier.gate
    if gate.probe is None:
        return
    is_list = isinstance(tree.find(judged.root, (*path, "contains")), tree.Sequence)
    unknown = [
        problem
        for number, text in enumerate(gate.contains)
        for problem in _unknown(judged, (*path, "contains", number) if is_list else (*path, "contains"), text, tier)
    ]
    yield from unknown
    if unknown or any(name in placeholders.PROOFS for text in gate.contains for name in placeholders.names_in(text)):
        return
    key = "contains" if gate.contains else "probe"
    message = "a server with an old revision would pass: nothing in the answer has to be of this roll-out"
    yield judged.warning("deploy.proof", (*path, key), message, 'write contains: "{revision}"')


def _command(judged: Judged, path: tree.Path_, line: str) -> Iterator[Problem]:
    """Problems of a command whose program is not there, or cannot be run."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        message = f"the command cannot be read: {str(error).lower()}"
        yield judged.error("deploy.command", path, message, "check its quotes")
        return
    if not words:
        yield judged.error("deploy.command", path, "the command is empty", "write a command, or remove the key")
        return
    program, folder = words[0], folder_at(judged.root, *path)
    # The words of a shell, and variables before a command, are left to the shell.
    if "=" in program or program in _SHELL_WORDS or not re.match(r"[\w./]", program):
        return
    file = Path(folder, program)
    if "/" in program:
        if not file.is_file():
            hint = "the path is relative to the folder of the deploy file"
            yield judged.error("deploy.command", path, f"there is no file {file}", hint)
        elif not os.access(file, os.X_OK):
            hint = f"chmod +x {shlex.quote(str(file))}"
            yield judged.error("deploy.command", path, f"{file} is not executable", hint)
    elif shutil.which(program) is None:
        hint = f"write ./{program}" if file.is_file() else "install it, or write its path"
        yield judged.error("deploy.command", path, f"no program is called {program}", hint)
