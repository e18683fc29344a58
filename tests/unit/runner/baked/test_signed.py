"""What is judged before ssh-keygen is asked, and what its answers mean. Real ones are in test_baked_signed.py."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from checkout import Machine, MakeMachine
from handmade import payload, stage, whole_code

from bootstrap.payload import bundle as bundles
from bootstrap.runner.baked import signed
from bootstrap.runner.form import SEPARATOR, WHOLE

SIGNERS = "/etc/initialrunner/allowed_signers"
with whole_code():
    PAYLOAD = payload([stage("one", "true")])


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


KEY = string(b"ssh-ed25519") + string(bytes(range(32)))
LINE = f"deploy@example.org ssh-ed25519 {base64.b64encode(KEY).decode()}\n"


def signature(namespace: str = "initialrunner") -> str:
    """An SSHSIG of the right form, which no key has made."""
    made = string(b"ssh-ed25519") + string(bytes(64))
    fields = (KEY, namespace.encode(), b"", b"sha512", made)
    blob = b"SSHSIG" + struct.pack(">I", 1) + b"".join(map(string, fields))
    text = base64.b64encode(blob).decode()
    return "\n".join(text[at : at + 70] for at in range(0, len(text), 70))


def bundle(text: str | None) -> bytes:
    match = WHOLE.fullmatch(PAYLOAD.bundle)
    assert match
    parts = match.group(2).decode().split(SEPARATOR)
    return bundles.compose([*parts, text] if text else parts)


@pytest.fixture
def box(machine: MakeMachine) -> Machine:
    box = machine(PAYLOAD)
    box.put(SIGNERS, LINE)
    return box


def refusal(box: Machine, data: bytes) -> str:
    with pytest.raises(signed.Unsigned) as caught:
        signed.check(box.host, data, SIGNERS, "/run/initialrunner.signed")
    assert caught.value.hint
    return str(caught.value.kind)


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([(0, "deploy@example.org\n"), (0, "Good")], None),
        ([(1, "no principal")], "unknown"),
        ([(0, "deploy@example.org\n"), (1, "incorrect signature")], "altered"),
    ],
)
def test_ssh_keygen_decides(box: Machine, mocker: Any, answers: list[tuple[int, str]], kind: str | None) -> None:
    asked = mocker.patch.object(signed, "keygen", side_effect=answers)
    if kind:
        assert refusal(box, bundle(signature())) == kind
    else:
        name = signed.check(box.host, bundle(signature()), SIGNERS, "/run/initialrunner.signed")
        assert name.startswith("deploy@example.org SHA256:")
    assert asked.call_count == len(answers)
    assert not list(box.path("/run").glob("initialrunner.signed*"))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (bundle(None), "unsigned"),
        (bundle(None)[:-1], "damaged"),
        (bundle(None).replace(b"echo", b"ehco", 1), "damaged"),
        (bundle(signature("file")), "namespace"),
    ],
)
def test_a_bundle_is_refused_before_ssh_keygen_is_asked(box: Machine, mocker: Any, data: bytes, kind: str) -> None:
    asked = mocker.patch.object(signed, "keygen")
    assert refusal(box, data) == kind
    asked.assert_not_called()


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ("", "unknown"),
        ("# " + LINE, "unknown"),
        (LINE.replace("deploy", '"deploy'), "unknown"),
        (LINE.replace(" ssh", ' valid-before="20200101Z" ssh', 1), "expired"),
        (LINE.replace(" ssh", ' valid-after="20990101Z" ssh', 1), "early"),
        (LINE.replace(" ssh", ' valid-after="20200101",valid-before="209901011200Z" ssh', 1), None),
    ],
)
def test_a_line_counts_in_its_time(box: Machine, mocker: Any, lines: str, kind: str | None) -> None:
    mocker.patch.object(signed, "keygen", return_value=(0, "deploy@example.org\n"))
    box.put(SIGNERS, lines)
    if kind == "early":
        assert refusal(box, bundle(signature())) not in ("unknown", "unsigned")
    elif kind:
        assert refusal(box, bundle(signature())) == kind
    else:
        assert signed.check(box.host, bundle(signature()), SIGNERS, "/run/initialrunner.signed")


def test_a_list_that_others_could_write_or_that_is_gone_allows_nobody(box: Machine) -> None:
    box.path(SIGNERS).chmod(0o666)
    assert refusal(box, bundle(signature())) == "signers"
    box.path(SIGNERS).unlink()
    assert refusal(box, bundle(signature())) == "signers"
