"""`bootstrap show SPEC`: what it comes to for one server, without reading a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootstrap.cli.main import main
from bootstrap.errors import ExitCode

SPEC = """\
version: 1
name: web
values: {port: 8080}
secrets: {token: "env:WEB_TOKEN_THAT_NOBODY_SET"}
files:
  - {path: /etc/web/port, content: "{{ port }} {{ server }}\\n"}
  - {path: /etc/web/token, content: "{{ token }}", secret: true}
  - {path: /srv/app, fetch: {url: "https://x/app", sha256: "SHA"}}
stages:
  - name: start
    run: echo {{ server }} {{ port }}
    needs: [network]
    retry: {attempts: 3}
    verify: test -e /srv/app
    environment: {TOKEN: "{{ token }}"}
every_boot:
  - {name: worker, run: systemctl start web}
health:
  checks:
    - {http: "http://127.0.0.1:{{ port }}/"}
    - {memory: {free: 1MiB}}
report: {url: "https://deploy.internal:8443"}
""".replace("SHA", "a" * 64)


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BOOTSTRAP_SECRET", raising=False)
    (tmp_path / "web.yaml").write_text(SPEC)
    return tmp_path


def show(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["show", "web.yaml", *arguments])
    return int(ended.value.code or 0)


def test_a_spec_is_shown_in_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert show("--set", "port=9090") == ExitCode.GOOD

    lines = capsys.readouterr().out.splitlines()
    revision = lines.pop(2)
    digest = lines[5].split()[-1]
    assert revision.startswith("  revision  ") and len(digest) == 12
    assert (
        "\n".join(lines)
        == f"""\
web.yaml: resolved for web-1
  server    web-1
  deadline  3600 s
  reports   https://deploy.internal:8443
  files
    /etc/web/port         11 bytes  0644  root:root  {digest}
    /etc/web/token   with a secret  0600  root:root    secret
    /srv/app               fetched  0644  root:root  aaaaaaaaaaaa  fetch
  stages
    1. start  (timeout 900 s, 3 attempts, needs network, verify)
       | echo web-1 9090
  at every boot
    1. worker  (timeout 900 s)
       | systemctl start web
  health
    http http://127.0.0.1:9090/ 200
    memory 1,048,576 bytes free"""
    )


def test_json_masks_every_secret(capsys: pytest.CaptureFixture[str]) -> None:
    assert show("--json", "--server", "db-7") == 0

    plan = json.loads(capsys.readouterr().out)["plan"]
    assert (plan["server"], plan["stages"][0]["environment"]) == ("db-7", {"TOKEN": "***"})
    assert plan["report"]["key"] == "***"


def test_nothing_is_written(workdir: Path) -> None:
    show()

    assert [path.name for path in workdir.iterdir()] == ["web.yaml"]


def test_looking_into_a_spec_as_if_it_were_a_bundle_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert show("--source") == ExitCode.USAGE

    assert capsys.readouterr().err == (
        "error[usage]: web.yaml is not a bundle\n"
        "  --file, --source and --allowed-signers are for what `bootstrap render` wrote\n"
    )
