"""Who bakes and who seals refuse the lines of allowed_signers by which a host takes nothing, and no others.

The host is asked as it is: the runner's check of a bundle that a real ssh-keygen has signed.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import handmade
import keys
import pytest
from box import needs_root
from image_root import clean_root, put

from bootstrap.image import bake, signers
from bootstrap.image.bake import Settings
from bootstrap.image.finding import Severity
from bootstrap.image.seal import seal
from bootstrap.payload import sign
from bootstrap.payload.refused import Refused
from bootstrap.runner.baked import signed
from bootstrap.runner.baked.program import SIGNERS
from bootstrap.runner.host import Host

pytestmark = [needs_root, keys.needs_ssh_keygen, pytest.mark.usefixtures("runners_signals")]
NOON = 1795262400  # 2026-11-21T12:00:00Z


class AtNoon(Host):
    """A host whose clock stands."""

    def now(self) -> float:
        return NOON


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keys.key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def bundle(key: Path) -> bytes:
    """What the key has signed."""
    return handmade.payload([handmade.stage("one", "true")], sign=sign.signer(key).sign).bundle


@pytest.fixture
def root(tmp_path: Path, key: Path) -> Path:
    """Baked by bake itself, with a list that is right."""
    found = clean_root(tmp_path / "root")
    (found / "usr/local/sbin/initialrunner").unlink()
    put(found, "/usr/bin/ssh-keygen", "ELF", 0o755)
    bake.bake(found, Settings(signers=f"me {keys.public(key)}".encode()))
    assert seal(found).is_clean
    return found


def host_takes(root: Path, bundle: bytes, scratch: Path) -> bool:
    """Whether the list lets a bundle of the key in, now or at another time."""
    try:
        signed.check(AtNoon(), bundle, str(root / SIGNERS.lstrip("/")), str(scratch))
    except signed.Unsigned as error:
        assert error.kind in ("unknown", "namespace", "altered", "expired", "early")
        return error.kind in ("expired", "early")
    return True


OPTION = "is no option that the host reads"
DAMAGED = "the key is no ssh-ed25519 key: it is cut off or damaged"
SHAPE = "the line is not NAME [OPTIONS] TYPE KEY"
# A line, KIND and BLOB standing for the key; why it is refused, None where it is not.
LINES = (
    ("me KIND BLOB", None),
    ("me KIND BLOB a comment ssh-rsa AAAA", None),
    (" \tme\t KIND   BLOB\r", None),
    ('"A. N. Other" namespaces="initialrunner",valid-after="20260101" KIND BLOB', None),
    ("me,you@example.org KIND BLOB", None),
    ('me NAMESPACES="git,initial*" KIND BLOB', None),
    ('me valid-after="202601010000Z",valid-before="20300101123000" KIND BLOB', None),
    ('me valid-before="20200101Z" KIND BLOB', None),
    ('me valid-after="20300101z" KIND BLOB', None),
    ("zoë KIND BLOB", None),
    ("KIND BLOB", "the line does not begin with the name of the signer"),
    ("me", "the line has no type of key, such as ssh-ed25519"),
    ("me BLOB", "the line has no type of key, such as ssh-ed25519"),
    ("me KIND", SHAPE),
    ("me KIND # BLOB", DAMAGED),
    ('me namespaces="initialrunner" valid-after="20260101" KIND BLOB', SHAPE),
    ("me KIND CUT", DAMAGED),
    ("me KIND BLOB====", None),
    ("me KIND -BLOB", DAMAGED),
    ("me KIND OTHER", DAMAGED),
    ("me ssh-rsa BLOB", "the key is no ssh-rsa key: it is cut off or damaged"),
    ("me SSH-ED25519 BLOB", "the key is no SSH-ED25519 key: it is cut off or damaged"),
    ('me valid-before="soon" KIND BLOB', 'valid-before="soon" is no time'),
    ('me valid-before="20279999" KIND BLOB', 'valid-before="20279999" is no time'),
    ('me valid-before="2027-01-01" KIND BLOB', 'valid-before="2027-01-01" is no time'),
    ('me namespaces="initialrunner",Valid-After="2027010" KIND BLOB', 'Valid-After="2027010" is no time'),
    ('me valid-before="20270101",valid-before="20280101" KIND BLOB', "the line has valid-before twice"),
    ('me valid-before="20270101",VALID-BEFORE="20280101" KIND BLOB', "the line has VALID-BEFORE twice"),
    ("me no-touch-required KIND BLOB", f"no-touch-required {OPTION}"),
    ("me namespaces=initialrunner KIND BLOB", f"namespaces=initialrunner {OPTION}"),
    ('me valid-before="20300101 KIND BLOB', "this quote is not closed"),
    ('me namespaces="initialrunner",expires="20300101" KIND BLOB', f'expires="20300101" {OPTION}'),
    ('me namespaces="initial\\"runner" KIND BLOB', f'namespaces="initial\\\\"runner" {OPTION}'),
    ('me namespaces="git,file" KIND BLOB', "the key is for git,file, and bundles are signed for initialrunner"),
    (
        'me namespaces="Initialrunner" KIND BLOB',
        "the key is for Initialrunner, and bundles are signed for initialrunner",
    ),
    ('me namespaces="!initial*,*" KIND BLOB', "the key is for !initial*,*, and bundles are signed for initialrunner"),
    ('me namespaces="" KIND BLOB', "the key is for nothing, and bundles are signed for initialrunner"),
    ("voilà KIND BLOB", "the host takes this character for a blank"),
    ("me\u00a0KIND BLOB", "the host takes this character for a blank"),
    ("\ufeff# a mark of Windows before a comment", "the line has no type of key, such as ssh-ed25519"),
    ("<<<<<<< HEAD", "the line has no type of key, such as ssh-ed25519"),
)  # fmt: skip


def written(line: str, key: Path) -> bytes:
    kind, blob = keys.public(key).split()[:2]
    parts = {"KIND": kind, "BLOB": blob, "CUT": blob[:-8], "OTHER": "AAAAB3" + blob[6:]}
    for name, text in parts.items():
        line = line.replace(name, text)
    return f"# who may\n\n{line}\n".encode()


@pytest.mark.parametrize(("line", "why"), LINES, ids=[line for line, _ in LINES])
def test_bake_and_seal_refuse_what_the_host_would_not_take(
    root: Path, key: Path, bundle: bytes, line: str, why: str | None
) -> None:
    text = written(line, key)
    refused: list[tuple[str, int | None, str]] = []
    try:
        bake.bake(root, Settings(signers=text, signers_file="signers"))
    except Refused as error:
        for problem in error.problems:
            assert problem.where is not None and problem.hint
            refused.append((problem.where.file, problem.where.line, problem.message))
    assert refused == ([] if why is None else [("signers", 3, why)])
    (root / SIGNERS.lstrip("/")).write_bytes(text)
    found = [(one.code, one.path, one.subject) for one in seal(root).of(Severity.ERROR)]
    assert found == ([] if why is None else [("need.signers", SIGNERS, f"line 3: {why}")])
    assert host_takes(root, bundle, root.parent / "scratch") is (why is None)


def test_keys_whose_time_is_over_are_warned_of_where_none_is_left(root: Path, key: Path) -> None:
    times = ("20200101Z", "20240101", "20210101")
    over = b"".join(written(f'me valid-before="{time}" KIND BLOB', key) for time in times)
    said = "every key has expired, the last one at 20240101"
    done = bake.bake(root, Settings(signers=over, signers_file="signers"))
    assert f"signers: {said}" in done.notes
    sealed = seal(root)
    assert [(one.code, one.subject, one.severity) for one in sealed.findings] == [
        ("need.signers", said, Severity.WARNING)
    ]
    for more in ("me KIND BLOB", 'me valid-before="20990101" KIND BLOB'):
        assert bake.bake(root, Settings(signers=over + written(more, key))).notes == ()
        assert seal(root).findings == ()


def test_of_several_lines_each_is_told(root: Path, key: Path) -> None:
    good = written("me KIND BLOB", key)
    (root / SIGNERS.lstrip("/")).write_bytes(good + b"me\n" + written('zoë namespaces="é",x KIND BLOB', key))
    findings = [(finding.subject, finding.reason) for finding in seal(root).findings]
    reason = "payloads that its key has signed would be refused"
    assert findings == [
        ("line 4: the line has no type of key, such as ssh-ed25519", reason),
        (f"line 7: x {OPTION}", reason),
    ]
    with pytest.raises(Refused) as caught:
        bake.bake(root, Settings(signers=written('zoë namespaces="é",x KIND BLOB', key)))
    assert [str(problem.where) for problem in caught.value.problems] == ["allowed_signers:3:20"]


def test_a_list_that_git_takes_too_is_right_where_a_line_is_for_bundles(root: Path, key: Path) -> None:
    git = written('me namespaces="git" KIND BLOB', key)
    ours = written('me namespaces="initialrunner" KIND BLOB', key)
    for text in (git + ours, ours + git):
        assert bake.bake(root, Settings(signers=text)).notes == ()
        assert seal(root).findings == ()
    with pytest.raises(Refused) as caught:
        bake.bake(root, Settings(signers=git + git))
    assert [problem.where.line for problem in caught.value.problems if problem.where] == [3, 6]


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_list_that_others_may_write_is_refused_as_the_host_does(root: Path, bundle: bytes, mode: int) -> None:
    place = root / SIGNERS.lstrip("/")
    place.chmod(mode)
    assert [one.subject for one in seal(root).findings] == ["not a file, or one that others than root may write"]
    with pytest.raises(signed.Unsigned) as caught:
        signed.check(AtNoon(), bundle, str(place))
    assert caught.value.kind == "signers"


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_keys_of_other_types_authorities_and_certificates_are_taken_too(tmp_path: Path, kind: str) -> None:
    key = keys.key(tmp_path, "key", kind)
    line = 'me cert-authority,namespaces="initialrunner" ' + keys.public(key)
    subprocess.run(["ssh-keygen", "-q", "-s", key, "-I", "ci", "-n", "ci", f"{key}.pub"], check=True)
    certificate = "me " + (tmp_path / "key-cert.pub").read_text()
    assert signers.faults(f"{line}{certificate}".encode()) == (2, [])
