"""Older copies, dumps and installers are found by name, and what only has such a name in a library is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from box import needs_root
from image_root import clean_root, link, put

from bootstrap.image.finding import Cleaning, Severity
from bootstrap.image.seal import seal

pytestmark = needs_root
REMOVED, WARNING = (Severity.ERROR, Cleaning.REMOVE), (Severity.WARNING, Cleaning.LISTED)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return clean_root(tmp_path / "root")


@pytest.mark.parametrize(
    ("path", "code", "judged"),
    [
        ("/etc/ssh/ssh_config~", "backup.edited", REMOVED),
        ("/etc/default/grub.bak", "backup.edited", REMOVED),
        ("/home/alice/notes.bak", "backup.edited", REMOVED),
        ("/srv/app/run.sh~", "backup.edited", REMOVED),
        ("/srv/data/base.sql.bak", "backup.edited", WARNING),
        ("/var/lib/app/base.bak", "backup.edited", WARNING),
        ("/etc/my.cnf.rpmsave", "backup.packages", WARNING),
        ("/etc/ssh/ssh_config.dpkg-old", "backup.packages", WARNING),
        ("/etc/default/grub.ucf-dist", "backup.packages", WARNING),
        ("/opt/app/hs_err_pid77.log", "crash.java", REMOVED),
        ("/opt/app/java_pid77.hprof", "crash.java", REMOVED),
        ("/root/VBoxGuestAdditions_7.0.18.iso", "builder.tools", REMOVED),
        ("/home/alice/.vbox_version", "builder.tools", REMOVED),
    ],
)
def test_a_copy_or_a_dump_is_found(root: Path, path: str, code: str, judged: tuple[Severity, Cleaning]) -> None:
    put(root, path, "x\n")
    (finding,) = seal(root).findings
    assert (finding.code, finding.path) == (code, path)
    assert (finding.severity, finding.clean) == judged
    after = seal(root, clean=True)
    assert [one.path for one in after.findings] == ([] if judged is REMOVED else [path])
    assert [one.path for one in after.cleaned] == ([path] if judged is REMOVED else [])


def test_a_folder_that_is_two_homes_is_looked_through_once(root: Path) -> None:
    """Accounts of services have homes in /var and in /srv; the home of one may lie in the home of another."""
    with (root / "etc/passwd").open("a") as file:
        file.write("www:x:33:33::/var/www:/bin/false\nsite:x:34:34::/var/www/site:/bin/false\n")
    put(root, "/var/www/site/index.html~", "x")
    assert [one.path for one in seal(root).findings] == ["/var/www/site/index.html~"]


@pytest.mark.parametrize(
    "path",
    [
        "/opt/app/node_modules/x/index.js.bak", "/opt/app/lib/python3.11/site-packages/x/y.py~",
        "/srv/app/.git/config~", "/usr/share/doc/x/old.bak", "/etc/bak", "/opt/agent/store.bak",
        "/etc/x.backup.conf",
        "/var/lib/dpkg/status.bak", "/opt/tools/linux.iso",
    ],
)  # fmt: skip
def test_what_is_no_copy_is_not_found(root: Path, path: str) -> None:
    put(root, path, "x\n")
    link(root, "/etc/link.bak", "bak")
    put(root, "/etc/empty~")
    assert seal(root).findings == ()
