"""A bundle in two parts: the runner's text, which every server shares, and a carrier with what is this server's own.

A carrier is a sh script (files/carrier). On the host it takes the runner's text from the image's disk or from a URL, by
its SHA-256, puts the bundle together as it was made here, to the byte, and starts that. The bundle then installs itself
and its own trigger, so that from there on nothing tells a host that its bundle came in two parts.
"""

from __future__ import annotations

import functools
import hashlib
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bootstrap import resources
from bootstrap.errors import PayloadError
from bootstrap.payload import bundle as bundles
from bootstrap.payload import pack, role, triggers
from bootstrap.payload.no_python_report import script as no_python_report
from bootstrap.payload.words import words
from bootstrap.runner import form
from bootstrap.runner.defaults import PLAN
from bootstrap.runner.host import STATE, STUB, TRIGGER
from bootstrap.runner.tick.files import CRONS

# The runner's text lies below this folder of an image, under the name of its SHA-256.
FOLDER = form.RUNNERS
# Below the URL of a collector.
COLLECTOR_PATH = "/v1/runner/"


@dataclass(frozen=True)
class RunnerText:
    """The first part of a bundle, up to the end of its code: public, the same for every server of a toolkit version.

    sha256: its name in hex. ASCII without a line end at the end.
    """

    content: bytes = field(repr=False)
    sha256: str


@functools.cache
def code() -> tuple[str, bytes]:
    """Return (the packed code, the dictionary of plan and files) of every bundle that is split."""
    hot, cold = pack.sources()
    hot += form.SEAM.decode() + words()
    return pack.encode(pack.squeezed(form.PARTING.decode().join((hot, cold)))), hot.encode()


@functools.cache
def runner_text() -> RunnerText:
    """Return the runner's text of this toolkit version, with every feature that a plan can ask for."""
    filled = form.GLUE % (form.PURPOSE, bundles.reader(), bundles.head(), code()[0])
    content = filled.removesuffix(form.GLUE.rpartition("%s")[2]).encode("ascii")
    return RunnerText(content, hashlib.sha256(content).hexdigest())


def carrier(bundle: bytes, plan: dict[str, Any], sources: Sequence[str]) -> bytes:
    """Return the carrier of a bundle that begins with the runner's text.

    plan: the host plan. sources: the URLs of the runner's text, which the host asks in this order after its own disk.
    Raises PayloadError for a bundle that begins otherwise, or a URL that would not stay itself in a script.
    """
    text = runner_text()
    rest = bundle.removeprefix(text.content).decode("ascii")
    if len(rest) == len(bundle) or not rest.startswith("\n") or not rest.endswith("\n"):
        raise PayloadError("a carrier needs a bundle that begins with the runner's text")
    authority = plan.get("report", {}).get("ca") if sources else None
    program = _text("program", {
        "RUNNER": text.sha256, "BUNDLE": hashlib.sha256(bundle).hexdigest(), "STUB": STUB, "TRIGGER": TRIGGER,
        "STATE": STATE, "FOLDER": FOLDER, "MARK": f'"deploy_id": "{plan["deploy_id"]}"',
        "ENTRY": entry("=D", plan).rstrip("\n"), "UNITS": _units(plan),
        "FETCH": _fetch(sources, authority, plan.get("proxy", {})), "REST": rest.removesuffix("\n"),
        # Without a Python, a bundle that installs itself ends with 75.
        "TELL": no_python_report(plan, when="[ $x = 75 ]"),
    })  # fmt: skip
    digest = hashlib.sha256(program.encode() + b"\n").hexdigest()
    carried = _filled(resources.text("files/carrier/carrier.sh"), {"SHA256": digest, "PROGRAM": program})
    if "\\" in carried or not carried.isascii():
        raise PayloadError("the carrier would hold a backslash or a byte outside ASCII")
    return carried.encode("ascii")


def entry(sha256: str, plan: dict[str, Any]) -> str:
    """Return the cron entry that starts what lies at STUB, once its SHA-256 is right; for systemd alone a comment."""
    command = _filled(resources.text("files/carrier/command.sh").rstrip("\n"), {"STUB": STUB, "SHA256": sha256})
    text = _filled(resources.text("files/carrier/cron"), {"COMMAND": command})
    return triggers.entry(text, plan.get("trigger", PLAN["trigger"]))


def assemble(carried: bytes, text: bytes) -> bytes:
    """Return the bundle of a carrier, put together with the runner's text. Raises PayloadError if either is wrong."""
    runner, whole, _, rest = parts(carried)
    if hashlib.sha256(text).hexdigest() != runner:
        raise PayloadError(f"the carrier needs the runner {runner}, which this text is not")
    bundle = text + rest.encode("ascii")
    if hashlib.sha256(bundle).hexdigest() != whole:
        raise PayloadError("the carrier is damaged: its bundle differs from the digest that it names")
    return bundle


def find(data: bytes) -> bytes | None:
    """Return the carrier in a script that may be one, or holds one as a boothook does; None when there is none."""
    first, second = form.CARRIER_MAGIC.split("\n")
    last = re.escape(form.CARRIER_END.encode())
    match = re.search(re.escape(second.encode()) + rb".*?\n" + last + rb"(?=\n|$)", data, re.DOTALL)
    return None if match is None else first.encode() + b"\n" + match[0] + b"\n"


def parts(carried: bytes) -> tuple[str, str, tuple[str, ...], str]:
    """Return (SHA-256 of the runner's text, SHA-256 of the bundle, URLs of the text, rest of the bundle) of a carrier.

    Raises PayloadError for anything else, and for a carrier that is cut off.
    """
    match = form.CARRIER.fullmatch(carried.decode("ascii", "replace"))
    if not match:
        raise PayloadError("not a whole carrier", hint="render it again, or copy it again whole")
    runner, whole, sources, rest = match.groups()
    return runner, whole, tuple((sources or "").split()), rest


def _fetch(sources: Sequence[str], authority: str | None, proxy: dict[str, str]) -> str:
    if not sources:
        return ""
    trusted = _text("ca", {"CA": authority.rstrip("\n")}) + "\n" if authority else ""
    option = "--ca-certificate=$SSL_CERT_FILE" if authority else ""
    by_role = any(source.startswith(role.SCHEME) for source in sources)
    signs = f"case $u in {role.SCHEME}*)g|{role.fetcher('$t')};;*)" if by_role else ""
    end = ";;esac" if by_role else ""
    # The environment of root's processes, which is not the list of processes, may hold the password of a proxy.
    names = {"http": "http_proxy", "https": "https_proxy", "no_proxy": "no_proxy"}
    by_proxy = "".join(f" {names[key]}={shlex.quote(value)}" for key, value in proxy.items())
    values = {"SOURCES": "\n".join(sources), "CA": option, "PROXY": "export" + by_proxy if by_proxy else ""}
    return trusted + _text("fetch", {**values, "ROLE": signs, "END": end})


def _units(plan: dict[str, Any]) -> str:
    """Return what makes systemd's units where they are wanted; "" for a plan that has none."""
    units: dict[str, str] = plan.get("units", {})
    if not units:
        return ""
    # The runner decides in the same way (units_wanted in runner/tick/files.py).
    is_auto = plan.get("trigger", PLAN["trigger"]) == "auto"
    needed = "".join(f" && [ ! -e {path} ]" for path in CRONS) if is_auto else ""
    folders = {path.rsplit("/", 1)[0] for path in units}
    # mkdir makes those above the deepest as well.
    deepest = sorted(one for one in folders if not any(other.startswith(one + "/") for other in folders))
    files = "\n".join(f'cat >{path} <<"E"\n{text}E' for path, text in units.items())
    condition = f"[ -d /run/systemd/system ]{needed}"
    return _text("units", {"CONDITION": condition, "FOLDERS": " ".join(deepest), "FILES": files})


def _text(name: str, values: dict[str, str]) -> str:
    """Return one of the texts of files/carrier without comments and empty lines, filled in."""
    script = bundles.without_comments(resources.text(f"files/carrier/{name}.sh"))
    # A part that is not needed leaves no line behind.
    for key in (key for key, value in values.items() if not value):
        script = script.replace(f"\n@{key}@", "").replace(f"@{key}@ ", "")
    return _filled(script, values)


def _filled(text: str, values: dict[str, str]) -> str:
    """Put values in the place of @NAMES@, all at once: a value may hold a text that looks like such a name."""
    return re.sub("@([A-Z0-9_]+)@", lambda name: values[name[1]], text)
