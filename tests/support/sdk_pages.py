"""The code of the pages on SDKs, run as it stands in the SDKs' own environment."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import venvs

import bootstrap
from bootstrap.payload.bundle import unpack

TOP = Path(__file__).resolve().parents[2]
HOW_TO = TOP / "docs/how-to"
# An SDK that hangs is ended; importing the largest takes seconds.
LIMIT_S = 120


def saved(page: str, folder: Path) -> list[str]:
    """Write the named blocks of a page (`# spec: NAME`, `# file: NAME`) into a folder; their names."""
    text = (HOW_TO / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w+\n((?:# (?:spec|file): (\S+)\n).*?)^```$", text, re.MULTILINE | re.DOTALL)
    for block, name in blocks:
        (folder / name).write_text(block, encoding="utf-8")
    return [name for _, name in blocks]


def run(page: str, program: str, folder: Path, environment: Mapping[str, str]) -> None:
    """Run a page's program in a folder with its other blocks; it must succeed."""
    assert program in saved(page, folder)
    done = python([program], folder, environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def python(arguments: list[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The SDKs' Python, which finds this project as an installed one would be found."""
    # Nothing of this machine's own logins and proxies.
    inherited = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
    return subprocess.run(
        [venvs.python("sdks"), *arguments], cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False,
        env={**inherited, "HOME": str(folder), "PYTHONPATH": str(TOP), **environment},
    )  # fmt: skip


def is_the_bundle_of(folder: Path, arrived: bytes) -> bool:
    """Whether user-data that arrived is, byte for byte, what folder/web.yaml gives for that very roll-out."""
    plan = unpack(arrived).plan
    web = bootstrap.load(folder / "web.yaml").plan(plan["server"], deploy_id=plan["deploy_id"]).render()
    return arrived == web.pack("user-data").blob


def is_the_stub_of(folder: Path, arrived: bytes, bundle: bytes, url: str, spec: str = "web.yaml") -> bool:
    """Whether what arrived is the stub that folder/spec gives for the bundle that the page's program put there."""
    plan = unpack(bundle).plan
    web = bootstrap.load(folder / spec).plan(plan["server"], deploy_id=plan["deploy_id"]).render()
    return arrived == web.stub(url).encode() and web.pack("stub", url=url).payload.bundle == bundle
