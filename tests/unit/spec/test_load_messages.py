"""What is wrong with a spec, where, and how to mend it: the whole message, line and column of each."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import Problem, SpecError, UsageError
from bootstrap.plan.resolve import resolve
from bootstrap.render.render import render
from bootstrap.spec import foreign
from bootstrap.spec.load import load
from bootstrap.spec.models import File, Script, SpecModel, Stage

HEAD = "version: 1\nname: web\n"
CLOUD = "this key is cloud-init's: pass the cloud-config with --user-data FILE, or "
FOREIGN = pytest.mark.fault(137)
WHOLE = {"cloud-config": "#cloud-config\nusers: [ann]\n", "script": "#!/bin/sh\nset -eu: no\n"}
STAGE = "stages:\n  - {name: one, run: 'true', "
FILE = "files:\n  - {path: /srv/a, content: x, "


def problems(folder: Path, text: str, **options: object) -> list[Problem]:
    """Everything wrong with a spec, rendering included."""
    path = folder / "web.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        spec = load(path, **options)  # type: ignore[arg-type]
        render(resolve(spec, server="web-1", deploy_id="d1"), secret=bytes(32))
    except SpecError as error:
        return list(error.problems)
    return []


def case(
    name: str, body: str | None, line: int, column: int, message: str, hint: str | None = None, marks: Any = ()
) -> object:
    return pytest.param(WHOLE[name] if body is None else HEAD + body, line, column, message, hint, id=name, marks=marks)


CASES = [
    case("unknown-key", "stagse: []\n", 3, 1, "unknown key stagse", "did you mean stages?"),
    case("users", "users: [ann]\n", 3, 1, "unknown key users", CLOUD + "write a stage: stages: [{name: users, run: useradd -m NAME}]", FOREIGN),
    case("hostname", "hostname: web-1\n", 3, 1, "unknown key hostname", CLOUD + "write a stage: stages: [{name: hostname, run: hostnamectl set-hostname NAME}]", FOREIGN),
    case("packages", "packages: [git]\n", 3, 1, "unknown key packages", CLOUD + "write a stage: stages: [{name: packages, run: apt-get update && apt-get -y install NAME}]", FOREIGN),
    case("runcmd", "runcmd: [ls]\n", 3, 1, "unknown key runcmd", CLOUD + "write a stage: stages: [{name: runcmd, run: COMMANDS}]", FOREIGN),
    case("mounts", "mounts: []\n", 3, 1, "unknown key mounts", CLOUD + "write a stage: stages: [{name: mounts, run: mount DEVICE FOLDER}]", FOREIGN),
    case("write-files", "write_files: []\n", 3, 1, "unknown key write_files", "write files: [{path: PATH, content: TEXT}]", FOREIGN),
    case("ssh-keys", "ssh_authorized_keys: []\n", 3, 1, "unknown key ssh_authorized_keys", CLOUD + "do it in a stage", FOREIGN),
    case("power-state", "power_state: {}\n", 3, 1, "unknown key power_state", "write reboot: after in a stage", FOREIGN),
    case("services", "services: []\n", 3, 1, "unknown key services", "write a stage: stages: [{name: services, run: systemctl enable --now UNIT}]", FOREIGN),
    case("environment-above", "environment: {}\n", 3, 1, "unknown key environment", "each stage has its own environment:", FOREIGN),
    case("permissions", FILE + "permissions: '0644'}\n", 4, 32, "files[0]: unknown key permissions", 'write mode: "0644"', FOREIGN),
    case("defer", FILE + "defer: true}\n", 4, 32, "files[0]: unknown key defer", "write after: STAGE", FOREIGN),
    case("depends-on", STAGE + "depends_on: a}\n", 4, 30, "stages[0]: unknown key depends_on", "stages run in their order; write needs: for what comes from outside", FOREIGN),
    case("cloud-config", None, 1, 1, "the file is a cloud-config for cloud-init, not a spec", "pass it beside a spec: bootstrap render SPEC ... --user-data {folder}/web.yaml", FOREIGN),
    case("script", None, 1, 1, "the file is a script, not a spec", "name it in a spec: stages: [{name: setup, script: web.yaml}]", FOREIGN),
    case("status-list", "health: {checks: [{http: 'http://a/', status: [200, 301]}]}\n", 3, 47, "health.checks[0].status: must be text, not a list", "write one number: status: 200", FOREIGN),
    case("run-words", "stages:\n  - {name: one, run: [echo, hi]}\n", 4, 22, "stages[0].run: must be text, not a list", "write one text: run: echo hi", FOREIGN),
    case("run-lines", "stages:\n  - {name: one, run: [apt-get update, ls]}\n", 4, 22, "stages[0].run: must be text, not a list", "write run: | and each command on a line of its own below it", FOREIGN),
    case("verify-words", STAGE + "verify: [test, -e, /a b]}\n", 4, 38, "stages[0].verify: must be text, not a list", "write verify: | and each command on a line of its own below it", FOREIGN),
    case("text-list", "stages:\n  - {name: one, run: 'true', user: [a]}\n", 4, 36, "stages[0].user: must be text, not a list", "write one text", FOREIGN),
    case("proxy-scheme", "proxy: {http: 'socks5://proxy:1080'}\n", 3, 15, "proxy.http: 'socks5://proxy:1080' is not a URL", "write http://HOST:PORT"),
    case("proxy-host", "proxy: {http: 'http://:3128'}\n", 3, 15, "proxy.http: 'http://:3128' is not a URL", "write http://HOST:PORT"),
    case("proxy-word", "proxy: {https: 'proxy:3128'}\n", 3, 16, "proxy.https: 'proxy:3128' is not a URL", "write http://HOST:PORT"),
    case("secrets-word", "secrets: {django: 'file:web.yaml'}\nfiles:\n  - {path: /a, content: '{{ secrets.django }}', secret: true}\n", 5, 29, "files[0]: 'secrets' is undefined", "write {{ django }}: a template uses values and secrets by their own names", FOREIGN),
    case("values-word", "values: {port: 1}\nstages:\n  - name: one\n    run: |\n      echo {{ values['port'] }}\n", 7, 15, "stages[0]: 'values' is undefined", "write {{ port }}: a template uses values and secrets by their own names", FOREIGN),
    case("secret-used-twice", "secrets: {token: 'env:NO_SUCH_VARIABLE'}\nfiles:\n  - {path: /a, content: '{{ token }}', secret: true}\n  - {path: /b, content: '{{ token }}', secret: true}\n", 3, 18, "secrets.token: NO_SUCH_VARIABLE is not in the environment", "export NO_SUCH_VARIABLE=...", FOREIGN),
    case("unknown-key-far", "zzz: 1\n", 3, 1, "unknown key zzz"),
    case("duplicate-key", "name: other\n", 3, 1, "name is given twice", "the first is on line 2"),
    case("duplicate-in-flow", STAGE + "timeout: 1s, timeout: 2s}\n", 4, 43, "timeout is given twice"),
    case("no-unit", STAGE + "timeout: 90}\n", 4, 39, "stages[0].timeout: '90' has no unit", "write 90s, 90m or 90h"),
    case("sexagesimal", STAGE + "timeout: 1:30}\n", 4, 39, "stages[0].timeout: '1:30' is not a duration"),
    case("wrong-unit", STAGE + "timeout: 3 weeks}\n", 4, 39, "stages[0].timeout: '3 weeks' is not a duration"),
    case("mode-unquoted", FILE + "mode: 0644}\n", 4, 38, "files[0].mode: 0644 must be quoted: YAML reads it as another number", 'write "0644"'),
    case("mode-nonsense", FILE + "mode: 'rw'}\n", 4, 38, "files[0].mode: 'rw' is not an octal mode"),
    case("bool-word", FILE + "secret: yes}\n", 4, 40, "files[0].secret: 'yes' is neither true nor false", "write true or false"),
    case("text-is-a-map", "files:\n  - {path: /a, content: {a: b}}\n", 4, 25, "files[0].content: must be text, not a map"),
    case("list-is-a-map", "files: {}\n", 3, 8, "files: must be a list", "write [one, two] or lines that begin with -"),
    case("map-is-text", "health: yes\n", 3, 9, "health: must be a map", "write key: value"),
    case("no-value", "files:\n  - {path: /a, content: }\n", 4, 25, "files[0].content: has no value"),
    case("relative-path", "files:\n  - {path: etc/a, content: x}\n", 4, 12, "files[0].path: 'etc/a' is not absolute", "write /etc/a"),
    case("dots", "files:\n  - {path: /srv/../etc/shadow, content: x}\n", 4, 12, "files[0].path: '/srv/../etc/shadow' contains `.`, `..` or a double slash"),
    case("comma", "files:\n  - {path: '/srv/a,b', content: x}\n", 4, 12, "files[0].path: '/srv/a,b' contains a comma; an injection agent cuts the path there"),
    case("newline", 'files:\n  - {path: "/srv/a\\nb", content: x}\n', 4, 12, "files[0].path: '/srv/a\\nb' contains a newline"),
    case("nul", 'files:\n  - {path: "/srv/a\\0b", content: x}\n', 4, 12, "files[0].path: '/srv/a\\x00b' contains a NUL"),
    case("folder", "files:\n  - {path: /srv/, content: x}\n", 4, 12, "files[0].path: '/srv/' is a folder"),
    case("long-path", f"files:\n  - {{path: /{'a' * 255}, content: x}}\n", 4, 12, "files[0].path: the path has 256 bytes, and the limit is 255"),
    case("own-path", "files:\n  - {path: /etc/cron.d/initialrunner, content: x}\n", 4, 12, "files[0].path: /etc/cron.d/initialrunner belongs to the runner"),
    case("same-path-twice", FILE + "mode: '0600'}\n  - {path: /srv/a, content: y}\n", 5, 12, "files[1].path: files[0] already writes /srv/a"),
    case("nothing-to-place", "files:\n  - {path: /srv/a}\n", 4, 5, "files[0]: give exactly one of template, source, content or fetch; this has none"),
    case("two-to-place", FILE + "source: y}\n", 4, 5, "files[0]: give exactly one of template, source, content or fetch; this has source and content"),
    case("missing-source", "files:\n  - {path: /srv/a, source: nope}\n", 4, 28, "files[0].source: no such file: {folder}/nope", "the path is relative to the folder of web.yaml"),
    case("missing-template", "files:\n  - {path: /srv/a, template: nope.j2}\n", 4, 30, "files[0].template: no such file: {folder}/nope.j2"),
    case("missing-script", "stages:\n  - {name: one, script: nope.sh}\n", 4, 25, "stages[0].script: no such file: {folder}/nope.sh"),
    case("owner", FILE + "owner: root}\n", 4, 39, "files[0].owner: 'root' is not user:group", "write root:root"),
    case("open-secret", FILE + "secret: true, mode: '0644'}\n", 4, 52, "files[0].mode: other users could read this secret file"),
    case("keep-of-no-secret", FILE + "keep: false}\n", 4, 38, "files[0].keep: only a secret file can be removed after success"),
    case("injected-secret", FILE + "secret: true, deliver: inject}\n", 4, 55, "files[0].deliver: an injected file arrives readable by other users, and this one is secret"),
    case("deliver-word", FILE + "deliver: injct}\n", 4, 41, "files[0].deliver: 'injct' is not one of bundle, inject", "did you mean inject?"),
    case("digest", "files:\n  - {path: /a, fetch: {url: 'https://x/y', sha256: abc}}\n", 4, 52, "files[0].fetch.sha256: 'abc' is not a SHA-256"),
    case("fetch-in-the-clear", "files:\n  - {path: /a, fetch: {url: 'http://x/y', sha256: " + "a" * 64 + "}}\n", 4, 29, "files[0].fetch.url: 'http://x/y' is neither https:// nor swift://"),
    case("missing-name", "stages:\n  - {run: 'true'}\n", 4, 6, "stages[0]: name is missing", "add name:"),
    case("misspelt-name", "stages:\n  - {nam: one, run: 'true'}\n", 4, 6, "stages[0]: unknown key nam", "did you mean name?"),
    case("nothing-to-run", "stages:\n  - {name: one}\n", 4, 5, "stages[0]: give exactly one of run, script or template; this has none"),
    case("bad-name", "stages:\n  - {name: a/b, run: 'true'}\n", 4, 12, "stages[0].name: 'a/b' is not a name"),
    case("same-name", STAGE + "}\n  - {name: one, run: 'true'}\n", 5, 12, "stages[1].name: stages[0] already has the name one"),
    case("own-name", "stages:\n  - {name: health, run: 'true'}\n", 4, 12, "stages[0].name: health is a name that the runner uses itself"),
    case("attempts", STAGE + "retry: {attempts: 0}}\n", 4, 48, "stages[0].retry.attempts: 0 is too small", "1 is the least"),
    case("not-a-number", STAGE + "retry: {attempts: many}}\n", 4, 48, "stages[0].retry.attempts: 'many' is not a whole number"),
    case("retry-key", STAGE + "retry: {attemps: 3}}\n", 4, 38, "stages[0].retry: unknown key attemps", "did you mean attempts?"),
    case("delay", STAGE + "retry: {delay: 10m}}\n", 4, 45, "stages[0].retry.delay: the delay is longer than max_delay"),
    case("need-word", STAGE + "needs: [netwrk]}\n", 4, 38, "stages[0].needs[0]: 'netwrk' is not something that a stage can need"),
    case("need-tcp", STAGE + "needs: [{tcp: db}]}\n", 4, 44, "stages[0].needs[0].tcp: 'db' is not HOST:PORT"),
    case("need-server", STAGE + "needs: [{server: db-1}]}\n", 4, 38, "stages[0].needs[0]: only a collector knows the health of db-1", "add report:"),
    case("variable-name", STAGE + "environment: {A-B: x}}\n", 4, 44, "stages[0].environment.A-B: 'A-B' is not the name of a variable"),
    case("reboot-word", STAGE + "reboot: afer}\n", 4, 38, "stages[0].reboot: 'afer' is not one of never, after, if-required", "did you mean after?"),
    case("wait-for-what", "wait_for:\n  - {path: /a}\n", 4, 12, "wait_for[0]: the spec does not say when /a is complete"),
    case("size-unit", "wait_for:\n  - {path: /a, min_size: 100}\n", 4, 26, "wait_for[0].min_size: '100' has no unit", "write 100B, 100KiB or 100MiB"),
    case("check-kinds", "health: {checks: [{tcp: 'a:1', unit: b}]}\n", 3, 19, "health.checks[0]: give exactly one of http, tcp, unit, process, command, file, disk or memory; this has tcp and unit"),
    case("check-url-credentials", "health: {checks: [{http: 'http://a:b@localhost/'}]}\n", 3, 26, "health.checks[0].http: the URL contains a name or a password, which would not be sent", "remove everything before the @"),
    case("report-url-credentials", "report: {url: 'https://a:b@deploy.internal'}\n", 3, 15, "report.url: the URL contains a name or a password, which would not be sent", "remove everything before the @"),
    case("fetch-credentials", "files:\n  - {path: /a, fetch: {url: 'https://a:b@x/y', sha256: " + "a" * 64 + "}}\n", 4, 29, "files[0].fetch.url: the URL contains a name or a password, which would not be sent", "publish the file, or let a stage get it"),
    case("check-url", "health: {checks: [{http: localhost}]}\n", 3, 26, "health.checks[0].http: 'localhost' is not a URL"),
    case("check-url-capitals", "health: {checks: [{http: 'HTTPS://a/'}]}\n", 3, 26, "health.checks[0].http: 'HTTPS://a/' is not a URL"),
    case("check-url-query", "health: {checks: [{http: 'http://a?x=1'}]}\n", 3, 26, "health.checks[0].http: 'http://a?x=1' is not a URL"),
    case("check-url-part", "health: {checks: [{http: 'http://a/#x'}]}\n", 3, 26, "health.checks[0].http: 'http://a/#x' is not a URL"),
    case("check-url-port", "health: {checks: [{http: 'http://a:/'}]}\n", 3, 26, "health.checks[0].http: 'http://a:/' is not a URL"),
    case("check-url-line-end", 'health: {checks: [{http: "http://a/\\nb"}]}\n', 3, 26, "health.checks[0].http: 'http://a/\\nb' is not a URL"),
    case("check-url-host", "health: {checks: [{http: 'http://ä.example/'}]}\n", 3, 26, "health.checks[0].http: 'http://ä.example/' is not a URL"),
    case("status-of-tcp", "health: {checks: [{tcp: 'a:1', status: 200}]}\n", 3, 40, "health.checks[0].status: only an http check has this key"),
    case("report-url", "report: {url: deploy.internal}\n", 3, 15, "report.url: 'deploy.internal' is not a URL", "write https://HOST:PORT/PATH"),
    case("built-in-value", "values: {server: x}\n", 3, 18, "values.server: server is a built-in value"),
    case("secret-source", "secrets: {token: abc}\n", 3, 18, "secrets.token: 'abc' is not a source of a secret", "write env:NAME or file:PATH"),
    case("secret-not-set", "secrets: {token: 'env:NO_SUCH_VARIABLE'}\n", 3, 18, "secrets.token: NO_SUCH_VARIABLE is not in the environment"),
    case("version", "version: 1\n", 3, 1, "version is given twice"),
    case("yaml", "stages: [\n", 3, 10, "not YAML: did not find expected node content"),
    case("forbidden-character", "values: {a: 日本\x1f}\n", 3, 15, "not YAML: control characters are not allowed: '\\x1f'"),
    case("value-after-the-end", "values: {a: 1}\n?", 4, 2, "unknown key "),
    case("undefined", "stages:\n  - {name: one, run: 'echo {{ brnch }}'}\nvalues: {branch: x}\n", 4, 31, "stages[0]: 'brnch' is undefined", "did you mean branch?", marks=pytest.mark.fault(18)),
    case("undefined-in-block", "stages:\n  - name: one\n    run: |\n      true\n      echo {{ gone }}\n", 7, 15, "stages[0]: 'gone' is undefined", marks=pytest.mark.fault(18)),
    case("jinja-syntax", "stages:\n  - {name: one, run: 'echo {% if %}'}\n", 4, 22, "stages[0]: Expected an expression, got 'end of statement block'"),
    case("empty-stage", "stages:\n  - {name: one, run: ''}\n", 4, 22, "stages[0] is empty: an empty script succeeds without doing anything"),
    case("no-shebang", FILE + "mode: '0755'}\n", 4, 12, "files[0] is executable and has no #! line: the kernel would refuse it (Exec format error)", marks=pytest.mark.fault(13)),
    case("relative-shebang", "stages:\n  - {name: one, run: '#!python3'}\n", 4, 22, "stages[0]: '#!python3' does not name an interpreter by its full path", "write #!/bin/sh"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "line", "column", "message", "hint"), CASES)
def test_one_mistake_is_one_message_at_its_place(
    tmp_path: Path, body: str, line: int, column: int, message: str, hint: str | None
) -> None:
    (found,) = problems(tmp_path, body)
    assert found.message == message.replace("{folder}", str(tmp_path))
    assert found.where is not None and (found.where.line, found.where.column) == (line, column)
    if hint is not None:
        assert found.hint == hint.replace("{folder}", str(tmp_path))


def test_all_problems_of_a_file_come_at_once_in_its_order(tmp_path: Path) -> None:
    text = HEAD + (
        "deadline: 90\n"
        "files:\n"
        "  - {path: a, content: x}\n"
        "stages:\n"
        "  - {name: one, run: 'true', timeout: 5}\n"
        "  - {nam: two, run: 'true'}\n"
        "helth: {}\n"
    )
    found = problems(tmp_path, text)
    assert [(p.where.line, p.code) for p in found if p.where] == [
        (3, "spec.unit"),
        (5, "spec.path"),
        (7, "spec.unit"),
        (8, "spec.unknown-key"),
        (9, "spec.unknown-key"),
    ]


def test_the_whole_text_of_a_message(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, HEAD + "stages:\n  - name: packages\n    run: 'true'\n    timeout: 90\n")
    assert str(found) == (
        f"{tmp_path}/web.yaml:6:14: error[spec.unit]: stages[0].timeout: '90' has no unit\n"
        "    6 |     timeout: 90\n"
        "      |              ^^ write 90s, 90m or 90h"
    )


def test_a_byte_order_mark_is_named(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "\ufeff" + HEAD)
    assert (found.code, found.message) == ("spec.bom", "the file begins with a byte order mark")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"#!/bin/sh\r\ntrue\r\n", "stages[0]: {path} has CRLF line ends, first on line 1: "
         "the kernel would look for an interpreter whose name ends in a carriage return"),
        (b"\xef\xbb\xbf#!/bin/sh\ntrue\n", "stages[0]: {path} begins with a byte order mark"),
        (b"#!/bin/sh\n\0\n", "stages[0]: {path} contains a NUL byte"),
        (b"", "stages[0]: {path} is empty: an empty script succeeds without doing anything"),
    ],
    ids=["crlf", "bom", "nul", "empty"],
)  # fmt: skip
def test_a_script_that_would_not_run_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    script = tmp_path / "one.sh"
    script.write_bytes(content)
    (found,) = problems(tmp_path, HEAD + "stages: [{name: one, script: one.sh}]\n")
    assert found.message == message.replace("{path}", str(script))


@pytest.mark.fault(18)
def test_an_undefined_value_in_a_template_file_has_the_line_of_that_file(tmp_path: Path) -> None:
    (tmp_path / "site.j2").write_text("one\ntwo {{ nothing }}\n")
    (found,) = problems(tmp_path, HEAD + "files: [{path: /srv/a, template: site.j2}]\n")
    assert found.where is not None
    assert (found.where.file, found.where.line, found.where.column) == (str(tmp_path / "site.j2"), 2, 8)


def test_a_circle_of_includes_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("include: web.yaml\n")
    (found,) = problems(tmp_path, "include: base.yaml\n" + HEAD)
    assert found.message == "include: the files include each other in a circle: web.yaml -> base.yaml -> web.yaml"


def test_a_missing_include_is_named(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, HEAD + "include: [none.yaml]\n")
    assert found.message == f"include: cannot read {tmp_path}/none.yaml: No such file or directory"


def test_a_problem_in_an_included_file_is_told_there(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("deadline: 5\n")
    (found,) = problems(tmp_path, HEAD + "include: base.yaml\n")
    assert found.where is not None and str(found.where) == f"{tmp_path}/base.yaml:1:11"


def test_a_file_that_cannot_be_read_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*/none\.yaml: No such file"):
        load(tmp_path / "none.yaml")


def test_a_secret_in_a_stage_or_an_open_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_TOKEN", "hunter2hunter2")
    head = HEAD + "secrets: {token: 'env:WEB_TOKEN'}\n"
    body = "files: [{path: /srv/a, content: '{{ token }}'}]\nstages: [{name: one, run: 'echo {{ token }}'}]\n"
    found = problems(tmp_path, head + body)
    assert [p.message for p in found] == ["files[0]: contains the secret token", "stages[0]: contains the secret token"]
    good = "files: [{path: /srv/a, content: '{{ token }}', secret: true}]\n"
    good += "stages: [{name: one, run: 'test -n \"$T\"', environment: {T: '{{ token }}'}}]\n"
    assert problems(tmp_path, head + good) == []


@pytest.mark.fault(137)
def test_a_key_of_another_tool_is_not_taken_for_one_of_ours_that_is_missing(tmp_path: Path) -> None:
    found = problems(tmp_path, "version: 1\nhostname: web-1\n")
    assert [p.message for p in found] == ["name is missing", "unknown key hostname"]


@pytest.mark.fault(137)
def test_every_key_that_is_known_from_elsewhere_is_none_of_ours() -> None:
    keys = {info.alias or name for name, info in SpecModel.model_fields.items()}
    assert [key for key in sorted(keys) if foreign.key_hint((), key)] == []
    for above, model in ((("files", 0), File), (("stages", 0), Stage), (("every_boot", 0), Script)):
        assert [key for key in model.model_fields if foreign.key_hint(above, key)] == []


def test_a_spec_may_be_read_from_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    thread = threading.Thread(target=pipe.write_text, args=(HEAD,))
    thread.start()
    assert load(pipe).name == "web"
    thread.join()


@pytest.mark.fault(136)
@pytest.mark.parametrize(
    ("body", "pair"),
    [
        ("stages:\n  - name: one\n    run: >\n      echo one\n      touch /srv/x\n", "`echo one` and `touch /srv/x`"),
        ("stages:\n  - name: one\n    run: >-\n      set -e\n\n      a b\n      echo c\n", "`a b` and `echo c`"),
        ("stages:\n  - name: one\n    run: echo one\n      echo two\n", "`echo one` and `echo two`"),
        ("stages:\n  - name: one\n    run: 'tool a\n      tool b'\n", "`'tool a` and `tool b'`"),
        ("stages:\n  - name: one\n    run: >\n      apt-get -y install \\\n      git\n", "`apt-get -y install \\` and `git`"),
        ("stages:\n  - name: one\n    run: >\n      ls  # all\n      # then\n", "`ls  # all` and `# then`"),
        ("stages:\n  - name: one\n    run: >\n      if true\n      then true; fi\n", "`if true` and `then true; fi`"),
        ("stages:\n  - name: one\n    run: ls\n    verify: >\n      test -e /a\n      test -e /b\n", "`test -e /a` and `test -e /b`"),
        ("every_boot:\n  - name: one\n    run: >\n      cd /srv\n      rm x\n", "`cd /srv` and `rm x`"),
    ],
)  # fmt: skip
def test_lines_that_yaml_folds_into_one_command_are_warned_of(tmp_path: Path, body: str, pair: str) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(HEAD + body + "health: {checks: [{file: /a}]}\n")
    (warning,) = load(path).warnings
    key = "stages[0].verify" if "verify" in body else "every_boot[0].run" if "every_boot" in body else "stages[0].run"
    assert warning.message == f"{key}: YAML joins {pair} into one line"
    assert warning.hint == f"write {key.split('.')[1]}: | to keep the lines"


@pytest.mark.parametrize(
    "text",
    [
        "|\n      echo one\n      echo two\n",
        ">\n      apt-get -y install\n      git\n      curl\n",
        ">\n      echo one &&\n      echo two ;\n      echo three |\n      cat\n",
        ">\n      tool --a\n      --b\n      && echo two\n      > /srv/log\n",
        ">\n      echo one\n\n      echo two\n",
        ">\n      for x in a b; do\n        echo $x\n      done\n",
        "apt-get -y install\n      git\n",
    ],
)
def test_lines_that_are_one_command_are_not_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(HEAD + f"stages:\n  - name: one\n    run: {text}health: {{checks: [{{file: /a}}]}}\n")
    assert load(path).warnings == ()


def test_a_proxy_with_a_password_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    body = "proxy:\n  http: 'http://proxy:3128'\n  https: 'http://svc:s3cr-et%40x@proxy:3128'\n"
    path.write_text(HEAD + body + "health: {checks: [{file: /a}]}\n")
    (warning,) = load(path).warnings
    assert warning.message == (
        "proxy.https: every program that a stage starts can read the password in its environment"
    )
    assert warning.where is not None and (warning.where.line, warning.where.column) == (5, 10)


def test_warnings_do_not_stop_a_load(tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(HEAD + "report: {url: 'http://deploy.internal:8080'}\nhealth: {checks: [{file: /a}]}\n")
    (warning,) = load(path).warnings
    assert warning.message == "report.url: reports go to deploy.internal unencrypted: they are signed, but others can read them"
