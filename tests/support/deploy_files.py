"""Deploy files with small specs beside them, and everything that is wrong with one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bootstrap.deploy.file import DeployFile, load
from bootstrap.errors import Problem, SpecError

HEAD = "version: 1\nname: shop\ncloud: {servers: sim, pool: sim}\n"
GATE = 'gate: {probe: "http://{address}:8080/ping", contains: "{revision}"}'
SPECS = {
    "web.yaml": "version: 1\nname: web\nvalues: {branch: main}\nfiles: [{path: /etc/a, content: '{{ branch }}'}]\n",
    "db.yaml": "version: 1\nname: db\nfiles: [{path: /etc/a, content: x}]\n",
    "talks.yaml": "version: 1\nname: talks\nreport: {url: 'https://deploy.internal:8443'}\n",
    "under_score.yaml": "version: 1\nname: under_score\n",
    "broken.yaml": "version: 1\nname: broken\nstagse: []\n",
    "plain.pem": "no certificate\n",
}
CHECK = "health: {checks: [{file: /etc/a}]}\n"


def lay(folder: Path, text: str, name: str = "shop.yaml") -> Path:
    """Write a deploy file and its specs. Its own text is taken as it is."""
    for file, spec in SPECS.items():
        if not (folder / file).exists():
            (folder / file).write_text(spec + (CHECK if file.endswith(".yaml") else ""), encoding="utf-8")
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def loaded(folder: Path, text: str, overrides: Sequence[str] = ()) -> DeployFile:
    """The deploy file of a text that has to be right."""
    return load(lay(folder, text), overrides=overrides)


def problems(folder: Path, text: str, overrides: Sequence[str] = ()) -> list[Problem]:
    """All errors of a deploy file, or all warnings of one without errors."""
    try:
        return list(loaded(folder, text, overrides).warnings)
    except SpecError as error:
        return list(error.problems)
