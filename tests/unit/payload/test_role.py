"""The addresses that a stub fetches with the role of its instance, and the text that fetches."""

from __future__ import annotations

import ast

import pytest

from bootstrap import resources
from bootstrap.errors import PayloadError
from bootstrap.payload import role
from bootstrap.targets import stub
from bootstrap.targets.providers import PROVIDERS, Provider, provider

DIGEST = "ab" * 32
GOOD = "s3://acme-boot/boot/0123456789abcdef"


@pytest.mark.parametrize(
    "address",
    [
        GOOD, f"{GOOD}?region=eu-west-1", "s3://a.b-c/x", f"{GOOD}?region=x&endpoint=https://minio.example:9000",
        f"{GOOD}?endpoint=http://127.0.0.1:9000",
    ],
)  # fmt: skip
def test_an_address_that_leads_somewhere_is_taken(address: str) -> None:
    assert role.fault(address) is None
    assert address.encode() in stub.text(address, DIGEST)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("s3://acme-boot", "it names a bucket, and no object"), ("s3://acme-boot/", "it names a bucket, and no object"),
        ("s3://Acme/x", "digits, dots and hyphens, and 'Acme' is none"), ("s3://a/x", "and 'a' is none"),
        ("s3://acme-boot/a'b", "it is not s3://BUCKET/KEY"),
        (f"{GOOD}\n", "it is not s3://BUCKET/KEY"), (f"{GOOD}?zone=a", "it has an option 'zone'"),
        (f"{GOOD}?region=Eu", "'Eu' is no region"), (f"{GOOD}?region=", "'' is no region"),
        (f"{GOOD}?endpoint=http://minio.example", "is no endpoint, which begins with https://"),
    ],
)  # fmt: skip
def test_an_address_that_leads_nowhere_is_refused_with_the_reason(address: str, reason: str) -> None:
    assert reason in str(role.fault(address))
    with pytest.raises(PayloadError, match="cannot be fetched"):
        stub.text(address, DIGEST)


def test_the_text_can_stand_between_single_quotes_and_go_through_echo() -> None:
    text = role.fetcher("$f")
    program = text.removeprefix("timeout 300 python3 -Ic '").removesuffix("' $f")
    assert not set(program) & {"'", "\\"}
    assert program.isascii() and '"""' not in program and "#" not in program
    ast.parse(program, feature_version=(3, 6))
    assert role.fetcher("$f") == text


def test_no_comment_of_the_source_is_in_the_stub_and_it_has_a_name() -> None:
    script = stub.text(GOOD, DIGEST).decode()
    assert script.startswith("#!/bin/sh\n# initialrunner fetches its bundle with the role of its instance\n")
    assert len(script) < 4_900
    assert resources.text("files/stub/s3.py").count('"""') > 2 and '"""' not in script


@pytest.mark.parametrize("taker", PROVIDERS, ids=lambda taker: taker.name)
def test_only_instances_that_have_roles_get_such_a_stub(taker: Provider) -> None:
    if taker.has_roles:
        assert stub.require(GOOD, taker) == GOOD
        return
    with pytest.raises(PayloadError) as refused:
        stub.require(GOOD, taker)
    (problem,) = refused.value.problems
    assert problem.message == (f"an instance of {taker.name} has no role that S3 takes, and so cannot fetch {GOOD!r}")
    assert problem.hint == "publish without --instance-role: that gives a presigned URL"


def test_the_stub_fits_ec2_many_times() -> None:
    script = stub.text(GOOD, DIGEST)
    measure = stub.measured(script, script, provider("ec2"), GOOD)
    assert measure.left is not None and measure.left > 11_000
