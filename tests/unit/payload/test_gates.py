"""A plan has the features that it asks for and no others; a marked statement does nothing where a plan lacks them."""

from __future__ import annotations

import ast
import builtins
from functools import cache
from typing import Any

import pytest
from handmade import payload, stage

from bootstrap.payload import gates, pack, shake
from bootstrap.payload.bundle import unpack
from bootstrap.render.model import RenderedFile
from bootstrap.spec.models import Need

EVERY = frozenset(gates.GATES)
URL = "https://deploy.internal:8443"
# A plan with the feature, and with others only where one comes with another.
WITH: dict[str, dict[str, Any]] = {
    "report": {"report": ("http://127.0.0.1:1", bytes(32))},
    "https": {"report": (URL, bytes(32))},
    "proxy": {"proxy": {"http": "http://proxy:3128"}},
    "late-files": {"wait_for": [{"path": "/a", "min_size": 1}]},
    "fetch": {"files": [RenderedFile("/a", b"", deliver="fetch", fetch={"url": URL, "sha256": "0" * 64})]},
    "owners": {"files": [RenderedFile("/a", b"", owner=("root", "adm"))]},
    "after": {"files": [RenderedFile("/a", b"", after="one")]},
    "keep": {"files": [RenderedFile("/a", b"", keep=False)]},
    "units": {"trigger": "both"},
    "needs": {"stages": [stage("one", "true", user="nobody")]},
    "need-network": {"stages": [stage("one", "true", needs=[{"network": True}])]},
    "need-file": {"stages": [stage("one", "true", needs=[{"file": "/a"}])]},
    "need-cloud-init": {"stages": [stage("one", "true", needs=[{"cloud-init": True}])]},
    "need-tcp": {"stages": [stage("one", "true", needs=[{"tcp": "127.0.0.1:1"}])]},
    "need-dns": {"stages": [stage("one", "true", needs=[{"dns": True}])]},
    "need-server": {"stages": [stage("one", "true", needs=[{"server": "db-1"}])]},
    "retry": {"stages": [stage("one", "true", attempts=2)]},
    "skip-if": {"stages": [stage("one", "true", skip_if="true")]},
    "verify": {"stages": [stage("one", "true", verify="true")]},
    "user": {"every_boot": [stage("one", "true", user="nobody")]},
    "secrets": {"secrets": ["x"]},
    "reboot": {"stages": [stage("one", "true", reboot="after")]},
    "rollback": {"rollback": True},
    "group": {"server": "web-*"},
    "every-boot": {"every_boot": [stage("one", "true")]},
    "health": {"checks": [{"kind": "file", "path": "/a"}]},
    **{f"check-{kind}": {"checks": [{"kind": kind}]} for kind in gates.CHECK_KINDS},
}
# Marked statements other than definitions, by feature, and why each does nothing without its feature: its condition is
# false then, its loop is empty, or its line is one of INERT. A new one belongs here only if it has such a reason.
CONDITIONS = {
    "report": ("'report' in plan", "'report' in self.plan", "'report' in run.plan", "'not_reported' in summary"),
    "https": ("not scheme == 'http:'",),
    "proxy": ("plan.get('proxy')", "if proxy:"),
    "late-files": ("awaited(self.plan)", "awaited(run.plan)", "awaited(plan)", "in brought"),
    # Nothing else asks for what is public.
    "fetch": ("'fetch' in entry", "in self.plan['files']", "if public:"),
    "after": ("in plan['stages'][:plan['stages'].index(planned)]",),
    "keep": ("in plan['files']",),
    "units": ("units_wanted(self.plan)", "units_wanted(run.plan)"),
    "skip-if": ("stage.get('skip_if')",),
    "verify": ("stage.get('verify')",),
    "user": ("user.pw_uid != os.getuid()",),
    "secrets": ("plan.get('secrets', [])", "stage.get('secrets')", "in ('stages', 'every_boot')"),
    "reboot": ("stage['reboot'] != 'never'",),
    "rollback": ("self.plan['rollback']",),
    "group": ("plan['server'].endswith('*')",),
    "health": ("self.plan.get('health')", "in find('health')", "'health' in summary", "not health['ok']"),
    **{f"need-{kind}": (f"kind == '{kind}'",) for kind in gates.NEEDS if kind != "server"},
}
INERT = {
    # These return at once without an entry of the kind.
    "self.every_boot()",
    "if final(self.journal.events)['state'] == 'healthy':",
    "later_boots(host, plan)",
    "remove_units(host, plan.get('units', {}))",
    "self.place_after(stage['name'])",
    "give_to_late_users(self.host, self.plan)",
    "self.check_owners()",
    # The first try waits for nothing, and root is always there.
    "self.wait_to_retry(stage, facts)",
    "self.needs(stage)",
    "if not force:",
    # The other kinds of needs have returned before.
    "fault = ask(host, lambda: server_ready(plan, value), 15)",
    "return fault and 'server %s is not healthy: %s' % (value, fault.replace('OSError: ', ''))",
    # Nothing is owed without a collector.
    "run.deliver(5)",
    "run.deliver(10)",
    "run.deliver(20)",
    "if not self.deliver(20) and (not self.give_up()):",
    # Only a run with a collector leaves that file.
    "if unsent(host):",
}
PLAIN = {"trigger": "cron", "stages": [stage("one", "true")]}


def plan_with(feature: str | None, lean: int = 0) -> Any:
    """The contents of a bundle whose plan has this feature; of a plan without any, for None."""
    more = {**PLAIN, **(WITH[feature] if feature else {})}
    return unpack(payload(more.pop("stages"), lean=lean, **more).bundle)


def marks() -> list[tuple[frozenset[str], ast.stmt]]:
    return [mark for text in pack.marked() for mark in shake.marked(text)]


def header(node: ast.stmt) -> str:
    return ast.unparse(node).split("\n")[0]


def test_every_gate_has_a_plan_here_and_code_in_the_runner() -> None:
    assert set(WITH) == EVERY
    assert frozenset().union(*(features for features, _ in marks())) == EVERY


def test_each_kind_of_check_and_need_has_a_gate() -> None:
    looks = {name for name in pack.top_level_names(pack.sources()[0]) if name.startswith("look_")}
    assert looks == {f"look_{kind}" for kind in gates.CHECK_KINDS}
    assert {field.alias or name for name, field in Need.model_fields.items()} == set(gates.NEEDS)


@pytest.mark.parametrize("feature", sorted(EVERY))
def test_a_gate_is_open_for_a_plan_that_asks_for_it_and_closed_for_one_that_does_not(feature: str) -> None:
    assert feature not in gates.absent(plan_with(feature).plan)
    assert gates.absent(plan_with(None).plan) == EVERY


def test_a_marked_statement_does_nothing_without_its_features() -> None:
    for features, node in marks():
        line = header(node)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) or line in INERT:
            continue
        assert isinstance(node, ast.If | ast.For) and not node.orelse, line
        allowed = [words for feature in features for words in CONDITIONS[feature]]
        assert any(words in line for words in allowed), line


def dropped_names(absent: frozenset[str]) -> set[str]:
    """The methods and functions that these absent features take away by their own marks."""
    return {n.name for features, n in marks() if features <= absent and isinstance(n, ast.FunctionDef)}


@cache
def contents(statement: str) -> tuple[set[str], set[str], set[str]]:
    """Of one top-level statement: the global names that it uses, the attributes that it reads, and its functions."""
    nodes = list(ast.walk(ast.parse(statement)))
    read = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return shake.names_in(statement), read, {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


defined = cache(pack.top_level_names)
# The head of a bundle brings these.
BROUGHT = {"COLD", "HOT", "PARTS", "SEAM", "TEXT", "sha256", "undo", *dir(builtins)}
# Each feature alone: if one feature's code needs another's, this shows it.
SETS = [EVERY, frozenset(), *(EVERY - {feature} for feature in sorted(EVERY))]


@pytest.mark.parametrize("lean", [0, 1, 2])
def test_what_is_left_calls_nothing_that_was_left_out(lean: int) -> None:
    for absent in SETS[: 2 if lean else None]:
        texts = pack.sources(lean, absent)
        statements = [piece for text in texts for _, piece in shake.pieces(text)]
        used, read, methods = (set().union(*found) for found in zip(*map(contents, statements), strict=True))
        names = {name for piece in statements for name in defined(piece)}
        names |= {alias.split(" ")[-1] for s in statements if s.startswith("import ") for alias in s[7:].split(",")}
        assert used - names - BROUGHT == set(), absent
        assert not read & (dropped_names(absent) - methods), absent


def test_all_of_a_runner_is_what_a_plan_with_everything_gets() -> None:
    assert pack.sources(absent=frozenset()) == pack.sources()
    assert shake.MARK not in "".join(pack.sources())


def test_what_only_a_left_out_statement_uses_goes_too() -> None:
    inside = plan_with(None)
    names = {name for text in (inside.hot, inside.cold) for name in pack.top_level_names(text)}
    gone = {"Report", "signed", "signature", "exchange", "http", "Waiting", "fetch", "reboot_after", "roll_back"}
    assert not gone & names
    with_report = plan_with("report")
    assert {"Report", "signed", "signature", "exchange", "http"} <= set(pack.top_level_names(with_report.hot))
