"""What the host takes for signed: real signatures by real ssh-keygen, and every way in which one does not count."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import handmade
import keys
import pytest
from box import needs_root

from bootstrap.payload import bundle as bundles
from bootstrap.payload import sign
from bootstrap.runner.baked import signed
from bootstrap.runner.contract import PYTHON_FLOOR
from bootstrap.runner.host import Host

pytestmark = [needs_root, keys.needs_ssh_keygen, pytest.mark.usefixtures("runners_signals")]

PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
FLOOR = sorted(PYENV.glob(f"versions/{PYTHON_FLOOR[0]}.{PYTHON_FLOOR[1]}.*/bin/python"))
NOON = 1795262400  # 2026-11-21T12:00:00Z


class AtNoon(Host):
    """A host whose clock stands."""

    def now(self) -> float:
        return NOON


def unsigned(text: str = "true") -> bytes:
    return handmade.payload([handmade.stage("one", text)]).bundle


def seal(parts: list[bytes]) -> bytes:
    """A whole bundle of these packed parts, in the shape of a real one."""
    whole = unsigned()
    data = whole.split(b"\nD='", 1)[1].split(b"'\n", 1)[0]
    return redigested(whole.replace(data, b"\n-\n".join(parts)))


def redigested(bundle: bytes) -> bytes:
    """Altered, and its last line mended: what an attacker does who can compute a digest."""
    body = bundle[: bundle.rindex(b"_bundle ")]
    return body + b'_bundle %s "$@"\n' % hashlib.sha256(body).hexdigest().encode()


def parts_of(bundle: bytes) -> list[bytes]:
    return bundle.split(b"\nD='", 1)[1].split(b"'\n", 1)[0].split(b"\n-\n")


def with_signature(bundle: bytes, signature: str) -> bytes:
    return bundles.compose([part.decode() for part in [*parts_of(bundle), signature.encode()]])


class Site:
    """One key, an image that allows it, and what check() says there."""

    def __init__(self, folder: Path, kind: str = "ed25519") -> None:
        self.folder = folder
        self.key = keys.key(folder, "key", kind)
        self.signers = keys.allowed(folder / "allowed_signers", self.key)
        self.fingerprint = keys.fingerprint(self.key)

    def signed(self, bundle: bytes, key: Path | None = None) -> bytes:
        return with_signature(bundle, sign.signer(key or self.key).sign(bundle))

    def check(self, bundle: bytes, host: Host | None = None) -> str:
        return str(signed.check(host or AtNoon(), bundle, str(self.signers), str(self.folder / "scratch")))

    def refused(self, bundle: bytes, host: Host | None = None) -> tuple[str, str]:
        """(kind, reason) of the refusal, the site's own names shortened."""
        with pytest.raises(signed.Unsigned) as caught:
            self.check(bundle, host)
        assert caught.value.hint and str(caught.value) == caught.value.reason
        reason = caught.value.reason.replace(self.fingerprint, "KEY").replace(str(self.folder), "")
        return caught.value.kind, reason


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize("kind", keys.KINDS)
def test_who_signed_is_named_by_the_list_of_the_image(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path, kind)
    if kind.endswith("-sk"):
        monkeypatch.setenv("SSH_SK_PROVIDER", keys.security_key())
    assert site.check(site.signed(unsigned())) == f"deploy@example.org {site.fingerprint}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["allowed_signers", "key", "key.pub"]


def test_taking_the_signature_off_gives_what_was_signed(site: Site) -> None:
    whole = unsigned()
    assert signed.split(whole) == (whole, None)
    assert signed.split(site.signed(whole)) == (whole, sign.signer(site.key).sign(whole))


def test_unsigned(site: Site) -> None:
    reason = "the bundle is not signed, but a signature by a key in /allowed_signers is required"
    assert site.refused(unsigned()) == ("unsigned", reason)


def test_signed_by_a_stranger(site: Site, tmp_path: Path) -> None:
    stranger = keys.key(tmp_path, "stranger")
    reason = f"the bundle is signed by {keys.fingerprint(stranger)}, which /allowed_signers does not allow"
    assert site.refused(site.signed(unsigned(), stranger)) == ("unknown", reason)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        ('valid-before="20261121115959Z"', "expired"),
        ('valid-before="20261121120000Z"', None),
        ('VALID-BEFORE="202611211159z"', "expired"),
        ('valid-before="20261121Z"', "expired"),
        ('valid-before="20261122Z",namespaces="initialrunner"', None),
        ('valid-after="20261121120001Z"', "early"),
        ('valid-after="20261121120000Z"', None),
        ('valid-after="20260101",valid-before="20270101"', None),
        ('valid-after="20270101",valid-before="20280101"', "early"),
        ('valid-after="20250101",valid-before="20260101"', "expired"),
    ],
)
def test_the_times_of_a_key(
    site: Site, options: str, outcome: str | None, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        keys.allowed(site.signers, site.key, options=options)
        if outcome:
            assert site.refused(site.signed(unsigned()))[0] == outcome
        else:
            assert site.check(site.signed(unsigned()))
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_time_without_z_is_that_of_the_hosts_zone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.allowed(site.signers, site.key, options='valid-before="202611211000"')
    bundle = site.signed(unsigned())
    monkeypatch.setenv("TZ", "America/New_York")  # where noon in UTC is 07:00
    time.tzset()
    try:
        assert site.check(bundle)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert site.refused(bundle)[0] == "expired"


def test_the_reason_names_the_hosts_clock_and_the_limits(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    bundle = site.signed(unsigned())
    keys.allowed(site.signers, site.key, options='valid-after="20200101Z",valid-before="20260101Z"')
    late = site.refused(bundle)
    keys.allowed(site.signers, site.key, options='valid-after="20270101"')
    early = site.refused(bundle)
    monkeypatch.undo()
    time.tzset()
    assert late == (
        "expired",
        "the key KEY, which signed the bundle, is no longer valid: /allowed_signers has valid-after 20200101Z and "
        "valid-before 20260101Z, and this host's clock says 2026-11-21 12:00:00 UTC",
    )
    assert early == (
        "early",
        "the key KEY, which signed the bundle, is not valid yet: /allowed_signers has valid-after 20270101, and "
        "this host's clock says 2026-11-21 12:00:00 UTC",
    )


def test_one_valid_line_is_enough(site: Site) -> None:
    old = f'old@example.org valid-before="20200101Z" {keys.public(site.key)}'
    site.signers.write_text(f"# who may\n\n{old}new@example.org,b@example.org {keys.public(site.key)}")
    assert site.check(site.signed(unsigned())) == f"new@example.org {site.fingerprint}"


@pytest.mark.parametrize(
    "line",
    [
        'who valid-before="soon" KEY',
        'who valid-before="20279999" KEY',
        'who valid-before="20270101",valid-before="20280101" KEY',
        "who no-touch-required KEY",
        'who namespaces="initial\\"runner" KEY',
        'who valid-before="20270101 KEY',
        "KEY",
        "who ssh-ed25519 ?",
    ],
)
def test_a_line_that_cannot_be_read_allows_nobody(site: Site, line: str) -> None:
    site.signers.write_text("# one line\n" + line.replace("KEY", keys.public(site.key)))
    kind, reason = site.refused(site.signed(unsigned()))
    assert kind == "unknown" and "which /allowed_signers does not allow" in reason
    assert reason.endswith("line 2 of it cannot be read") or line == "KEY"


def change(at: int) -> Callable[[list[bytes]], list[bytes]]:
    def changed(parts: list[bytes]) -> list[bytes]:
        middle = len(parts[at]) // 2
        byte = b"A" if parts[at][middle : middle + 1] != b"A" else b"B"
        return [*parts[:at], parts[at][:middle] + byte + parts[at][middle + 1 :], *parts[at + 1 :]]

    return changed


@pytest.mark.parametrize("part", range(4), ids=["code", "plan", "files", "signature"])
def test_a_part_that_was_altered(site: Site, part: int) -> None:
    bundle = site.signed(unsigned())
    kind, reason = site.refused(seal(change(part)(parts_of(bundle))))
    assert kind == "altered"
    if part < 3:
        assert reason == (
            "the bundle is not the one that KEY has signed: it was altered later, or the signature belongs to another "
            "bundle"
        )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"import os\nimport sys", b"import sys\nimport os"),
        (b"for p in python3", b"for p in python4"),
        (b"sets this server up once", b"sets this server up twice"),
    ],
    ids=["stub", "head", "comment"],
)
def test_the_frame_is_signed_too(site: Site, old: bytes, new: bytes) -> None:
    bundle = site.signed(unsigned())
    assert old in bundle
    assert site.refused(redigested(bundle.replace(old, new, 1)))[0] == "altered"


@pytest.mark.parametrize(
    "shape",
    [
        lambda b: b.replace(b'\neval "$H"\n', b'\ntouch /tmp/owned; eval "$H"\n'),
        lambda b: b.replace(b"_bundle() {\n", b"_bundle() {\ntouch /tmp/owned\n", 1),
        lambda b: b.replace(b"\nD='", b"\nD=''$(id)'"),
        lambda b: b.replace(b"'\neval", b"\n-\nAAAA'\neval"),
        lambda b: b.replace(b"\nD='", b"\nD='AAAA\n-\n"),
        lambda b: b"\n" + b,
        lambda b: b.replace(b"#!/bin/sh\n", b"#!/bin/bash\n", 1),
    ],
    ids=["after", "before", "quoted", "fifth-last", "fifth-first", "line-first", "interpreter"],
)
def test_nothing_can_be_put_around_what_was_signed(site: Site, shape: Callable[[bytes], bytes]) -> None:
    bundle = site.signed(unsigned())
    assert shape(bundle) != bundle
    assert site.refused(redigested(shape(bundle)))[0] in ("damaged", "altered")
    assert site.refused(bundle + b"touch /tmp/owned\n")[0] == "damaged"


def test_a_signature_of_another_bundle(site: Site) -> None:
    signature = sign.signer(site.key).sign(unsigned("false"))
    assert site.refused(with_signature(unsigned(), signature))[0] == "altered"


def test_a_signature_written_another_way_is_not_taken(site: Site) -> None:
    signature = sign.signer(site.key).sign(unsigned())
    for other in (signature.replace("\n", ""), signature + "\n", signature + "=", "", "AAAA"):
        assert site.refused(with_signature(unsigned(), other))[0] in ("altered", "damaged")


def test_a_signature_that_was_made_for_something_else(site: Site) -> None:
    done = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-n", "git", "-f", site.key], input=unsigned(), capture_output=True, check=True
    )
    signature = "\n".join(done.stdout.decode().splitlines()[1:-1])
    reason = "the signature by KEY was made for 'git', not for 'initialrunner'"
    assert site.refused(with_signature(unsigned(), signature)) == ("namespace", reason)


def test_a_key_that_may_sign_other_things_only(site: Site) -> None:
    keys.allowed(site.signers, site.key, options='namespaces="git,file"')
    assert site.refused(site.signed(unsigned())) == ("namespace", "/allowed_signers allows KEY to sign for git only")
    keys.allowed(site.signers, site.key, options='namespaces="Initialrunner"')
    assert site.refused(site.signed(unsigned()))[0] == "namespace"
    keys.allowed(site.signers, site.key, options='namespaces="git,initial*"')
    assert site.check(site.signed(unsigned()))


@pytest.mark.parametrize("first", [True, False])
def test_a_line_for_other_things_does_not_stand_in_the_way_of_one_for_bundles(site: Site, first: bool) -> None:
    key = keys.public(site.key)
    lines = [f'git@example.org namespaces="git" {key}', f'deploy@example.org namespaces="initialrunner" {key}']
    site.signers.write_text("".join(lines if first else lines[::-1]))
    assert site.check(site.signed(unsigned())) == f"deploy@example.org {site.fingerprint}"


def certified(folder: Path, key: Path, *more: str) -> Path:
    """A certificate of the key by a new authority, as a .pub file; the agent that signs with it is the caller's."""
    authority = keys.key(folder, "ca")
    subprocess.run(
        ["ssh-keygen", "-q", "-s", authority, "-I", "ci", "-n", "ci@example.org", *more, f"{key}.pub"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "key-cert.pub"


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_certificate_counts_by_its_authority(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path, kind)
    certificate = certified(tmp_path, site.key)
    keys.allowed(site.signers, tmp_path / "ca", principal="a@example.org,ci@example.org", options="cert-authority")
    with keys.agent(tmp_path, site.key) as named:
        monkeypatch.setenv("SSH_AUTH_SOCK", named["SSH_AUTH_SOCK"])
        bundle = site.signed(unsigned(), certificate)
    assert site.check(bundle) == f"ci@example.org {site.fingerprint}"
    keys.allowed(site.signers, tmp_path / "ca", principal="b@example.org", options="cert-authority")
    kind, reason = site.refused(bundle)
    assert kind == "unknown" and reason.startswith("ssh-keygen finds KEY in /allowed_signers but refuses it: ")
    keys.allowed(site.signers, tmp_path / "ca")  # allowed itself, not to certify others
    assert site.refused(bundle)[0] == "unknown"


def test_a_host_without_ssh_keygen(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = site.signed(unsigned())
    monkeypatch.setenv("PATH", str(tmp_path))
    reason = "the bundle is signed, but this host has no ssh-keygen to check it with"
    assert site.refused(bundle) == ("ssh-keygen", reason)


def program(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ssh-keygen that does this instead."""
    (folder / "bin").mkdir()
    (folder / "bin" / "ssh-keygen").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "bin" / "ssh-keygen").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")


def test_what_ssh_keygen_warns_of_is_no_principal(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, real = site.signed(unsigned()), shutil.which("ssh-keygen")
    program(tmp_path, f'echo warning: a remark >&2; exec {real} "$@"', monkeypatch)
    assert site.check(bundle) == f"deploy@example.org {site.fingerprint}"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'unknown option -- Y' >&2; exit 1", "this host's ssh-keygen is too old to check signatures"),
        ("exec sleep 60", "ssh-keygen did not answer within 0.3 s"),
    ],
    ids=["old", "hangs"],
)
def test_an_ssh_keygen_that_cannot(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    bundle = site.signed(unsigned())
    program(tmp_path, script, monkeypatch)
    monkeypatch.setattr(signed, "KEYGEN_S", 0.3)
    assert site.refused(bundle) == ("ssh-keygen", reason)


@pytest.mark.skipif(not FLOOR, reason="needs the Python of the floor")
def test_the_oldest_python_checks_the_same(site: Site, tmp_path: Path) -> None:
    (tmp_path / "check.py").write_text(keys.checker())
    (tmp_path / "bundle").write_bytes(site.signed(unsigned()))
    argv = [FLOOR[0], "-I", "-S", tmp_path / "check.py", tmp_path / "bundle", site.signers, tmp_path / "scratch"]

    def said() -> str:
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    assert said() == f"deploy@example.org {site.fingerprint}\n"
    keys.allowed(site.signers, site.key, options='valid-before="20200101Z"')
    assert said().startswith("expired: ")


def test_a_list_that_is_not_there_or_not_roots_allows_nobody(site: Site, tmp_path: Path) -> None:
    bundle = site.signed(unsigned())
    site.signers.chmod(0o664)
    others = "/allowed_signers can be written by users other than root, so it cannot be trusted"
    assert site.refused(bundle) == ("signers", others)
    site.signers.chmod(0o644)
    os.chown(site.signers, 65534, 0)
    assert site.refused(bundle) == ("signers", others)
    site.signers.rename(tmp_path / "real")
    assert site.refused(bundle) == ("signers", "/allowed_signers is missing: no signature can be accepted")
    site.signers.symlink_to(tmp_path / "real")
    assert site.refused(bundle)[0] == "signers"


def test_no_byte_of_a_signed_bundle_can_be_changed(site: Site) -> None:
    """Every byte, one bit of it: the bundle's own digest says so before a signature is looked at."""
    bundle, host = site.signed(unsigned()), AtNoon()
    for at in reversed(range(len(bundle))):
        changed = bytearray(bundle)
        changed[at] ^= 1 << at % 8
        with pytest.raises(signed.Unsigned):
            signed.check(host, bytes(changed), str(site.signers), str(site.folder / "scratch"))


def test_no_byte_can_be_changed_and_the_digest_mended(site: Site) -> None:
    bundle = site.signed(unsigned())
    end = bundle.rindex(b"_bundle ")
    start = end - len(parts_of(bundle)[3]) - 20
    for at in (*range(0, start, 997), *range(start, end, 9)):
        changed = bytearray(bundle)
        changed[at] ^= 1
        assert site.refused(redigested(bytes(changed)))[0] in ("altered", "damaged", "unknown", "namespace"), at
