"""Signing on the deployer's side: keys in files, in agents and on security keys, and what is said when it fails."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import handmade
import keys
import pytest

from bootstrap.errors import BootstrapError, UsageError
from bootstrap.payload import sign
from bootstrap.payload.bundle import unpack

pytestmark = keys.needs_ssh_keygen
BUNDLE = b"any bytes serve\n"


@pytest.fixture(autouse=True)
def no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


CHILD = """
import sys
from bootstrap.errors import BootstrapError
from bootstrap.payload import sign
try:
    print("signed", len(sign.signer(sys.argv[1]).sign(b"any bytes serve")))
except BootstrapError as error:
    print(error.message, error.hint, sep="; ")
"""


def without_terminal(key: Path) -> str:
    """Run a child in a session of its own, as in CI, and return its output."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, key], start_new_session=True, capture_output=True, text=True, check=True
    )
    return done.stdout.replace(f"{key.parent}/", "")


def at_a_terminal(key: Path, typed: str) -> str:
    """The same at a terminal, where somebody types; the last line."""
    terminal, child_end = pty.openpty()
    child = subprocess.Popen(
        ["setsid", "-c", sys.executable, "-c", CHILD, key], stdin=child_end, stdout=child_end, stderr=child_end
    )
    os.close(child_end)
    output, is_typed = b"", False
    try:
        while select.select([terminal], [], [], 30)[0]:
            output += os.read(terminal, 4096)
            if b"Enter passphrase" in output and output.endswith(b": ") and not is_typed:
                os.write(terminal, f"{typed}\n".encode())
                is_typed = True
    except OSError:
        pass  # EIO: the other end is closed
    assert child.wait(30) == 0 and is_typed, output
    os.close(terminal)
    return output.decode().splitlines()[-1].replace(f"{key.parent}/", "")


def refusal(key: Path, **facts: object) -> tuple[str, str]:
    """(message without the folder, hint) when signing with a key fails."""
    with pytest.raises(BootstrapError) as caught:
        signer = sign.signer(key)
        for name, value in facts.items():
            setattr(signer, name, value)
        signer.sign(BUNDLE)
    assert caught.value.exit_code in (2, 4) and caught.value.hint
    return caught.value.message.replace(f"{key.parent}/", ""), caught.value.hint.replace(f"{key.parent}/", "")


def said(key: Path, **facts: object) -> str:
    return refusal(key, **facts)[0]


@pytest.mark.parametrize("kind", keys.KINDS)
def test_a_stand_in_is_as_long_as_the_true_signature(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind.endswith("-sk"):
        monkeypatch.setenv("SSH_SK_PROVIDER", keys.security_key())
    lines: list[str] = []
    signer = sign.signer(keys.key(tmp_path, "key", kind), lines.append)
    stand_in = signer.stand_in(BUNDLE)
    spare = len(stand_in) - len(signer.sign(BUNDLE))
    # The numbers of an ECDSA signature are each a byte shorter once in two, two once in 512; base64 rounds up.
    assert spare == 0 or (kind.startswith("ecdsa") and 0 < spare <= 8)
    assert stand_in != signer.sign(BUNDLE) == signer.stand_in(BUNDLE)
    assert lines == ([f"touch the security key to sign ({signer.fingerprint})"] if kind.endswith("-sk") else [])


@pytest.mark.parametrize("kind", [("ecdsa", "-b", "384"), ("ecdsa", "-b", "521"), ("rsa", "-b", "3072")], ids=" ".join)
def test_a_stand_in_knows_the_size_of_a_key(tmp_path: Path, kind: tuple[str, ...]) -> None:
    signer = sign.signer(keys.key(tmp_path, "key", kind[0], "", *kind[1:]))
    assert 0 <= len(signer.stand_in(BUNDLE)) - len(signer.sign(BUNDLE)) <= 8
    assert signer.fingerprint == keys.fingerprint(tmp_path / "key")


@pytest.mark.parametrize(("kind", "is_same"), [("ed25519", True), ("rsa", True), ("ecdsa", False)])
def test_which_keys_sign_the_same_each_time(tmp_path: Path, kind: str, is_same: bool) -> None:
    key = keys.key(tmp_path, "key", kind)
    assert (sign.signer(key).sign(BUNDLE) == sign.signer(key).sign(BUNDLE)) is is_same
    signer = sign.signer(key)
    assert signer.sign(BUNDLE) == signer.sign(BUNDLE), "one signer signs nothing twice"


def test_an_agent_signs_where_the_private_half_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.key(tmp_path, "key", passphrase="secret")
    public = tmp_path / "elsewhere.pub"
    public.write_text(keys.public(key))
    plain = keys.key(tmp_path, "plain")
    with keys.agent(tmp_path, plain) as named:
        monkeypatch.setenv("SSH_AUTH_SOCK", named["SSH_AUTH_SOCK"])
        assert said(public) == f"the agent does not hold elsewhere.pub ({keys.fingerprint(key)})"
        plain.unlink()
        assert sign.signer(plain.with_suffix(".pub")).sign(BUNDLE)
    assert (
        said(plain.with_suffix(".pub"))
        == "the agent does not hold plain.pub (" + keys.fingerprint(plain.with_suffix(".pub")) + ")"
    )


def test_an_agent_that_asks_its_owner_may_refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.key(tmp_path)
    monkeypatch.setenv("SSH_ASKPASS", "/bin/false")
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    with keys.agent(tmp_path) as named:
        monkeypatch.setenv("SSH_AUTH_SOCK", named["SSH_AUTH_SOCK"])
        subprocess.run(["ssh-add", "-q", "-c", key], check=True, stdin=subprocess.DEVNULL)
        key.rename(tmp_path / "away")
        assert said(tmp_path / "key.pub") == "the agent refuses to sign with key.pub"


def test_a_public_key_without_agent(tmp_path: Path) -> None:
    key = keys.key(tmp_path)
    assert sign.signer(tmp_path / "key.pub").sign(BUNDLE) == sign.signer(key).sign(BUNDLE)
    key.unlink()
    message = "key.pub is a public key, its private half is not beside it, and no agent runs"
    assert said(tmp_path / "key.pub") == message


@pytest.mark.parametrize("form", [[], ["-m", "PEM"]], ids=["openssh", "pem"])
def test_a_passphrase_that_nobody_can_be_asked_for(tmp_path: Path, form: list[str]) -> None:
    key = keys.key(tmp_path, "key", "rsa", "secret", *form)
    message = "key needs a passphrase, there is no terminal to ask at, and no agent holds the key"
    assert without_terminal(key) == f"{message}; ssh-add key\n"


def test_a_passphrase_may_be_typed(tmp_path: Path) -> None:
    key = keys.key(tmp_path, passphrase="secret")
    assert at_a_terminal(key, "secret").startswith("signed ")
    assert at_a_terminal(key, "wrong") == "key: the passphrase is wrong; try again, or ssh-add key"


def test_an_old_private_key_needs_its_public_half_beside_it(tmp_path: Path) -> None:
    key = keys.key(tmp_path, "key", "rsa", "", "-m", "PEM")
    assert sign.signer(key).sign(BUNDLE)
    (tmp_path / "key.pub").unlink()
    message = "key does not show its public half, and key.pub is not beside it"
    assert refusal(key) == (message, "ssh-keygen -y -f key > key.pub")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello\n",
        b"ssh-ed25519\n",
        b"ssh-ed25519 AAAA\n",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END\n",
    ],
)
def test_what_is_no_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(UsageError, match="key is not a key that ssh-keygen made"):
        sign.signer(tmp_path / "key")


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="key cannot be read: No such file or directory"):
        sign.signer(tmp_path / "key")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        sign.signer(tmp_path)


def test_a_type_of_key_that_cannot_sign(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text("ssh-dss AAAAB3NzaC1kc3M=\n")
    assert said(tmp_path / "key.pub") == "a key of type ssh-dss cannot sign payloads"


def test_a_private_key_that_others_can_read(tmp_path: Path) -> None:
    key = keys.key(tmp_path)
    key.chmod(0o644)
    assert refusal(key) == ("others may read key, so that ssh-keygen refuses it", "chmod 0600 key")


def test_a_security_key_that_is_not_plugged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.key(tmp_path, "key", "ed25519-sk")
    monkeypatch.delenv("SSH_SK_PROVIDER", raising=False)
    assert refusal(key) == ("key is on a security key that is not plugged in", "plug it in")


def program(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ssh-keygen that does this instead."""
    (folder / "bin").mkdir()
    (folder / "bin" / "ssh-keygen").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "bin" / "ssh-keygen").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")


def test_a_machine_without_ssh_keygen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.key(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert said(key) == "this machine has no ssh-keygen that can sign"


def test_a_key_that_is_not_touched_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soft, hard = keys.key(tmp_path), keys.key(tmp_path, "hard", "ed25519-sk")
    program(tmp_path, "exec sleep 60", monkeypatch)
    assert said(soft, patience_s=0.2) == "key: ssh-keygen did not sign within 0.2 s"
    assert said(hard, patience_s=0.2) == "hard: the security key was not touched within 0.2 s"


def test_an_ssh_keygen_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.key(tmp_path)
    program(tmp_path, "kill -9 $$", monkeypatch)
    assert said(key) == "ssh-keygen was killed (SIGKILL)"


def test_a_signature_by_another_key_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, other = keys.key(tmp_path), keys.key(tmp_path, "other")
    program(tmp_path, f"exec /usr/bin/ssh-keygen -q -Y sign -n initialrunner -f {other}", monkeypatch)
    assert said(key) == "ssh-keygen signed with another key than key"


def test_verify_needs_no_root_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.key(tmp_path)
    signer = sign.signer(key)
    payload = handmade.payload([handmade.stage("one", "true")], sign=signer.sign)
    allowed = keys.allowed(tmp_path / "allowed", key)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    code = (
        "import sys, pathlib; from bootstrap.payload import sign\n"
        "print(sign.verify(pathlib.Path(sys.argv[1]).read_bytes(), pathlib.Path(sys.argv[2])))"
    )
    (tmp_path / "bundle").write_bytes(payload.bundle)
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "bundle", allowed], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"key@example.org {signer.fingerprint}\n".replace("key@", "deploy@")
    assert list((tmp_path / "tmp").iterdir()) == []
    assert sign.key_of(unpack(payload.bundle).signature or "") == (signer.fingerprint, "ssh-ed25519")
    allowed.write_text("")
    with pytest.raises(sign.SignatureError, match="does not allow") as caught:
        sign.verify(payload.bundle, allowed)
    assert (caught.value.kind, int(caught.value.exit_code)) == ("unknown", 4)
    with pytest.raises(sign.SignatureError) as caught:
        sign.verify(handmade.payload([]).bundle, allowed)
    assert caught.value.kind == "unsigned"
    with pytest.raises(UsageError, match="nowhere cannot be read"):
        sign.verify(payload.bundle, tmp_path / "nowhere")
