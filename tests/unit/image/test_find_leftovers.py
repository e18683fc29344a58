"""Every leftover is found by its own finding, and nothing is found in a clean root."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from box import needs_root
from image_root import FILLED, clean_root, link, plant, put
from planted import PLANTED
from planted.texts import KEY

from bootstrap.image import leftovers, secrets
from bootstrap.image.finding import Severity
from bootstrap.image.leftovers import rule as rule_means
from bootstrap.image.seal import Sealed, seal

pytestmark = needs_root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return clean_root(tmp_path / "root")


def found(sealed: Sealed) -> set[tuple[str, str]]:
    return {(one.code, one.path) for one in sealed.findings}


def test_nothing_is_found_in_a_clean_root(root: Path) -> None:
    assert seal(root).findings == ()


def test_every_leftover_is_found_by_its_own_finding_and_no_other(root: Path) -> None:
    for code, path, content in PLANTED:
        plant(root, code, path, content)
    expected = {(code, path) for code, path, _ in PLANTED}
    sealed = seal(root)
    assert found(sealed) == expected
    assert len(expected) > 100
    warnings = {rule.code for rule in leftovers.LEFTOVERS if rule.warning}
    assert {one.code for one in sealed.of(Severity.WARNING)} == warnings
    assert not [one for one in sealed.findings if not (one.subject and one.reason and one.fix)]


def test_every_kind_in_the_tables_is_planted() -> None:
    tables = (*leftovers.LEFTOVERS, *secrets.SECRETS, *secrets.NAMES)
    assert {rule.code for rule in tables} == {code for code, _, _ in PLANTED}
    assert {rule.code for rule in leftovers.LEFTOVERS if rule.means == rule_means.FILLED} == FILLED


def test_a_password_and_an_account_without_one_are_found(root: Path) -> None:
    hashed = "$6$salt$abcdefghijkl"
    lines = ["root:!:1::::::", f"alice:{hashed}:1::::::", "guest::1::::::", "kiosk::1::::::", f"bob:!{hashed}:1:::::"]
    put(root, "/etc/shadow", "\n".join(lines))
    put(root, "/etc/shadow-", f"root:{hashed}:1::::::\nguest::1::::::\n")
    with (root / "etc/passwd").open("a") as file:
        file.write(f"old:{hashed}:1002:1002::/home/old:/bin/sh\n")
    assert {(one.code, one.path, one.subject) for one in seal(root).findings} == {
        ("account.password.alice", "/etc/shadow", "a password for alice"),
        ("account.open.guest", "/etc/shadow", "no password at all for guest"),
        ("account.open.kiosk", "/etc/shadow", "no password at all for kiosk"),
        ("account.password.root", "/etc/shadow-", "a password for root, as it was before"),
        ("account.password.old", "/etc/passwd", "a password for old"),
    }
    # The copy goes; accounts are for whoever made them.
    assert {one.path for one in seal(root, clean=True).findings} == {"/etc/shadow", "/etc/passwd"}
    assert seal(root, allow=("account.password.*", "account.open.guest", "account.open.kiosk")).is_clean


def test_what_may_not_be_read_is_a_finding() -> None:
    """A gate must not pass what it has not seen."""
    with tempfile.TemporaryDirectory() as folder:
        root = clean_root(Path(folder) / "root")
        for path in ("root", "etc/shadow", "usr/local/sbin/initialrunner"):
            (root / path).chmod(0o700)
        put(root, "/srv/secret", "-----BEGIN PRIVATE KEY-----\n" + "A" * 64, 0o600)
        Path(folder).chmod(0o755)
        os.seteuid(65534)
        try:
            seen = found(seal(root))
        finally:
            os.seteuid(0)
    unread = ("/root", "/srv/secret", "/etc/shadow", "/usr/local/sbin/initialrunner")
    assert seen == {("unseen.unreadable", path) for path in unread}


def test_homes_behind_links_are_looked_into(root: Path) -> None:
    """/home -> var/home, as on systems with an immutable root; the finding names the real place."""
    (root / "home/alice/.bash_history").unlink()
    (root / "home").rename(root / "var/home")
    link(root, "/home", "/var/home")
    put(root, "/var/home/alice/.bash_history", "ls\n")
    assert found(seal(root)) == {("history.shell", "/var/home/alice/.bash_history")}
    seal(root, clean=True)
    assert not (root / "var/home/alice/.bash_history").exists()


def test_a_link_out_of_the_root_leads_nowhere(root: Path, tmp_path: Path) -> None:
    outside = put(tmp_path, "/outside/log/private.log", KEY)
    for path in ("/var/log", "/var/crash", "/srv/tls", "/root/.ssh"):
        place = root / path.lstrip("/")
        if place.is_dir():
            os.rename(place, tmp_path / place.name)
        link(root, path, str(outside.parent))
    link(root, "/opt/up", "../../outside/log/private.log")
    link(root, "/etc/ssh/ssh_host_rsa_key", str(outside))
    assert found(seal(root)) == {("ssh.host-key", "/etc/ssh/ssh_host_rsa_key")}
    assert seal(root, clean=True).is_clean
    assert outside.read_text() == KEY
    assert not (root / "etc/ssh/ssh_host_rsa_key").is_symlink()


@pytest.mark.parametrize("target", ["/srv/logs", "../srv/logs", "/../../srv/logs", "../../../../srv/./app/../logs"])
def test_a_link_in_the_middle_means_what_it_means_on_the_host(root: Path, target: str) -> None:
    """An absolute link is read inside the root, and `..` does not climb out of it."""
    os.rename(root / "var/log", root / "srv/logs")
    link(root, "/var/log", target)
    put(root, "/srv/logs/syslog", "x")
    sealed = seal(root)
    assert found(sealed) == {("log.file", "/srv/logs/syslog")}
    # What lies behind a link may be another's: it is left to a person.
    assert seal(root, clean=True).findings == sealed.findings
    assert (root / "srv/logs/syslog").read_text() == "x"


def test_links_in_a_circle_end(root: Path) -> None:
    link(root, "/var/crash", "/var/crash2")
    link(root, "/var/crash2", "/var/crash")
    link(root, "/etc/systemd/system/a.service", "b.service")
    link(root, "/etc/systemd/system/b.service", "a.service")
    assert [one.subject for one in seal(root, require=("a",)).findings] == ["a is not installed"]


def test_odd_names_are_shown_in_one_line(root: Path) -> None:
    odd = os.fsdecode(b"/tmp/a\nb\xff\x1b[31m\\")
    put(root, odd, "x")
    sealed = seal(root)
    assert found(sealed) == {("tmp.file", odd)}
    shown = sealed.findings[0].as_json()["path"]
    assert shown == r"/tmp/a\x0ab\xff\x1b[31m\\"
    assert seal(root, allow=(str(shown),)).is_clean
    assert seal(root, clean=True).is_clean


def test_nothing_but_regular_files_is_opened(root: Path) -> None:
    """A FIFO without a writer would hold the run for ever; the test would not end."""
    for path in ("etc/machine-id", "root/.netrc", "srv/key.pem", "etc/resolv.conf", "tmp/fifo"):
        (root / path).unlink(missing_ok=True)
        os.mkfifo(root / path)
    assert found(seal(root)) == {("tmp.file", "/tmp/fifo")}


def test_a_huge_sparse_file_costs_nothing(root: Path) -> None:
    with put(root, "/srv/huge.img", "a text, as it seems\n" * 300).open("r+b") as file:
        file.truncate(1 << 40)
    assert seal(root).is_clean


@pytest.mark.timeout(60)
def test_a_text_made_to_keep_a_pattern_busy_does_not(root: Path) -> None:
    """Each would take hours where two repetitions share the same characters."""
    many = 200_000
    put(root, "/srv/a", "-----BEGIN PRIVATE KEY-----" + "\n " * many)
    put(root, "/srv/b", "-----BEGIN " + "A " * many)
    put(root, "/srv/c", "-----BEGIN PRIVATE KEY-----\n" + "A: \n" * many)
    put(root, "/srv/d", "PrivateKey" + " " * many + "=" + " " * many)
    put(root, "/srv/.env", "TOKEN" * many)
    put(root, "/srv/e", "ssh-rsa " * many + "vagrants _authToken" + " " * many)
    put(root, "/etc/iscsi/initiatorname.iscsi", "# " + "#" * many)
    put(root, "/etc/yum.conf", "password " + " " * many + "\nhttp://" * many)
    for name in (".config/gh/hosts.yml", ".my.cnf", ".netrc", ".gitconfig"):
        put(root, f"/root/{name}", "token" * many + "\n" + " " * many)
    assert found(seal(root)) == {("identity.initiator", "/etc/iscsi/initiatorname.iscsi")}


def test_a_tree_deeper_than_a_path_may_be_long(root: Path) -> None:
    here = os.open(root / "srv", os.O_RDONLY)
    for _ in range(60):
        os.mkdir("d" * 100, dir_fd=here)
        below = os.open("d" * 100, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    file = os.open("left.swp", os.O_WRONLY | os.O_CREAT, dir_fd=here)
    os.close(file)
    file = os.open(".x.swp", os.O_WRONLY | os.O_CREAT, dir_fd=here)
    os.write(file, b"b0VIM 9")
    os.close(file)
    os.close(here)
    assert [code for code, path in found(seal(root)) if len(path) > 6000] == ["edit.swap"]
    assert seal(root, clean=True).is_clean
    # By descriptors too, as not every cleaner of temporary folders does it.
    shutil.rmtree(root / "srv")


def test_a_name_that_stays_the_same_is_told_apart_by_its_content(root: Path) -> None:
    put(root, "/usr/local/sbin/initialrunner", "#!/bin/sh\nP='a runner that has run'\n", 0o700)
    assert found(seal(root)) == {("ours.command", "/usr/local/sbin/initialrunner")}


def test_what_a_package_brought_is_no_secret_until_it_is_changed(root: Path) -> None:
    with (root / "etc/browser/apikeys").open("a") as file:
        file.write("# ours\n")
    assert found(seal(root)) == {("token.google", "/etc/browser/apikeys")}


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        ("/root/.bash_history", True),
        ("/root/*", True),
        ("history.*", True),
        ("history.shell:/root/*", True),
        ("history.shell:/home/*", False),
        ("log.*", False),
    ],
)
def test_an_accepted_leftover_is_still_listed(root: Path, pattern: str, covered: bool) -> None:
    put(root, "/root/.bash_history", "ls\n")
    sealed = seal(root, allow=(pattern,))
    assert [one.severity for one in sealed.findings] == [Severity.ALLOWED if covered else Severity.ERROR]
    assert sealed.is_clean is covered
    assert sealed.unused == (() if covered else (pattern,))


@pytest.mark.parametrize("code", ["", "key.private:"])
def test_a_path_with_brackets_is_accepted_as_it_is_shown(root: Path, code: str) -> None:
    put(root, "/srv/key[1].pem", KEY)
    put(root, "/srv/key1.pem", KEY)
    sealed = seal(root, allow=(f"{code}/srv/key[1].pem",))
    accepted = {one.path: one.severity for one in sealed.findings}
    assert accepted["/srv/key[1].pem"] is Severity.ALLOWED
    assert accepted["/srv/key1.pem"] is Severity.ERROR


def test_an_accepted_leftover_is_not_cleaned(root: Path) -> None:
    put(root, "/root/.ssh/authorized_keys", "ssh-ed25519 AAAA admin\n")
    put(root, "/srv/app/.ssh/authorized_keys", "ssh-ed25519 AAAA builder\n")
    sealed = seal(root, allow=("/root/.ssh/authorized_keys",), clean=True, access=True)
    assert sealed.is_clean
    assert (root / "root/.ssh/authorized_keys").exists()
    assert not (root / "srv/app/.ssh/authorized_keys").exists()


def test_a_warning_hides_no_password_of_the_same_file(root: Path) -> None:
    put(root, "/etc/fstab", "//nas/share /mnt cifs username=web,password=Tr0ub4dor&3 0 0\n")
    severities = [(one.code, one.severity) for one in seal(root).findings if one.path == "/etc/fstab"]
    assert ("secret.assigned", Severity.ERROR) in severities
    assert [severity for _, severity in severities].count(Severity.WARNING) == 1
