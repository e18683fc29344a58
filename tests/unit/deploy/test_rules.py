"""What is wrong with a deploy file, where, and how to mend it: the whole message, line and column of each."""

from __future__ import annotations

from pathlib import Path

import pytest
from deploy_files import GATE, HEAD, problems

POOLS = "pools: [{name: web, port: 8080, listen: 80}]"
WEB = f"  - {{spec: web.yaml, {GATE}"


def case(
    name: str, text: str, line: int, column: int, word: str, message: str, hint: str | None = None,
    severity: str = "error",
) -> object:  # fmt: skip
    """One mistake. word: what the caret underlines, from that column on."""
    return pytest.param(text, line, column, word, message, hint, severity, id=name)


def tiers(*lines: str) -> str:
    return HEAD + "tiers:\n" + "".join(f"{line}\n" for line in lines)


def cloud(text: str) -> str:
    return f"version: 1\nname: shop\ncloud: {text}\ntiers:\n{WEB}, {POOLS}}}\n"


KEYS = "the keys here are: version, name, include, values, cloud, collector, tiers"
CASES = [
    # The format: keys, types, and words of other places.
    case("unknown-key", HEAD + "tieres: []\n", 4, 1, "tieres", "unknown key tieres", "did you mean tiers?"),
    case("unknown-far", tiers(WEB + "}") + "zzz: 1\n", 6, 1, "zzz", "unknown key zzz", KEYS),
    case("duplicate-key", tiers(WEB + "}") + "name: b\n", 6, 1, "name", "name is given twice", "the first is on line 2"),
    case("missing", "version: 1\nname: shop\ntiers: []\n", 1, 1, "version", "cloud is missing", "add cloud:"),
    case("key-of-a-spec", tiers(WEB + "}") + "report: {}\n", 6, 1, "report", "unknown key report", "this key belongs in a spec, which a tier names: spec: FILE"),
    case("tier-key-above", tiers(WEB + "}") + "count: 2\n", 6, 1, "count", "unknown key count", "each tier has its own count:"),
    case("image-in-tier", tiers(WEB + ", image: a}"), 5, 91, "image", "tiers[0]: unknown key image", "write server: {image: NAME}"),
    case("probe-in-tier", tiers("  - {spec: web.yaml, probe: x}"), 5, 22, "probe", "tiers[0]: unknown key probe", "write gate: {probe: URL}"),
    case("replicas", tiers("  - {spec: web.yaml, replicas: 2}"), 5, 22, "replicas", "tiers[0]: unknown key replicas", "write count:"),
    case("gate-key", tiers("  - {spec: web.yaml, gate: {prob: x}}"), 5, 29, "prob", "tiers[0].gate: unknown key prob", "did you mean probe?"),
    case("pool-key", tiers(WEB + ", pools: [{name: a, prt: 1}]}"), 5, 109, "prt", "tiers[0].pools[0]: unknown key prt", "did you mean port?"),
    case("no-yaml", "version: [\n", 1, 11, "", "not YAML: did not find expected node content", "check the quotes, the colons and the indentation"),
    case("empty", "", 1, 1, "", "the file is empty", "start with `version: 1`, `name: ...`, `cloud: {servers: ...}`, `tiers: [{spec: ...}]`"),
    case("spec", "version: 1\nname: web\nstages: []\n", 1, 1, "version: 1", "the file is a spec, not a deploy file", "name the deploy file, which names this spec in its tiers: [{spec: shop.yaml}]"),
    case("version", HEAD.replace("1", "2", 1) + "tiers: []\n", 1, 10, "2", "version: the deploy file has version '2', which this program cannot read", "write 1"),
    case("tiers-map", HEAD + "tiers: {}\n", 4, 8, "{}", "tiers: must be a list", "write [one, two] or lines that begin with -"),
    case("no-tiers", HEAD + "tiers: []\n", 4, 8, "[]", "tiers: the deploy file has no tiers", "write tiers: [{spec: FILE}]"),
    # Values of one key.
    case("name-dot", "version: 1\nname: a.b\ncloud: {servers: sim}\ntiers: []\n", 2, 7, "a.b", "name: 'a.b' cannot be a part of the names of servers", "use letters, digits and dashes; at most 40 characters, a letter or digit at both ends"),
    case("count-zero", tiers(WEB + ", count: 0}"), 5, 98, "0", "tiers[0].count: 0 is too small", "1 is the least"),
    case("count-large", tiers(WEB + ", count: 1001}"), 5, 98, "1001", "tiers[0].count: 1001 is too large", "1000 is the most"),
    case("count-word", tiers(WEB + ", count: two}"), 5, 98, "two", "tiers[0].count: 'two' is not a whole number", "write digits, such as 3"),
    case("batch-word", tiers(WEB + ", batch: half}"), 5, 98, "half", "tiers[0].batch: 'half' is neither all nor a number", "write all, or a number such as 1"),
    case("batch-zero", tiers(WEB + ", batch: 0}"), 5, 98, "0", "tiers[0].batch: 0 is too small", "1 is the least"),
    case("drain-unit", tiers(WEB + ", drain: 60}"), 5, 98, "60", "tiers[0].drain: '60' has no unit", "write 60s, 60m or 60h"),
    case("keep-old-unit", tiers(WEB + ", keep_old: 10 m}"), 5, 101, "10 m", "tiers[0].keep_old: '10 m' is not a duration", "write a number and ms, s, m, h or d: 90s"),
    case("port", tiers(WEB + ", pools: [{name: a, port: 70000}]}"), 5, 115, "70000", "tiers[0].pools[0].port: 70000 is not a port", "write a number from 1 to 65535"),
    case("status", tiers('  - {spec: web.yaml, gate: {probe: "http://{address}/", contains: "{server}", status: 20}}'), 5, 87, "20", "tiers[0].gate.status: 20 is not a status of HTTP", "write 200"),
    case("contains-empty", tiers('  - {spec: web.yaml, gate: {probe: "http://{address}/", contains: ["{server}", ""]}}'), 5, 67, '["{server}", ""]', "tiers[0].gate.contains: contains an empty text, which every answer contains", "write what it contains"),
    case("contains-map", tiers('  - {spec: web.yaml, gate: {probe: "http://{address}/", contains: {a: b}}}'), 5, 67, "{a: b}", "tiers[0].gate.contains: must be text, not a map"),
    case("server-list", tiers(WEB + ", server: [a]}"), 5, 99, "[a]", "tiers[0].server: must be a map of names to values", "write {key: value}"),
    # The cloud.
    case("driver", cloud("{servers: opnstack, pool: octavia}"), 3, 18, "opnstack", "cloud.servers: 'opnstack' is not one of openstack, local, sim", "did you mean openstack?"),
    case("driver-kind", cloud("{servers: haproxy, pool: haproxy}"), 3, 18, "haproxy", "cloud.servers: 'haproxy' is not one of openstack, local, sim", "write openstack, local or sim"),
    case("no-pool-driver", cloud("{servers: sim}"), 5, 98, "[{name: web, port: 8080, listen: 80}]", "tiers[0].pools: no driver is named that has pools", "write cloud: {pool: DRIVER}"),
    case("no-settings", cloud("{servers: openstack, pool: haproxy}"), 3, 35, "haproxy", "cloud.pool: the driver haproxy has no settings", "write cloud: {haproxy: {...}}"),
    case("sim-and-real", cloud("{servers: sim, pool: haproxy, haproxy: {config: a, socket: b}}"), 3, 29, "haproxy", "cloud.pool: haproxy cannot balance the servers of sim", "write sim for both"),
    case("real-and-sim", cloud("{servers: openstack, pool: sim}"), 3, 35, "sim", "cloud.pool: sim cannot balance the servers of openstack", "write sim for both"),
    case("settings-key", cloud("{servers: openstack, pool: octavia, openstack: {clod: a}}"), 3, 56, "clod", "cloud.openstack: unknown key clod", "did you mean cloud?"),
    case("settings-of-none", cloud("{servers: sim, pool: sim, ec2: {}}"), 3, 34, "ec2", "cloud: unknown key ec2"),
    case("provider", cloud("{servers: openstack, pool: octavia, openstack: {provider: ec2}}"), 3, 66, "ec2", "cloud.openstack.provider: 'ec2' is not one of nova, rackspace", "write nova or rackspace"),
    case("no-time", cloud("{servers: openstack, pool: octavia, octavia: {monitor: {interval: 0s}}}"), 3, 74, "0s", "cloud.octavia.monitor.interval: '0s' is too short", "write more than nothing, such as 1s"),
    case("no-socket", cloud("{servers: local, pool: haproxy, local: {root: /r}, haproxy: {config: a}}"), 3, 69, "config", "cloud.haproxy: socket is missing", "add socket:"),
    # Names.
    case("tier-twice", tiers(WEB + "}", WEB + "}"), 6, 12, "web.yaml", "tiers[1].spec: tiers[0] already has the name web", "give the tier a name of its own: name: NAME"),
    case("tier-named-twice", tiers(WEB + "}", WEB.replace("{", "{name: web, ", 1) + "}"), 6, 12, "web", "tiers[1].name: tiers[0] already has the name web", "give the tier a name of its own: name: NAME"),
    case("spec-name", tiers(WEB.replace("web.yaml", "under_score.yaml") + "}"), 5, 12, "under_score.yaml", "tiers[0].spec: the spec's name under_score cannot be a part of the names of servers", "give the tier a name of letters, digits and dashes: name: NAME"),
    case("long-name", tiers(WEB.replace("{", "{name: " + "a" * 40 + ", ", 1) + "}").replace("shop", "b" * 15), 5, 12, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", f"tiers[0].name: a server's name would have 68 characters, such as {'b' * 15}-{'a' * 40}-1-abcdef-99", "63 is the most: shorten the name of the tier or of the file"),
    case("pool-twice", tiers(WEB + ", pools: [{name: a, port: 1}, {name: a, port: 2}]}"), 5, 126, "a", "tiers[0].pools[1].name: tiers[0].pools[0] already has the name a", "choose another name"),
    case("pool-of-another-tier", tiers(WEB + ", pools: [{name: a, port: 1}]}", WEB.replace("web.y", "db.y") + ", pools: [{name: a, port: 2}]}"), 6, 105, "a", "tiers[1].pools[0].name: tiers[0].pools[0] already has the name a", "choose another name"),
    case("listen-twice", tiers(WEB + ", pools: [{name: a, port: 1, listen: 80}, {name: b, port: 2, listen: 80}]}"), 5, 158, "80", "tiers[0].pools[1].listen: tiers[0].pools[0] already listens on port 80", "choose another port"),
    # Numbers beside each other.
    case("floor", tiers(WEB + f", {POOLS}, count: 2, floor: 3}}"), 5, 154, "3", "tiers[0].floor: a floor of 3 cannot be held with a count of 2", "write 2 or less, or raise count:"),
    case("floor-without-pools", tiers(WEB + ", floor: 1}"), 5, 98, "1", "tiers[0].floor: a floor counts members of pools, and this tier has none", "remove it, or add pools:"),
    case("batch", tiers(WEB + ", count: 2, batch: 3}"), 5, 108, "3", "tiers[0].batch: a batch of 3 is more than the count of 2, so all are replaced at once", "write all, or a smaller number", "warning"),
    # The collector.
    case("no-collector", tiers("  - {spec: talks.yaml}"), 5, 12, "talks.yaml", "tiers[0].spec: the servers of talks report, and the deploy file names no collector to ask", "write collector: {url: https://deploy.internal:8443}"),
    case("token", tiers(WEB + "}") + "collector: {url: 'https://a', token: abcdef}\n", 6, 38, "abcdef", "collector.token: this is not a source of a secret", "write env:NAME or file:PATH"),
    case("token-colon", tiers(WEB + "}") + "collector: {url: 'https://a', token: 'env:'}\n", 6, 38, "'env:'", "collector.token: this is not a source of a secret", "write env:NAME or file:PATH"),
    case("in-the-clear", tiers(WEB + "}") + "collector: {url: 'http://a'}\n", 6, 18, "'http://a'", "collector.url: the token goes to a unencrypted, and others can read it", "use https; ca: names a CA of your own", "warning"),
    case("collector-url", tiers(WEB + "}") + "collector: {url: a}\n", 6, 18, "a", "collector.url: 'a' is not a URL", "write https://HOST:PORT/PATH"),
    case("no-ca", tiers(WEB + "}") + "collector: {url: 'https://a', ca: no.pem}\n", 6, 35, "no.pem", "collector.ca: no such file: {folder}/no.pem", "the path is relative to the folder of the deploy file"),
    case("bad-ca", tiers(WEB + "}") + "collector: {url: 'https://a', ca: plain.pem}\n", 6, 35, "plain.pem", "collector.ca: {folder}/plain.pem contains no certificate", "write it as PEM, with a line -----BEGIN CERTIFICATE-----"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "column", "word", "message", "hint", "severity"), CASES)
def test_a_mistake_is_reported_at_its_place_with_its_mend(
    tmp_path: Path, text: str, line: int, column: int, word: str, message: str, hint: str | None, severity: str
) -> None:
    reported = problems(tmp_path, text)
    listing = "\n".join(str(problem) for problem in reported)
    assert [problem.message for problem in reported] == [message.replace("{folder}", str(tmp_path))], listing
    where = reported[0].where
    assert where is not None
    assert (where.line, where.column, reported[0].severity) == (line, column, severity), listing
    assert where.source[where.column - 1 :][: where.width] == word, listing
    assert hint is None or reported[0].hint == hint, listing


def test_all_problems_come_at_once_with_those_of_the_specs(tmp_path: Path) -> None:
    text = tiers(WEB.replace("web.yaml", "broken.yaml") + ", floor: 2}", "  - {spec: no.yaml}", "  - {spec: db.yaml}")
    assert [problem.message for problem in problems(tmp_path, text)] == [
        "tiers[0].floor: a floor of 2 cannot be held with a count of 1",
        "tiers[0].floor: a floor counts members of pools, and this tier has none",
        f"tiers[1].spec: cannot read {tmp_path}/no.yaml: No such file or directory",
        "tiers[2].spec: nothing would show that a server is healthy: db does not report, and the gate has no probe",
        "unknown key stagse",
    ]


def test_a_loopback_collector_may_be_without_tls(tmp_path: Path) -> None:
    assert problems(tmp_path, tiers(WEB + "}") + "collector: {url: 'http://127.0.0.1:8080'}\n") == []


def test_a_deploy_file_given_as_a_spec_is_told_apart(tmp_path: Path) -> None:
    from bootstrap.errors import SpecError
    from bootstrap.spec.load import load

    path = tmp_path / "shop.yaml"
    path.write_text(tiers(WEB + "}"))
    with pytest.raises(SpecError) as caught:
        load(path)
    assert [(problem.message, problem.hint) for problem in caught.value.problems] == [
        ("unknown key cloud", "write it in a deploy file, which names this spec: bootstrap deploy FILE"),
        ("unknown key tiers", "write it in a deploy file, which names this spec: bootstrap deploy FILE"),
    ]
