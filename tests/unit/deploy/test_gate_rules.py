"""Gates that prove nothing, and commands that cannot run: the whole message, line and column of each."""

from __future__ import annotations

from pathlib import Path

import pytest
from deploy_files import HEAD, lay, problems

from bootstrap.deploy.file import load
from bootstrap.errors import SpecError

POOLS = "pools: [{name: web, port: 8080, listen: 80}]"
HINT = 'write gate: {probe: "http://{address}:8080/ping", contains: "{revision}"}'
NAMES = "the placeholders are: {address}, {port}, {server}, {revision}, {deploy_id}"


def gate(text: str, pools: str = POOLS, spec: str = "db.yaml") -> str:
    return f"{HEAD}tiers:\n  - spec: {spec}\n    {pools or 'count: 1'}\n    gate: {{{text}}}\n"


def probe(url: str, contains: str = "contains: '{revision}'") -> str:
    return gate(f"probe: '{url}', {contains}")


def command(line: str) -> str:
    return gate(f"probe: 'http://{{address}}:80/', contains: '{{server}}', before_swap: {line}")


CASES = [
    ("pools-without-probe", gate(""), 6, 12, "[{name: web, port: 8080, listen: 80}]", "tiers[0].pools: a tier with pools needs a probe, which proves a server before clients reach it", HINT),
    ("no-proof-at-all", gate("", ""), 5, 11, "db.yaml", "tiers[0].spec: nothing would show that a server is healthy: db does not report, and the gate has no probe", f"add report: to the spec, or {HINT}"),
    ("unknown", probe("http://{adress}:80/"), 7, 19, "'http://{adress}:80/'", "tiers[0].gate.probe: unknown placeholder {adress}", "did you mean {address}?"),
    ("unknown-far", probe("http://{address}:80/{q}"), 7, 19, "'http://{address}:80/{q}'", "tiers[0].gate.probe: unknown placeholder {q}", NAMES),
    ("port-without-pools", gate("probe: 'http://{address}:{port}/', contains: '{server}'", ""), 7, 19, "'http://{address}:{port}/'", "tiers[0].gate.probe: {port} is that of the first pool, and this tier has no pools", "write the port itself"),
    ("no-url", probe("{address}:80"), 7, 19, "'{address}:80'", "tiers[0].gate.probe: '{address}:80' is not a URL", "write http://{address}:8080/ping"),
    ("no-http", probe("tcp://{address}:80"), 7, 19, "'tcp://{address}:80'", "tiers[0].gate.probe: 'tcp://{address}:80' is not a URL", "write http://{address}:8080/ping"),
    ("credentials", probe("http://a:b@{address}:80/"), 7, 19, "'http://a:b@{address}:80/'", "tiers[0].gate.probe: the URL contains a name or a password, which would not be sent", "remove everything before the @"),
    ("one-place", probe("http://shop.example/{server}"), 7, 19, "'http://shop.example/{server}'", "tiers[0].gate.probe: it would ask shop.example for every server, whichever answers there", "write {address} in place of the host"),
    ("contains-unknown", probe("http://{address}:80/", "contains: '{revison}'"), 7, 53, "'{revison}'", "tiers[0].gate.contains: unknown placeholder {revison}", "did you mean {revision}?"),
    ("contains-list", probe("http://{address}:80/", "contains: [ok, '{sever}']"), 7, 58, "'{sever}'", "tiers[0].gate.contains[1]: unknown placeholder {sever}", "did you mean {server}?"),
    ("deadline", gate("probe: 'http://{address}:80/', contains: '{server}', stable: 5m, deadline: 2m"), 7, 87, "2m", "tiers[0].gate.deadline: the deadline is over before a server can have been stable", "raise deadline:, or lower stable:"),
    ("no-file", command("./no.sh now"), 7, 78, "./no.sh now", "tiers[0].gate.before_swap: there is no file {folder}/no.sh", "the path is relative to the folder of the deploy file"),
    ("not-executable", command("./plain.sh"), 7, 78, "./plain.sh", "tiers[0].gate.before_swap: {folder}/plain.sh is not executable", "chmod +x {folder}/plain.sh"),
    ("no-program", command("no-such-program-here x"), 7, 78, "no-such-program-here x", "tiers[0].gate.before_swap: no program is called no-such-program-here", "install it, or write its path"),
    ("beside", command("runs.sh"), 7, 78, "runs.sh", "tiers[0].gate.before_swap: no program is called runs.sh", "write ./runs.sh"),
    ("quotes", command("\"it's\""), 7, 78, '"it\'s"', "tiers[0].gate.before_swap: the command cannot be read: no closing quotation", "check its quotes"),
    ("no-command", command("'# later'"), 7, 78, "'# later'", "tiers[0].gate.before_swap: the command is empty", "write a command, or remove the key"),
]  # fmt: skip


def files(folder: Path) -> None:
    (folder / "plain.sh").write_text("#!/bin/sh\n")
    (folder / "runs.sh").write_text("#!/bin/sh\n")
    (folder / "runs.sh").chmod(0o755)


@pytest.mark.parametrize(
    ("text", "line", "column", "word", "message", "hint"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_gate_that_cannot_work_is_refused(
    tmp_path: Path, text: str, line: int, column: int, word: str, message: str, hint: str
) -> None:
    """word: what the caret underlines, from that column on."""
    files(tmp_path)
    reported = problems(tmp_path, text)
    listing = "\n".join(str(problem) for problem in reported)
    assert [p.message for p in reported] == [message.replace("{folder}", str(tmp_path))], listing
    where = reported[0].where
    assert where is not None
    assert (where.line, where.column, reported[0].severity) == (line, column, "error"), listing
    assert where.source[where.column - 1 :][: where.width] == word, listing
    assert reported[0].hint == hint.replace("{folder}", str(tmp_path))


PROOF = "a server with an old revision would pass: nothing in the answer has to be of this roll-out"


@pytest.mark.parametrize(
    ("contains", "key", "column"),
    [("status: 200", "probe", 19), ("contains: ok", "contains", 53), ("contains: [ok, '{address}']", "contains", 53)],
    ids=["nothing", "a-fixed-text", "the-address-may-be-used-again"],
)
def test_a_probe_that_an_old_revision_passes_is_warned_of(tmp_path: Path, contains: str, key: str, column: int) -> None:
    reported = problems(tmp_path, probe("http://{address}:80/", contains))
    assert [(p.message, p.severity, p.hint) for p in reported] == [
        (f"tiers[0].gate.{key}: {PROOF}", "warning", 'write contains: "{revision}"')
    ]
    assert reported[0].where is not None
    assert reported[0].where.column == column


@pytest.mark.parametrize("contains", ["'{revision}'", "'{server}'", "'{deploy_id}'", "[ok, 'v={revision}']"])
def test_a_probe_that_only_this_roll_out_passes_is_good(tmp_path: Path, contains: str) -> None:
    assert problems(tmp_path, probe("http://{address}:{port}/", f"contains: {contains}")) == []


def test_json_is_no_placeholder(tmp_path: Path) -> None:
    json = 'contains: \'{"status":"ok","revision":"{revision}"}\''
    assert problems(tmp_path, probe("http://{address}:80/", json)) == []


@pytest.mark.parametrize("key", ["status: 204", "contains: x"])
def test_a_key_of_a_probe_needs_a_probe(tmp_path: Path, key: str) -> None:
    text = gate(key, "", "talks.yaml").replace("tiers:", "collector: {url: 'https://a'}\ntiers:")
    name = key.partition(":")[0]
    assert [p.message for p in problems(tmp_path, text)] == [f"tiers[0].gate.{name}: only a probe has this key"]


@pytest.mark.parametrize("line", ["./runs.sh --all", "cd sub && ./x.sh", "A=1 ./x.sh", "true", "'[ -e a ] && ./x.sh'"])
def test_a_command_that_can_run_or_that_only_a_shell_can_judge_is_good(tmp_path: Path, line: str) -> None:
    files(tmp_path)
    assert problems(tmp_path, command(line)) == []


def test_a_command_of_an_included_file_is_relative_to_that_file(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    files(tmp_path / "base")
    path = lay(tmp_path, HEAD + "include: base/gate.yaml\ntiers: [{name: db, spec: db.yaml}]\n")
    gate = "{probe: 'http://{address}:80/', contains: '{server}', before_swap: ./runs.sh}"
    (tmp_path / "base/gate.yaml").write_text(f"tiers: [{{name: db, gate: {gate}}}]\n")
    assert load(path).command(0) == f"cd {tmp_path}/base && ./runs.sh"
    (tmp_path / "base/runs.sh").unlink()
    with pytest.raises(SpecError, match=r"there is no file .*/base/runs.sh"):
        load(path)
