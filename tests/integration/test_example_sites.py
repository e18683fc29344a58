"""The sites of examples/sites: each is checked, planned, and rolled out on the simulated cloud, by the command line."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bootstrap.cli.main import main
from bootstrap.errors import ExitCode

SITES = Path(__file__).parents[2] / "examples" / "sites"
NAMES = ["basic", "tiered", "web-application", "cms", "wordpress", "reverse-proxy"]
SPECS = sorted(str(path.relative_to(SITES)) for path in SITES.rglob("*.yaml") if "\nname:" in path.read_text())
DEPLOY_FILES = [name for name in SPECS if "\ntiers:" in (SITES / name).read_text()]
ON_SIM = "cloud: {servers: sim, pool: sim, sim: {state: world.json}}"
# One of each secret that the specs name.
SECRETS = dict.fromkeys(
    ("COLLECTOR_TOKEN", "DB_PASSWORD", "WORDPRESS_SALT", "WIKI_DB_PASSWORD", "WIKI_SECRET_KEY", "WIKI_ADMIN_PASSWORD"),
    "correct-horse-battery",
) | {
    "DATABASE_URL": "postgresql://notes:correct-horse@db.internal/notes",
    "TLS_CERTIFICATE": "a certificate", "TLS_KEY": "a key", "BOOTSTRAP_SECRET": base64.b64encode(b"s" * 32).decode(),
}  # fmt: skip


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of one site whose cloud is simulated, in a file beside it."""
    folder = tmp_path / request.param
    shutil.copytree(SITES / request.param, folder)
    for name in ("deploy.yaml", "release.yaml"):
        if (folder / name).exists():
            change(folder / name, "cloud: {servers: openstack,", f"{ON_SIM} #")
    return folder


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path.name} has no {old!r}"
    path.write_text(new.join(text.rsplit(old, 1)))


def bootstrap(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command line in the folder of a site, with a state folder of its own."""
    own = {"XDG_STATE_HOME": str(folder / "state"), "NO_COLOR": "1", "PYTHONPATH": str(SITES.parents[1])}
    return subprocess.run(
        [sys.executable, "-m", "bootstrap", *words], cwd=folder, env=os.environ | SECRETS | own,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip


def deploy(folder: Path, *words: str, code: int = 0) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(the summary, all records) of one deploy, which has to end with this exit code."""
    done = bootstrap(folder, "deploy", *words, "--yes", "--json")
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    records = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return records[-1], records


def world(folder: Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((folder / "world.json").read_text())
    return answer


def test_the_six_sites_are_there_each_with_a_page() -> None:
    assert sorted(path.name for path in SITES.iterdir() if path.is_dir()) == sorted(NAMES)
    for name in NAMES:
        page = (SITES / name / "README.md").read_text()
        assert f"bootstrap deploy examples/sites/{name}/deploy.yaml" in page and "## What you change" in page


def test_all_sites_share_one_base() -> None:
    """Each folder is complete, so that it can be copied alone; what is mended in one base is mended in all."""
    assert len({(SITES / name / "base.yaml").read_bytes() for name in NAMES}) == 1


@pytest.mark.parametrize("name", [name for name in SPECS if name not in DEPLOY_FILES])
def test_a_spec_has_no_problem_and_no_warning(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for key, value in SECRETS.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(SystemExit) as ended:
        main(["check", str(SITES / name), "--strict", "--lint"])
    assert ended.value.code in (0, None), capsys.readouterr().err


@pytest.mark.parametrize("name", DEPLOY_FILES)
def test_a_deploy_file_has_no_problem(name: str) -> None:
    from bootstrap.deploy.file import load

    loaded = load(SITES / name)
    assert [problem.message for problem in loaded.warnings if problem.code != "spec.url"] == []
    assert len(loaded.tiers) == len(loaded.model.tiers) and loaded.reports


@pytest.mark.parametrize("site", NAMES, indirect=True)
def test_a_site_is_planned_before_there_is_a_server(site: Path) -> None:
    """The texts of later tiers are rendered with stand-ins for the addresses of the earlier ones."""
    done = bootstrap(site, "deploy", "deploy.yaml", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "nothing is changed" in done.stdout and "output-" not in done.stdout
    assert not list((site / "state").rglob("journal"))
    assert not (site / "world.json").exists() or world(site)["machines"] == []


@pytest.mark.slow
@pytest.mark.parametrize("site", NAMES, indirect=True)
def test_a_site_is_rolled_out_and_replaced_and_a_bad_release_taken_back(site: Path) -> None:
    first, _ = deploy(site, "deploy.yaml")
    tiers = {server["tier"] for server in first["servers"]}
    assert first["result"] == "done" and first["owed"] == {}

    change(site / "base.yaml", "deadline: 30m", "deadline: 31m")
    second, records = deploy(site, "deploy.yaml")
    assert second["result"] == "done" and second["owed"] == {}
    new = {server["name"] for server in second["servers"] if server["is_new"]}
    assert new.isdisjoint(server["name"] for server in first["servers"])
    deleted = [r["server"] for r in records if r["type"] == "call" and r["call"] == "delete"]
    assert sorted(deleted) == sorted(server["name"] for server in first["servers"])

    change(site / "base.yaml", "deadline: 31m", "deadline: 32m")
    # The servers of the last tier, the one that clients see.
    change(site / "deploy.yaml", "flavor: ", "fate: failed, flavor: ")
    third, records = deploy(site, "deploy.yaml", code=ExitCode.FAILED)
    assert third["owed"] == {} and "stage app exits 7" in third["reason"]
    made = [r["server"] for r in records if r["type"] == "call" and r["call"] == "create"]
    assert {name.split("-")[1] for name in made} == tiers
    alive = {server["name"] for server in third["servers"] if server["state"] != "deleted"}
    assert alive.isdisjoint(made) and alive == new


@pytest.mark.slow
@pytest.mark.parametrize("site", ["tiered", "wordpress"], indirect=True)
def test_an_everyday_release_leaves_the_database_alone(site: Path) -> None:
    first, _ = deploy(site, "deploy.yaml")
    database = next(server["name"] for server in first["servers"] if server["tier"] == "db")
    second, records = deploy(site, "release.yaml", "--set", "database=10.0.0.1")
    assert second["result"] == "done"
    called = {record["server"] for record in records if record["type"] == "call"}
    assert database not in called and not any("-db-" in name for name in called)


@pytest.mark.parametrize("site", ["tiered"], indirect=True)
def test_a_later_tier_is_told_the_addresses_of_the_earlier_ones(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bootstrap.deploy.file import load
    from bootstrap.deploy.payloads import SpecPayloads

    for key, value in SECRETS.items():
        monkeypatch.setenv(key, value)
    addresses = {"db": ["10.9.8.7"], "cache": ["10.9.8.1", "10.9.8.2"]}
    values = {"tiers": {name: {"addresses": listed, "servers": []} for name, listed in addresses.items()}}
    payloads = SpecPayloads(load(site / "deploy.yaml"), "20261201T120000-ab12cd", b"s" * 32)
    rendered = payloads.payload("web", "shop-web-1-x", values).rendering.rendered
    texts = {file.path: file.content for file in rendered.files}
    assert b"shop@10.9.8.7/shop\n" in texts["/etc/shop.env"] and b"CACHES=10.9.8.1,10.9.8.2\n" in texts["/etc/shop.env"]
