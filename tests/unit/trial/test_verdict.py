"""The verdict on a clone: facts and events in, judgements out."""

from __future__ import annotations

from typing import Any

import pytest

from bootstrap.trial.model import Judgement, lines
from bootstrap.trial.payload import CUT, JUDGE, MARK
from bootstrap.trial.verdict import CODES, facts_of, judged

POWER_ON = 1_000_000.0
KEY = "SHA256:c/RAX51hP3h91kagLE498XcG2rn2jCr5WmGP74L8O8k"
FACTS = {
    "ran": "try-1:judge ",
    "machine_id": "4d076f23610e5b65bc342f297a01fa9c",
    "boot_id": "4ef8f297-5770-43a3-bd5f-f87537e067fc",
    "system": "Debian GNU/Linux 12 (bookworm), Linux 6.1.0",
    "state": "running",
    "address": "10.0.2.15/24",
    "disk": "writable",
    "key.1": f"/etc/ssh/ssh_host_ed25519_key 600 {KEY}",
    "ssh": "unit=ssh.service LoadState=loaded ActiveState=active UnitFileState=enabled",
}


def event(kind: str, stage: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "stage": stage, "at": POWER_ON + 25, "uptime_s": 20.0, **more}


def ran(*stages: str) -> list[dict[str, Any]]:
    events = []
    for stage in stages:
        events += [event("stage.started", stage, attempt=1), event("stage.ended", stage, result="done", attempt=1)]
    return events


def verdict(
    facts: dict[str, str], events: list[dict[str, Any]] | None = None, *, power_cut: bool = False
) -> list[Judgement]:
    return judged(
        facts, ran(JUDGE) if events is None else events, server="try-1", powered_on_at=POWER_ON, power_cut=power_cut
    )


def bad(findings: list[Judgement]) -> list[str]:
    return lines(finding for finding in findings if finding.severity != "ok")


def test_a_good_clone_has_a_line_for_each_judgement() -> None:
    assert lines(verdict(FACTS)) == [
        "ok[try.boot]: systemd has started everything, and no unit has failed",
        "ok[try.host-keys]: 1 ssh host key, for root alone",
        "ok[try.ssh]: ssh.service is active",
        "ok[try.address]: the address is 10.0.2.15/24",
        "ok[try.disk]: the root file system can be written to",
        "ok[try.clock]: the clock agrees with this machine's",
        "ok[try.machine-id]: the machine id is 4d076f23610e5b65bc342f297a01fa9c",
        "ok[try.once]: try-1 ran its own payload, each stage once",
    ]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            {"state": "degraded", "failed.1": "ssh.service exit-code sshd: no hostkeys available -- exiting."},
            [
                "error[try.unit-failed]: ssh.service has failed (exit-code); sshd: no hostkeys available -- exiting.",
                "  fix: mend it in the image, or turn it off there: systemctl --root=ROOT disable ssh.service",
            ],
            id="a failed unit and its reason",
        ),
        pytest.param(
            {"state": "starting", "jobs": "apt-daily.service "},
            [
                "error[try.boot]: the boot has not ended, systemd is starting; it waits for apt-daily.service",
                "  fix: look why that unit takes so long, or give the clone more time with --deadline",
            ],
            id="a boot that does not end",
        ),
        pytest.param({"state": "ours"}, [], id="a boot that waits for the judge alone"),
        pytest.param({"state": "none"}, [], id="no systemd"),
        pytest.param(
            {"unit.nova-agent": "LoadState=not-found ActiveState=inactive"},
            [
                "error[try.require]: nova-agent is not installed; --require asks for it",
                "  fix: install it in the image",
            ],
            id="a required unit is missing",
        ),
        pytest.param(
            {"unit.cron": "LoadState=loaded ActiveState=inactive UnitFileState=disabled Result=success"},
            [
                "error[try.require]: cron is not active; it is disabled, so no boot starts it",
                "  fix: systemctl --root=ROOT enable cron",
            ],
            id="a required unit is off",
        ),
        pytest.param(
            {"unit.web": "LoadState=loaded ActiveState=failed Result=exit-code", "why.web": "bind: in use"},
            ["error[try.require]: web is not active; bind: in use", "  fix: mend it in the image"],
            id="a required unit has failed",
        ),
        pytest.param(
            {
                "unit.job": "LoadState=loaded ActiveState=inactive UnitFileState=enabled Result=success "
                "ExecMainExitTimestampMonotonic=12345"
            },
            [],
            id="a required unit has done its work",
        ),
        pytest.param(
            {"key.1": f"/etc/ssh/ssh_host_rsa_key 644 {KEY}"},
            [
                "error[try.host-keys]: /etc/ssh/ssh_host_rsa_key can be read by everybody; its mode is 0644, so every "
                "user of the clone can take it",
                "  fix: chmod 0600 /etc/ssh/ssh_host_rsa_key",
            ],
            id="a host key for everybody",
        ),
        pytest.param({"key.1": f"/etc/ssh/ssh_host_rsa_key 640 {KEY}"}, [], id="a host key of the group ssh_keys"),
        pytest.param(
            {"ssh": "unit=ssh.service LoadState=loaded ActiveState=inactive UnitFileState=disabled"},
            [
                "warning[try.ssh]: sshd is installed, but ssh.service is disabled; nobody can log in to a clone by ssh",
                "  fix: systemctl --root=ROOT enable ssh.service, if people shall",
            ],
            id="sshd is off on purpose",
        ),
        pytest.param(
            {"ssh": "unit=ssh.service ActiveState=failed UnitFileState=enabled", "why.ssh": "no hostkeys available"},
            ["error[try.ssh]: ssh.service is not active; no hostkeys available", "  fix: mend it in the image"],
            id="sshd does not run",
        ),
        pytest.param(
            {"address": ""},
            [
                "error[try.address]: the clone has no address; no interface has one that goes beyond its own link",
                "  fix: enable what sets up the network: systemd-networkd, NetworkManager, networking or the cloud's "
                "agent",
            ],
            id="no address",
        ),
        pytest.param(
            {"disk": "mounted read-only"},
            [
                "error[try.disk]: the root file system: mounted read-only; stages, logs and keys need it",
                "  fix: look at /etc/fstab and the kernel's rw",
            ],
            id="a root that cannot be written to",
        ),
        pytest.param(
            {"machine_id": "uninitialized"},
            [
                "error[try.machine-id]: the machine id is uninitialized; the journal, DHCP and D-Bus go by it",
                "  fix: leave /etc/machine-id empty, not missing",
            ],
            id="no machine id",
        ),
        pytest.param(
            {"ran": "other-1:judge try-1:judge "},
            [
                "error[try.once]: try-1 did not run its own payload once; its disk says that these ran: other-1:judge, "
                "try-1:judge; expected: try-1:judge",
                "  fix: seal the image before it is cloned: bootstrap seal ROOT --clean",
            ],
            id="another payload ran too",
        ),
    ],
)
def test_each_fault_is_told_with_its_reason_and_its_fix(facts: dict[str, str], expected: list[str]) -> None:
    assert bad(verdict({**FACTS, **facts})) == expected


def test_sshd_without_keys_is_an_error() -> None:
    facts = {key: value for key, value in FACTS.items() if key != "key.1"}
    assert bad(verdict(facts)) == [
        "error[try.host-keys]: sshd has no host keys; nothing on the clone makes them, and nobody can log in without",
        "  fix: bootstrap bake ROOT --host-keys, or enable what makes them",
    ]


def test_an_image_without_sshd_needs_no_keys() -> None:
    facts = {key: value for key, value in FACTS.items() if key not in ("key.1", "ssh")}
    assert not any(finding.code in ("try.ssh", "try.host-keys") for finding in verdict(facts))


def test_a_judge_that_said_nothing_is_an_error() -> None:
    assert [finding.code for finding in verdict({})] == ["try.judge"]


@pytest.mark.parametrize(
    ("ahead_s", "word"), [(0, ""), (-100, ""), (200, ""), (3600, "3,600 s ahead"), (-86400, "86,400 s behind")]
)
def test_the_clock_is_judged_by_the_moment_of_power_on(ahead_s: float, word: str) -> None:
    events = [{**e, "at": POWER_ON + 25 + ahead_s, "uptime_s": 25.0} for e in ran(JUDGE)]
    findings = [finding for finding in verdict(FACTS, events) if finding.code == "try.clock"]
    assert [finding.is_error for finding in findings] == [bool(word)]
    assert word in findings[0].subject


def test_a_stage_that_ended_twice_is_an_error() -> None:
    findings = bad(verdict(FACTS, ran("one", "one", JUDGE)))
    assert findings[0] == "error[try.once]: one ended twice; a stage that is done must not run again"


CUT_FACTS = {**FACTS, "ran": "try-1:mark try-1:cut try-1:judge "}
SURVIVED = [*ran("one", MARK), event("stage.started", CUT), event("interrupted", CUT), *ran(CUT, JUDGE)]


def test_a_power_cut_that_was_survived_is_good() -> None:
    assert bad(verdict(CUT_FACTS, SURVIVED, power_cut=True)) == []


def test_a_power_cut_after_which_a_stage_ran_again_is_an_error() -> None:
    events = [*ran("one", MARK), event("stage.started", CUT), *ran("one", MARK, CUT, JUDGE)]
    codes = {finding.code for finding in verdict(CUT_FACTS, events, power_cut=True) if finding.is_error}
    assert codes == {"try.once", "try.power-cut"}


def test_facts_are_the_outputs_of_the_judge() -> None:
    events = [*ran("one"), event("stage.ended", JUDGE, result="done", outputs={"state": "running"})]
    assert facts_of(events) == {"state": "running"}
    assert facts_of(ran("one")) == {}


def test_every_code_of_a_judgement_is_in_the_table() -> None:
    findings = [*verdict(FACTS), *verdict({}), *verdict(CUT_FACTS, SURVIVED, power_cut=True)]
    assert {finding.code for finding in findings} <= set(CODES)
