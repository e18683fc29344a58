"""The table of agents: each row says what it needs to be believed, and what is cleaned is what makes itself anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from box import needs_root
from image_root import clean_root, put

from bootstrap.image.finding import Cleaning, Finding
from bootstrap.image.leftovers import LEFTOVERS
from bootstrap.image.leftovers.agents import AGENTS
from bootstrap.image.leftovers.rule import Leftover
from bootstrap.image.seal import Sealed, seal

SOURCE = re.compile(r"https?://\S+( \(.+\))?|([\w.-]+/[\w.-]+: [^;]+(; )?)+|Debian package \S+: \S+")
REMOVED = [rule for rule in AGENTS if rule.clean is not Cleaning.LISTED]
USER = 'usmUser 1 3 0x80001f88 "monitor" "monitor" NULL\n'


def named(rule: Leftover) -> str:
    return rule.code


def of_agents(sealed: Sealed) -> list[Finding]:
    return [one for one in sealed.findings if one.code.startswith("agent.")]


def test_the_table_is_broad_and_has_each_code_once() -> None:
    codes = [rule.code for rule in AGENTS]
    assert len(set(codes)) == len(codes) >= 110
    assert all(re.fullmatch(r"agent\.[a-z0-9-]+", code) for code in codes)
    assert all(isinstance(rule.places, tuple) and rule.places for rule in AGENTS)
    assert not {rule.code for rule in LEFTOVERS if rule not in AGENTS and rule.code.startswith("agent.")}


@pytest.mark.parametrize("rule", AGENTS, ids=named)
def test_each_row_names_its_product_and_its_source(rule: Leftover) -> None:
    assert rule.product
    assert SOURCE.fullmatch(rule.source)
    assert all(re.match(r"(~|/[a-z])", place, re.IGNORECASE) for place in rule.places)
    assert len(set(rule.places)) == len(rule.places)


@pytest.mark.parametrize("rule", REMOVED, ids=named)
def test_what_is_removed_is_said_to_come_again_or_to_be_of_no_use(rule: Leftover) -> None:
    """A row that --clean removes must say that its owner makes it anew, unless its owner's own cleaner removes it."""
    renewed = re.search(r"makes? |asks? |registers |writes |takes? out", rule.fix)
    assert renewed or rule.code in {"agent.ipa", "agent.netdata-token", "agent.journal-upload", "agent.ubuntu-report"}


@needs_root
def test_an_engine_id_of_snmp_is_taken_out_of_its_file(tmp_path: Path) -> None:
    root = clean_root(tmp_path / "root")
    file = put(root, "/var/lib/net-snmp/snmpd.conf", "engineBoots 2\noldEngineID 0x80001f88\nsetserialnum 1\n")
    assert [one.did for one in seal(root, clean=True).cleaned if one.code == "agent.snmpd"] == ["1 line taken out"]
    assert file.read_text() == "engineBoots 2\nsetserialnum 1\n"


@needs_root
def test_users_of_snmp_are_left_to_a_person_with_the_engine_id_that_their_keys_belong_to(tmp_path: Path) -> None:
    root = clean_root(tmp_path / "root")
    text = "oldEngineID 0x80001f88\n" + USER
    file = put(root, "/var/lib/snmp/snmpd.conf", text)
    assert [one.code for one in of_agents(seal(root, clean=True))] == ["agent.snmpd-users"]
    assert file.read_text() == text


@needs_root
def test_ids_that_come_again_are_cleaned_and_registrations_are_not(tmp_path: Path) -> None:
    root = clean_root(tmp_path / "root")
    put(root, "/var/lib/docker/engine-id", "0b2c6ea4")
    put(root, "/etc/salt/minion_id", "builder")
    put(root, "/etc/gitlab-runner/.runner_system_id", "s_0123")
    kept = put(root, "/var/lib/ubuntu-advantage/private/machine-token.json", "{}")
    sealed = seal(root, clean=True)
    cleaned = {one.code for one in sealed.cleaned if one.code.startswith("agent.")}
    assert cleaned == {"agent.docker", "agent.salt-id", "agent.gitlab-id"}
    assert [one.path for one in of_agents(sealed)] == ["/var/lib/ubuntu-advantage/private/machine-token.json"]
    assert kept.exists()
    assert seal(root, clean=True).cleaned == ()
