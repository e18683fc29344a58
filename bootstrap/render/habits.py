"""Warns of habits that work in user-data scripts, but not in stages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bootstrap.errors import Problem, Where
from bootstrap.render.shelltext import commands

_BESIDE = re.compile(
    r"""dirname\s+(?:--\s+)?["']?\$\{?(?:0|BASH_SOURCE)\b"""
    r"""|\$\{(?:0|BASH_SOURCE(?:\[0\])?)%/\*\}"""
    r"""|(?:dirname\(|\bPath\()\s*(?:os\.path\.\w+\()?__file__"""
)


def judge(plan: Mapping[str, Any], places: Mapping[str, Where]) -> Iterator[Problem]:
    """A warning for each stage that reboots by itself, and for each text that looks for files beside it.

    plan: as the host reads it, with its defaults filled in.
    """
    for number, stage in enumerate(plan.get("stages", ())):
        yield from _reboots(f"stages[{number}]", stage, places[f"stages[{number}].run"])
    for kind in ("stages", "every_boot"):
        for number, stage in enumerate(plan.get(kind, ())):
            yield from _looks_beside(f"{kind}[{number}]", stage, places[f"{kind}[{number}].run"])


def _reboots(key: str, stage: Mapping[str, Any], place: Where) -> Iterator[Problem]:
    text = stage["text"]
    if not re.search(r"\b(reboot|shutdown|kexec|init|telinit)\b", text):
        return
    command = next((" ".join(words) for words in commands(text) if _is_reboot(words[0], words[1:])), None)
    if command is None:
        return
    message = f"{key}: {stage['name']} runs `{command}` itself: the reboot cuts it short, and it begins again"
    never = stage["reboot"] == "never"
    hint = "remove that, and write reboot: after" if never else f"remove that: reboot: {stage['reboot']} does it"
    yield Problem("render.reboot", message, place, hint, "warning")


def _is_reboot(name: str, arguments: Sequence[str]) -> bool:
    # `shutdown -c` and `reboot --help` reboot nothing, so the options count.
    plain = [word for word in arguments if not word.startswith("-")]
    if name == "reboot":
        return not {"--help", "--version", "-w", "--wtmp-only"} & set(arguments)
    if name == "shutdown":
        return any(re.fullmatch(r"-\w*r\w*|--reboot", word) for word in arguments) and "-c" not in arguments
    if name == "systemctl":
        return plain[:1] in (["reboot"], ["kexec"], ["soft-reboot"])
    return name in ("init", "telinit") and plain[:1] == ["6"]


def _looks_beside(key: str, stage: Mapping[str, Any], place: Where) -> Iterator[Problem]:
    lines = (line for line in stage["text"].split("\n") if not line.lstrip().startswith("#"))
    if any(_BESIDE.search(line) for line in lines):
        message = f"{key}: {stage['name']} looks for files beside itself, and only this text reaches the host"
        hint = "bring the others as files:, and name their paths"
        yield Problem("render.beside", message, place, hint, "warning")
