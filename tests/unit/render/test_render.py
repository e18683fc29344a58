"""Rendering: the plan as the host reads it, and values that arrive byte for byte."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest
from box import needs_root
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootstrap.errors import RenderError, UsageError
from bootstrap.payload import redact
from bootstrap.plan.resolve import resolve
from bootstrap.render import jinja
from bootstrap.render.model import Rendered
from bootstrap.render.render import render
from bootstrap.runner.contract import server_key
from bootstrap.spec.load import load

HEAD = "version: 1\nname: web\n"
SECRET = bytes(range(32))


def rendered(folder: Path, text: str, server: str = "web-1", deploy_id: str = "d1", **options: Any) -> Rendered:
    (folder / "web.yaml").write_text(HEAD + text)
    return render(resolve(load(folder / "web.yaml"), server=server, deploy_id=deploy_id), **options)


def digest(folder: Path, text: str, **options: Any) -> str:
    return str(rendered(folder, text, **options).host_plan["stages"][0]["digest"])


def test_what_is_at_its_default_is_left_out(tmp_path: Path) -> None:
    plan = rendered(tmp_path, "stages: [{name: one, run: 'true'}]\n").host_plan
    one = plan["stages"][0]
    assert one == {"name": "one", "text": "true\n", "digest": one["digest"]}
    assert set(plan) == {"version", "name", "server", "deploy_id", "revision", "stages"}


def test_what_is_not_at_its_default_is_there_in_seconds_and_bytes(tmp_path: Path) -> None:
    text = """
wait_for: [{path: /srv/key, min_size: 2KiB, settle: 2s, mode: "0600", owner: "www:www", deadline: 20m}]
stages:
  - name: one
    run: "true"
    needs: [network, {tcp: "db:5432"}]
    timeout: 1m
    retry: {attempts: 5, delay: 1s, max_delay: 2s}
    on_interrupt: fail
    skip_if: test -e /done
    verify: test -e /done
    undo: rm /done
    reboot: after
    user: nobody
    environment: {RELEASE: "{{ server }}"}
health: {deadline: 1m, stable: 2, interval: 2s, checks: [{http: "http://127.0.0.1/", contains: "{{ revision }}"}, {disk: {path: /, free: 1GiB}}]}
rollback: true
deadline: 30m
proxy: {https: "http://proxy:3128"}
"""
    found = rendered(tmp_path, text)
    plan = found.host_plan
    assert plan["wait_for"] == [
        {
            "path": "/srv/key",
            "user": "www",
            "group": "www",
            "min_size": 2048,
            "settle_s": 2.0,
            "mode": 0o600,
            "deadline_s": 1200.0,
        }
    ]
    one = plan["stages"][0]
    assert one["needs"] == [{"network": True}, {"tcp": "db:5432"}]
    assert (one["timeout_s"], one["attempts"], one["delay_s"], one["max_delay_s"]) == (60.0, 5, 1.0, 2.0)
    assert (one["on_interrupt"], one["reboot"], one["user"], one["environment"]) == (
        "fail",
        "after",
        "nobody",
        {"RELEASE": "web-1"},
    )
    assert (one["verify"], one["undo"], one["skip_if"]) == ("test -e /done\n", "rm /done\n", "test -e /done\n")
    assert plan["health"] == {
        "deadline_s": 60.0, "stable": 2, "interval_s": 2.0,
        "checks": [
            {"kind": "http", "url": "http://127.0.0.1/", "contains": found.revision},
            {"kind": "disk", "path": "/", "free": 1 << 30},
        ],
    }  # fmt: skip
    assert (plan["rollback"], plan["deadline_s"], plan["proxy"]) == (True, 1800.0, {"https": "http://proxy:3128"})


@pytest.mark.fault(144)
def test_the_password_of_a_proxy_is_blotted_out_as_it_stands_and_as_it_is_meant(tmp_path: Path) -> None:
    text = 'proxy: {http: "http://svc:s3cr-et%40x@10.0.0.1:3128", https: "http://10.0.0.1:3128", no_proxy: "a,b"}\n'
    plan = rendered(tmp_path, text + "stages: [{name: one, run: 'true'}]\n").host_plan
    assert plan["secrets"] == ["s3cr-et%40x", "s3cr-et@x"]
    assert redact.plan(plan)["proxy"]["http"] == "http://svc:***@10.0.0.1:3128"


def test_the_report_key_is_the_servers_own(tmp_path: Path) -> None:
    found = rendered(tmp_path, "report: {url: 'https://deploy:8443/'}\n", secret=SECRET).host_plan["report"]
    assert found == {
        "url": "https://deploy:8443",
        "key": base64.b64encode(server_key(SECRET, "web-1", "d1")).decode(),
    }


def test_a_spec_that_reports_needs_the_secret(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no secret to sign the reports is given"):
        rendered(tmp_path, "report: {url: 'https://deploy:8443/'}\n")


def test_a_stages_digest_follows_what_it_does_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_1", "value-one")
    secrets = "secrets: {token: 'env:TOKEN_1'}\n"
    base = "stages: [{name: one, run: 'true', environment: {A: b}}]\n"
    same = digest(tmp_path, base)
    assert digest(tmp_path, base, server="web-2", deploy_id="d2") == same
    assert digest(tmp_path, base.replace("name: one", "name: one, timeout: 5m")) == same
    changed = [
        base.replace("'true'", "'false'"),
        base.replace("A: b", "A: c"),
        base.replace("name: one", "name: one, user: nobody"),
        "files: [{path: /srv/a, content: x}]\n" + base,
    ]
    assert len({same, *(digest(tmp_path, text) for text in changed)}) == 5
    # A digest of a secret would give a short one away: only that there is one counts.
    hidden = secrets + base.replace("A: b", "A: '{{ token }}'")
    first = digest(tmp_path, hidden)
    monkeypatch.setenv("TOKEN_1", "value-two")
    assert digest(tmp_path, hidden) == first != same


@pytest.mark.fault(16)
@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sh_carries_any_value_through_a_shell(shell: str, value: str) -> None:
    text = jinja.environment().from_string("printf %s {{ value | sh }}").render(value=value)
    done = subprocess.run([*shell.split(), "-c", text], capture_output=True, check=True)
    assert done.stdout == value.encode()


def test_half_a_character_in_a_file_is_told_with_its_place(tmp_path: Path) -> None:
    """Found by fuzzing: Jinja's own texts can spell what no file can hold."""
    with pytest.raises(RenderError) as told:
        rendered(tmp_path, "files: [{path: /srv/a, content: \"{{ '\\\\ud800' }}\"}]\n")
    (problem,) = told.value.problems
    assert (problem.code, str(problem.where)) == ("render.utf8", f"{tmp_path}/web.yaml:3:33")
    assert problem.message == "files[0] is not UTF-8 text"


@pytest.mark.parametrize("key", ["rc.local", "cron"])
def test_an_own_template_that_is_not_utf8_is_told_not_altered(tmp_path: Path, key: str) -> None:
    (tmp_path / "mine.j2").write_bytes(b"#!/bin/sh\n# caf\xe9\n")
    with pytest.raises(RenderError) as told:
        rendered(tmp_path, f"templates: {{{key}: mine.j2}}\n")
    assert "render.utf8" in {problem.code for problem in told.value.problems}


def test_b64_carries_text_and_bytes() -> None:
    text = jinja.environment().from_string("{{ a | b64 }} {{ b | b64 }}").render(a="é", b=b"\xff")
    assert [base64.b64decode(word) for word in text.split()] == ["é".encode(), b"\xff"]


def test_the_cron_entry_waits_for_its_digest(tmp_path: Path) -> None:
    cron = rendered(tmp_path, "").cron
    assert [line.split()[0] for line in cron.splitlines() if " root " in line] == ["@reboot", "*"]
    assert [cron.count(word) for word in ("@FILES@", "@SHA256@", "@MARK@")] == [2, 2, 4]
    assert "%" not in cron and "\\" not in cron


@needs_root
def test_rc_local_runs_its_entries_only_when_the_stages_have_ended(tmp_path: Path) -> None:
    text = """
every_boot:
  - {name: worker, run: "echo worker $GREETING", environment: {GREETING: "it's {{ server }}"}}
  - {name: script, run: "#!/usr/bin/env python3\\nprint('from python')\\n"}
  - {name: other-user, run: id -un, user: nobody}
"""
    rc_local = rendered(tmp_path, text).rc_local
    assert rc_local is not None
    checked = subprocess.run(["shellcheck", "-s", "sh", "-"], input=rc_local, capture_output=True, text=True)
    assert checked.stdout == ""
    # The same text with its places moved: what the body does, without a host.
    moved = rc_local.replace("/var/lib/initialrunner", str(tmp_path)).replace("/run/", f"{tmp_path}/")
    (tmp_path / "logs").mkdir()
    subprocess.run(["dash"], input=moved, text=True, check=True)
    assert list((tmp_path / "logs").iterdir()) == []
    (tmp_path / "every-boot").write_text("d1\n")
    for _ in range(2):
        subprocess.run(["dash"], input=moved, text=True, check=True)
    logs = {path.name: path.read_text() for path in (tmp_path / "logs").iterdir()}
    assert logs == {"worker.log": "worker it's web-1\n", "script.log": "from python\n", "other-user.log": "nobody\n"}


@needs_root
@pytest.mark.fault(135)
def test_rc_local_runs_an_entry_as_a_number_with_an_account_or_without(tmp_path: Path) -> None:
    text = """
every_boot:
  - {name: nobody, run: "id -un; id -gn; id -Gn", user: "65534"}
  - {name: nameless, run: "id -u; id -g; id -G; echo $GREETING", user: "54321", environment: {GREETING: it's}}
  - {name: root, run: id -un, user: "0"}
  - {name: failing, run: exit 3, user: "54321"}
"""
    rc_local = rendered(tmp_path, text).rc_local
    assert rc_local is not None
    checked = subprocess.run(["shellcheck", "-s", "sh", "-"], input=rc_local, capture_output=True, text=True)
    assert checked.stdout == ""
    moved = rc_local.replace("/var/lib/initialrunner", str(tmp_path)).replace("/run/", f"{tmp_path}/")
    (tmp_path / "logs").mkdir()
    (tmp_path / "every-boot").write_text("d1\n")
    subprocess.run(["dash"], input=moved, text=True, check=True)
    logs = {path.name: path.read_text().split() for path in (tmp_path / "logs").iterdir()}
    assert logs == {
        "nobody.log": ["nobody", "nogroup", "nogroup"],
        "nameless.log": ["54321", "54321", "54321", "it's"],
        "root.log": ["root"],
        "failing.log": [],
    }
    # Its own name, not that of what as_id has found.
    assert (tmp_path / "every-boot.failed").read_text().endswith(" failing exit 3\n")


def test_a_spec_may_bring_its_own_trigger_and_rc_local(tmp_path: Path) -> None:
    (tmp_path / "mine.j2").write_text("#!/bin/sh\n# for {{ server }}\n")
    (tmp_path / "cron.j2").write_text("* * * * * root f {{ files }} {{ sha256 }} {{ mark }}\n")
    found = rendered(tmp_path, "templates: {rc.local: mine.j2, cron: cron.j2}\n")
    assert found.rc_local == "#!/bin/sh\n# for web-1\n"
    assert found.cron == "* * * * * root f @FILES@ @SHA256@ @MARK@\n"


def test_a_fleet_shares_itscompiled_templates_and_nothing_else(tmp_path: Path) -> None:
    text = "stages:\n  - name: one\n    run: |\n      {% set who = server %}\n      echo {{ who | sh }}\n"
    texts = [str(rendered(tmp_path, text, server="web-1").host_plan["stages"][0]["text"])]
    compiled = jinja.compiled.cache_info().misses
    texts += [str(rendered(tmp_path, text, server=f"web-{n}").host_plan["stages"][0]["text"]) for n in (2, 3)]
    assert jinja.compiled.cache_info().misses == compiled
    assert [one.split() for one in texts] == [["echo", f"web-{n}"] for n in (1, 2, 3)]


def test_a_group_is_warned_of_templates_that_name_the_server(tmp_path: Path) -> None:
    text = (
        "files:\n  - {path: /etc/a, content: '{{ server }}'}\n  - {path: /etc/b, content: 'server {{ name }}'}\n"
        "stages: [{name: one, run: 'true'}]\n"
    )

    (warning,) = rendered(tmp_path, text, server="web-*").warnings

    assert (warning.code, warning.severity) == ("render.group", "warning")
    assert warning.message == "a template uses server, which is web-* on every member of the group"
    assert warning.where is not None and (warning.where.line, warning.where.column) == (4, 29)
    assert rendered(tmp_path, text).warnings == ()
