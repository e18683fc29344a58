"""Clones beside each other: what they may not share."""

from __future__ import annotations

from bootstrap.trial.identities import compared, host_keys
from bootstrap.trial.model import Clone, lines

KEY = "SHA256:c/RAX51hP3h91kagLE498XcG2rn2jCr5WmGP74L8O8k"


def clone(server: str, **facts: str) -> Clone:
    return Clone(server, "good", (), {"machine_id": "1" * 32, "boot_id": server, **facts})


def test_clones_that_share_nothing_are_good() -> None:
    pair = [clone("try-1"), clone("try-2", machine_id="2" * 32)]
    assert lines(compared(pair)) == ["ok[try.identity]: 2 clones differ in machine id, boot id and host keys"]


def test_clones_that_share_a_machine_id_or_a_host_key_are_not() -> None:
    pair = [clone("try-1", **{"key.1": f"/k 600 {KEY}"}), clone("try-2", **{"key.1": f"/k 600 {KEY}"})]
    assert lines(compared(pair)) == [
        "error[try.identity]: try-1 and try-2 share a machine id; the image holds what each clone has to make for "
        f"itself: {'1' * 32}",
        "  fix: seal the image before it is cloned: bootstrap seal ROOT --clean",
        "error[try.identity]: try-1 and try-2 share an ssh host key; the image holds what each clone has to make for "
        f"itself: {KEY}",
        "  fix: seal the image before it is cloned: bootstrap seal ROOT --clean",
    ]


def test_host_keys_are_read_in_order() -> None:
    facts = {f"key.{n}": f"/etc/ssh/k{n} 600 SHA256:{n}" for n in (10, 2, 1)}
    assert [key.path for key in host_keys(facts)] == ["/etc/ssh/k1", "/etc/ssh/k2", "/etc/ssh/k10"]
