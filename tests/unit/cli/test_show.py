"""`bootstrap show` on bundles: what is printed, what is kept back, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bootstrap.cli.show import command
from bootstrap.errors import PayloadError, UsageError
from bootstrap.payload.bundle import unpack
from bootstrap.payload.split import runner_text
from bootstrap.render.model import Rendered, RenderedFile
from bootstrap.targets import layout

DEPLOY = "20261120T120000-ab12cd"
CRON = "@reboot root sh @FILES@ # @SHA256@ @MARK@\n"
SECRET = "correct horse battery"
PLAN = {
    "version": 1,
    "name": "web",
    "server": "web-1",
    "deploy_id": DEPLOY,
    "revision": "0123456789ab",
    "deadline_s": 3600,
    "stages": [
        {
            "name": "packages",
            "text": "apt-get update\napt-get -y install git\n",
            "needs": [{"network": True}, {"tcp": "db:5432"}],
            "attempts": 5,
            "verify": "git --version\n",
            "environment": {"TOKEN": SECRET},
            "secrets": ["TOKEN"],
        }
    ],
    "every_boot": [{"name": "worker", "text": "systemctl start web\n", "timeout_s": 60}],
    "health": {
        "checks": [
            {"kind": "http", "url": "http://127.0.0.1/ping", "contains": "0123"},
            {"kind": "unit", "name": "apache2.service"},
            {"kind": "disk", "path": "/", "free": 1_048_576},
        ]
    },
    "report": {"url": "https://deploy.internal:8443", "key": "a2V5IG9mIHRoaXMgc2VydmVy"},
    "secrets": [SECRET],
}
FILES = (
    RenderedFile("/etc/web/site.conf", b"Listen 80\n"),
    RenderedFile("/etc/web/token", SECRET.encode(), 0o600, ("web", "web"), secret=True, keep=False),
    RenderedFile("/etc/web/mixed", f"token = {SECRET}\n".encode()),
    RenderedFile("/srv/big", b"", deliver="fetch", fetch={"url": "https://x/y", "sha256": "f" * 64}),
)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    rendered = Rendered("web-1", DEPLOY, "0123456789ab", PLAN, FILES, CRON, None, (SECRET,))
    path = tmp_path / "user-data"
    path.write_bytes(layout.pack(rendered, "user-data").blob)
    return path


def show(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_a_bundle_is_shown_in_a_few_lines(bundle: Path) -> None:
    unpacked = unpack(bundle.read_bytes())
    sizes = ", ".join(f"{name} {size:,}" for name, size in unpacked.sizes.items())
    digests = [entry["sha256"][:12] for entry in unpacked.plan["files"]]

    result = show(bundle)

    assert result.exit_code == 0
    assert (
        result.stdout
        == f"""\
{bundle}: a whole bundle of {bundle.stat().st_size:,} bytes
  sha256    {unpacked.digest}
  bytes     {sizes}
  server    web-1
  deploy    {DEPLOY}
  revision  0123456789ab
  deadline  3600 s
  reports   https://deploy.internal:8443
  files
    /etc/web/site.conf        10 bytes  0644  root:root  {digests[0]}
    /etc/web/token            21 bytes  0600  web:web  {digests[1]}  secret, removed after success
    /etc/web/mixed            30 bytes  0644  root:root  {digests[2]}
    /srv/big                   fetched  0644  root:root  {digests[3]}  fetch
  stages
    1. packages  (timeout 900 s, 5 attempts, needs network, needs tcp db:5432, verify)
       | apt-get update
       | apt-get -y install git
  at every boot
    1. worker  (timeout 60 s)
       | systemctl start web
  health
    http http://127.0.0.1/ping 200 contains '0123'
    unit apache2.service
    disk / 1,048,576 bytes free
"""
    )


@pytest.fixture
def carrier(tmp_path: Path) -> Path:
    rendered = Rendered("web-1", DEPLOY, "0123456789ab", PLAN, FILES, CRON, None, (SECRET,))
    sources = ["disk", "collector", "https://files.internal/boot/?sig=of-the-query"]
    path = tmp_path / "user-data"
    path.write_bytes(layout.pack(rendered, "user-data", runner_from=sources).blob)
    return path


def test_a_carrier_is_shown_as_one_with_its_runner_and_where_that_comes_from(carrier: Path) -> None:
    lines = show(carrier).stdout.splitlines()

    assert lines[0].startswith(f"{carrier}: a carrier of {carrier.stat().st_size:,} bytes for a whole bundle of ")
    assert lines[3:7] == [
        f"  runner    {runner_text().sha256}",
        "  from      /usr/lib/initialrunner of the image",
        f"       then https://deploy.internal:8443/v1/runner/{runner_text().sha256}",
        "       then https://files.internal/boot/",
    ]
    assert lines[7] == "  server    web-1"


def test_json_tells_a_carrier_from_a_whole_bundle(carrier: Path) -> None:
    answer = json.loads(show(carrier, "--json").stdout)

    assert answer["carrier"] == {
        "size": carrier.stat().st_size,
        "runner": runner_text().sha256,
        "runner_from": [
            f"https://deploy.internal:8443/v1/runner/{runner_text().sha256}", "https://files.internal/boot/",
        ],
    }  # fmt: skip
    assert answer["size"] > answer["carrier"]["size"]


def test_json_says_that_a_whole_bundle_came_in_no_carrier(bundle: Path) -> None:
    assert json.loads(show(bundle, "--json").stdout)["carrier"] is None


def test_json_holds_the_plan_without_secrets_and_without_the_report_key(bundle: Path) -> None:
    masked = json.loads(show(bundle, "--json").stdout)
    revealed = json.loads(show(bundle, "--json", "--reveal").stdout)

    assert masked["sha256"] == unpack(bundle.read_bytes()).digest
    assert masked["plan"]["stages"][0]["environment"] == {"TOKEN": "***"}
    assert (masked["plan"]["secrets"], masked["plan"]["report"]["key"]) == (["***"], "***")
    assert SECRET not in json.dumps(masked)
    assert revealed["plan"] == unpack(bundle.read_bytes()).plan


def test_a_files_content_is_printed_byte_for_byte(bundle: Path) -> None:
    assert show(bundle, "--file", "/etc/web/site.conf").stdout_bytes == b"Listen 80\n"


def test_a_secret_in_another_file_is_masked_with_a_note(bundle: Path) -> None:
    masked, revealed = show(bundle, "--file", "/etc/web/mixed"), show(bundle, "--file", "/etc/web/mixed", "--reveal")

    assert masked.stdout == "token = ***\n"
    assert masked.stderr == "a secret in it is shown as ***; --reveal shows it\n"
    assert revealed.stdout == f"token = {SECRET}\n"


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("/etc/web/token", "/etc/web/token is a secret", "--reveal shows it"),
        (
            "/etc/web/tokn",
            "/etc/web/tokn is not among the bundle's files",
            "there are: /etc/web/site.conf, /etc/web/token, /etc/web/mixed, /srv/big",
        ),
        ("/srv/big", "/srv/big is fetched by the host", None),
    ],
)
def test_a_file_that_is_not_printed_says_why(bundle: Path, path: str, message: str, hint: str | None) -> None:
    result = show(bundle, "--file", path)

    assert isinstance(result.exception, UsageError)
    assert (result.exception.message, result.exception.hint, result.stdout) == (message, hint, "")


def test_a_secret_file_is_printed_when_asked_for_twice(bundle: Path) -> None:
    assert show(bundle, "--file", "/etc/web/token", "--reveal").stdout == SECRET


def test_source_is_the_runner_as_it_runs(bundle: Path) -> None:
    source = show(bundle, "--source").stdout

    compile(source, "runner", "exec")
    assert "def main(" in source
    assert SECRET not in source


def test_a_damaged_bundle_is_refused_and_nothing_is_shown(bundle: Path) -> None:
    bundle.write_bytes(bundle.read_bytes()[:-30])

    result = show(bundle, "--json")

    assert isinstance(result.exception, PayloadError)
    assert result.stdout == ""
