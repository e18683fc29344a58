"""Words in braces are filled in once; other braces are text."""

from __future__ import annotations

import pytest

from bootstrap.deploy.candidate import Candidate
from bootstrap.deploy.model import GatePlan, PoolPlan
from bootstrap.deploy.placeholders import address_in_url, fill, names_in


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("http://{address}:{port}/", "http://192.0.2.1:80/"),
        ('{"a":"{server}"}', '{"a":"{address}"}'),
        ("{other} {}", "{other} {}"),
        ("{{server}}", "{{address}}"),
    ],
    ids=["url", "json", "unknown", "two-braces"],
)
def test_each_placeholder_is_filled_in_once(text: str, filled: str) -> None:
    # The server's name looks like a placeholder: what was filled in is not looked at again.
    assert fill(text, {"address": "192.0.2.1", "port": 80, "server": "{address}"}) == filled


def test_the_names_are_listed_in_their_order() -> None:
    assert names_in('{b} {"x": {a}} {b}') == ("b", "a", "b")


def test_an_address_of_ipv6_is_in_brackets_in_a_url_alone() -> None:
    assert (address_in_url("192.0.2.1"), address_in_url("2001:db8::1")) == ("192.0.2.1", "[2001:db8::1]")
    gate = GatePlan("http://{address}:{port}/", contains=("{address}:{port} {server}",))
    server = Candidate(1, 1, "web-1", "id", "d-1", "r1", 0.0, address="2001:db8::1")
    probe = server.probe(gate, (PoolPlan("web", 8080),))
    assert probe is not None
    assert (probe.url, probe.contains) == ("http://[2001:db8::1]:8080/", ("2001:db8::1:8080 web-1",))
