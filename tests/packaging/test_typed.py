"""A user's script is type-checked against the installed wheel: every public call has its exact type, never Any."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap

# In a script that has `library`, `project`, `fleet`, `plan`, `web`, `name: str` and `flag: bool`: what is written, and
# what mypy reveals of it. Module names are left out there, and `str` is what it calls builtins.str.
TYPES = {
    "library.__version__": "str",
    "library.load(Path('web.yaml'), overrides=['a=b'], values_files=['v.yaml'])": "Project",
    "library.read_secret('deploy.secret')": "bytes",
    "library.read_published(Path('published.json'))": "Published",
    "library.read_published('published.json').bundles['web-1']['url']": "str",
    "library.signer('key', print)": "Signer",
    "project.warnings": "tuple[Problem, ...]",
    "project.exposed('user-data')": "tuple[Problem, ...]",
    "project.warnings[0].where": "Where | None",
    "project.plan('web-1', {'port': 8080, 'hosts': ['a']}, deploy_id='d1', report_url='https://x')": "ServerPlan",
    "project.fleet('servers.yaml')": "Fleet",
    "project.fleet(['web-1', 'web-2'], deploy_id='d1')": "Fleet",
    "project.fleet({'web-1': {'port': 8080}, 'web-2': None})": "Fleet",
    "fleet.servers": "Mapping[str, Mapping[str, object]]",
    "fleet.deploy_id": "str",
    "fleet.revision": "str",
    "fleet.report_url": "str | None",
    "fleet.reports": "bool",
    "fleet.plan('web-1')": "ServerPlan",
    "fleet.render(b'', sign='key')": "Iterator[Rendering]",
    "len(fleet)": "int",
    "next(iter(fleet))": "ServerPlan",
    "fleet.write('build', ['user-data'], provider='gce', progress=print)['servers'][0]['server']": "str",
    "fleet.write_packed('build', lambda one: [one.pack('tree')])['servers'][0]['targets'][0]['bundle']['size']": "int",
    "plan.server": "str",
    "plan.deploy_id": "str",
    "plan.revision": "str",
    "plan.reports": "bool",
    "plan.render(b'', published=library.read_published('p.json'), sign=library.signer('key'))": "Rendering",
    "web.server": "str",
    "web.deploy_id": "str",
    "web.revision": "str",
    "web.personality()": "list[dict[str, str]]",
    "web.personality(name, url=name)": "list[dict[str, str]]",
    "web.injected_files()": "dict[str, bytes]",
    "web.starter(beside=['#cloud-config'])": "str",
    "web.stub('https://x')": "str",
    "web.stub('https://x', 'ec2')": "str",
    "web.stub(provider=name, encoded=flag)": "str",
    "web.stub('https://x', 'gce', beside=beside)": "str",
    "web.stub('https://x', provider='azure', beside=beside)": "str",
    "web.stub('https://x', name, encoded=True, beside=beside)": "str",
    "web.stub('https://x', 'ec2', beside=beside)": "str | bytes",
    "web.stub('https://x', 'nova', encoded=False, beside=beside)": "str | bytes",
    "web.split('collector', name)": "Rendering",
    "web.split().user_data_bytes('ec2')": "bytes",
    "web.cloud_config(name)": "str",
    "web.nocloud(beside=[Path('x')])": "Seed",
    "web.nocloud().files": "dict[str, bytes]",
    "web.nocloud().label": "str",
    "web.nocloud().image()": "bytes",
    "web.nocloud().write('seed')": "Path",
    "web.config_drive(beside=[b''])": "Seed",
    "web.tree('root')": "list[str]",
    "web.manifest('user-data', provider='gce')['targets'][0]['bundle']['sha256']": "str",
    "web.manifest()['targets'][0]['measures'][0]['limit']": "int | None",
    "web.manifest()['targets'][0]['output'].get('size')": "int | None",
    "web.pack('stub', url='https://x')": "Packed",
    "web.pack('stub').payload.bundle": "bytes",
    "web.pack('tree').measures[0].used": "int",
    "web.user_data()": "str",
    "web.user_data(None, encoded=flag)": "str",
    "web.user_data('gce', encoded=flag)": "str",
    "web.user_data('hetzner')": "str",
    "web.user_data('nova')": "str",
    "web.user_data('azure', encoded=True)": "str",
    "web.user_data('nova', encoded=False)": "str | bytes",
    "web.user_data('ec2')": "str | bytes",
    "web.user_data('ec2', encoded=True)": "str",
    "web.user_data(name)": "str | bytes",
    "web.user_data(name, encoded=True)": "str",
    "web.user_data(name, encoded=flag)": "str | bytes",
    "web.user_data_text('ec2', beside=beside)": "str",
    "web.user_data_text(name)": "str",
    "web.user_data_bytes('scaleway')": "bytes",
    "web.user_data_bytes(name, beside=beside)": "bytes",
    "library.wait('web-1', Path('build'), web, plan, fleet, manifest, index)": "WaitResult",
    "library.wait(name, deploy_id=name, collector=name, token=Path(name), ca=name, progress=print)": "WaitResult",
    "library.wait('web-*', count=2, failures=1, timeout=90.5).groups[0].states": "Mapping[str, int]",
    "library.wait(web, timeout='15m').groups[0].healthy": "int",
    "library.wait(web).result": "Literal['healthy'] | Literal['failed'] | Literal['timeout']",
    "library.wait(web).why": "str | None",
    "library.wait(web).servers": "tuple[Server, ...]",
    "library.status(web, name, token=name)": "tuple[Server, ...]",
    "server.state == 'healthy'": "bool",
    "server.deploy_id": "str | None",
    "server.stages": "tuple[Stage, ...]",
    "server.stages[0].took_s": "float | None",
    "server.outputs": "dict[str, str]",
    "server.outputs.get(name)": "str | None",
    "server.failure": "Failure | None",
    "server.last_seen": "float | None",
    "server.addresses": "tuple[str, ...]",
    "late.result": "WaitResult",
    "failed.failed": "list[str]",
    "error.problems": "tuple[Problem, ...]",
    "error.hint": "str | None",
    "error.problems[0].message": "str",
}
HEAD = """\
from pathlib import Path

import {name} as library


def use(name: str, flag: bool, failed: library.FleetError, late: library.WaitError) -> None:
    try:
        project: library.Project = library.load("web.yaml")
        plan: library.ServerPlan = project.plan(name)
        web: library.Rendering = plan.render()
    except (library.SpecError, library.RenderError, library.UsageError, library.PayloadError, library.SignError) as one:
        error: library.BootstrapError = one
        print([str(problem) for problem in error.problems])
        raise
    fleet: library.Fleet = project.fleet([name])
    beside: library.Beside = [Path(name), b"", ""]
    index: library.Index = fleet.write(name, ["tree"])
    manifest: library.Manifest = web.manifest("tree")
    try:
        result: library.WaitResult = library.wait(web)
    except (library.ServerFailedError, library.WaitTimeoutError, library.CollectorError):
        raise
    server: library.Server = result.servers[0]
    stage: library.Stage = server.stages[0]
    group: library.Group = result.groups[0]
    failure: library.Failure | None = server.failure
    print(stage.name, group.name, failure.line if failure else "")
"""


def mypy(script: Path, python: Path, cache: Path) -> str:
    """What `mypy --strict` says of a script in the environment of an interpreter, and of any expression that is Any."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--disallow-any-expr", "--no-error-summary", "--no-pretty",
         "--python-executable", python, "--cache-dir", cache, "--config-file=", script.name],
        cwd=script.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def short(revealed: str) -> str:
    """A type as people write it: without the names of modules."""
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", revealed)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("name", ["bootstrap", "initialrunner"])
def test_every_public_call_has_its_type(name: str, user_python: Path, cache: Path, tmp_path: Path) -> None:
    script = tmp_path / "deploy.py"
    lines = [f"    reveal_type({expression})" for expression in TYPES if not expression.startswith("error.")]
    of_errors = [f"        reveal_type({expression})" for expression in TYPES if expression.startswith("error.")]
    head = HEAD.format(name=name).replace("        raise\n", "\n".join([*of_errors, "        raise\n"]))
    script.write_text(head + "\n".join(lines) + "\n")

    answers = {}
    others = []
    source = script.read_text().splitlines()
    for line in mypy(script, user_python, cache).splitlines():
        revealed = re.fullmatch(r'deploy\.py:(\d+): note: Revealed type is "(.+)"', line)
        if revealed:
            answers[source[int(revealed[1]) - 1].strip()[12:-1]] = short(revealed[2])
        else:
            others.append(line)
    assert others == []
    assert answers == TYPES


def test_what_is_wrong_in_a_script_is_found(user_python: Path, cache: Path, tmp_path: Path) -> None:
    script = tmp_path / "deploy.py"
    script.write_text(
        "import bootstrap\n"
        "import initialrunner\n"
        "bootstrap.laod('web.yaml')\n"
        "initialrunner.laod('web.yaml')\n"
        "web = bootstrap.load('web.yaml').plan('web-1', 8080).render(secret='x')\n"
        "web.user_data('ec2').encode()\n"
        "web.manifest()['sever']\n"
    )

    found = re.findall(r"^deploy\.py:(\d+): error: .+  \[([\w-]+)\]$", mypy(script, user_python, cache), re.MULTILINE)

    assert [one for one in found if one[1] != "misc"] == [
        ("3", "attr-defined"), ("4", "attr-defined"), ("5", "arg-type"), ("5", "arg-type"), ("6", "union-attr"),
        ("7", "typeddict-item"),
    ]  # fmt: skip


def test_the_scripts_of_the_reference_page_are_content(
    user_python: Path, cache: Path, root: Path, tmp_path: Path
) -> None:
    page = (root / "docs/reference/api.md").read_text(encoding="utf-8")
    scripts = dict(re.findall(r"^```python\n# file: (\S+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    assert len(scripts) >= 3
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
        assert mypy(tmp_path / name, user_python, cache) == "", name


def test_the_table_above_has_the_whole_interface() -> None:
    classes = {
        "project": bootstrap.Project,
        "fleet": bootstrap.Fleet,
        "plan": bootstrap.ServerPlan,
        "web": bootstrap.Rendering,
    }
    written = HEAD + "\n".join([*TYPES, *TYPES.values()])
    missing = [
        f"{variable}.{name}"
        for variable, of in classes.items()
        for name, member in inspect.getmembers(of)
        if not name.startswith("_")
        and (inspect.isfunction(member) or isinstance(member, property))
        and not re.search(rf"\b{variable}\.{name}\b", written)
    ]
    missing += [name for name in bootstrap.__all__ if not re.search(rf"\b{name}\b", written)]
    assert missing == []
