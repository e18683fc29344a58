"""The Debian package: what it says and holds, installed and used in a fresh bookworm, and gone when it is purged."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import self_signed
from fresh_root import USER, FreshRoot, fresh_tar, needs_fresh_root
from release_copy import EPOCH, FIRST_STEPS, IMPORTS, copied, machine_paths, make, mentions, of_another_builder
from systemd_box import Machine, needs_systemd

import bootstrap

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), needs_fresh_root]
ASK = "python3 -c \"from urllib import request as r; print(r.urlopen('http://127.0.0.1:8099/healthz').status)\""
ASK_TLS = (
    ASK.replace("http:", "https:")
    .replace("8099", "8443")
    .replace("healthz'", "healthz', context=__import__('ssl')._create_unverified_context()")
)
INSTALL = (Path(__file__).parents[2] / "docs/how-to/install.md").read_text(encoding="utf-8")
UNIT = "initialrunner-collector.service"
STATE = "/var/lib/initialrunner-collector"
# As the interpreter that tests is the one that builds, and Debian's is 3.11.
fits_bookworm = pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="bookworm has Python 3.11")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("copy") / "tree")


@pytest.fixture(scope="module")
def package(copy: Path) -> Path:
    return make(copy, "deb")


@pytest.fixture(scope="module")
def opened(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in it, its control files in DEBIAN."""
    folder = tmp_path_factory.mktemp("opened") / "root"
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder], check=True)
    return folder


@pytest.fixture
def root() -> Iterator[FreshRoot]:
    with FreshRoot() as one:
        yield one


def field(package: Path, name: str) -> str:
    return subprocess.check_output(["dpkg-deb", "--field", package, name], text=True).strip()


def test_the_package_says_what_it_is_and_what_it_needs(package: Path) -> None:
    machine = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
    minor = sys.version_info[1]
    version = f"{bootstrap.__version__}+py3{minor}-1"
    assert package.name == f"initialrunner_{version}_{machine}.deb"
    assert (field(package, "Version"), field(package, "Architecture")) == (version, machine)
    needs = field(package, "Depends").split(", ")
    assert needs[:2] == [f"python3 (>= 3.{minor}~)", f"python3 (<< 3.{minor + 1})"]
    assert {need.split()[0] for need in needs} == {"python3", "ca-certificates", "libc6", "libgcc-s1"}
    assert package.stat().st_size < 8_000_000


def test_it_asks_nothing_of_the_machine_but_its_places(opened: Path) -> None:
    assert {p.name for p in (opened / "DEBIAN").iterdir()} == {"control", "md5sums", "postinst", "prerm", "postrm"}
    tops = {"/".join(p.relative_to(opened).parts[:3]) for p in opened.glob("usr/*/*")}
    assert {p.name for p in opened.iterdir()} == {"DEBIAN", "usr"}
    assert tops == {
        "usr/bin/bootstrap", "usr/lib/initialrunner", "usr/lib/systemd", "usr/share/bash-completion", "usr/share/doc",
        "usr/share/man",
    }  # fmt: skip
    programs = {p.relative_to(opened).as_posix() for p in opened.rglob("*") if p.is_file() and os.access(p, os.X_OK)}
    programs = {p for p in programs if (opened / p).lstat().st_mode & 0o111}
    assert programs == {"usr/bin/bootstrap", "DEBIAN/postinst", "DEBIAN/prerm", "DEBIAN/postrm"}


def test_it_holds_what_the_law_and_debian_ask_for(opened: Path) -> None:
    doc = opened / "usr/share/doc/initialrunner"
    said = (doc / "copyright").read_text(encoding="utf-8")
    libraries = {p.name.split("-")[0] for p in opened.glob("usr/lib/initialrunner/*.dist-info")} - {"initialrunner"}
    assert set(re.findall(r"^Files: usr/lib/initialrunner/(.+)\*$", said, re.MULTILINE)) == libraries
    assert len(libraries) > 20
    for stanza in said.split("\n\n")[1:]:
        assert re.search(r"^License: \S+\n .+", stanza, re.MULTILINE), stanza[:200]
    assert (doc / "docs/README.md").is_file()
    assert {p.name for p in doc.glob("*.gz")} == {"changelog.gz", "changelog.Debian.gz"}


def test_nothing_of_the_builders_machine_is_in_it(opened: Path, copy: Path) -> None:
    assert mentions(opened, machine_paths(copy)) == []
    # Not of folders: tar makes some links in them at the end.
    files = [path for path in opened.glob("usr/**/*") if path.is_file() and not path.is_symlink()]
    assert {int(path.stat().st_mtime) for path in files} == {EPOCH}


def test_the_same_commit_gives_the_same_bytes(package: Path, tmp_path: Path) -> None:
    again = of_another_builder(tmp_path, "deb")
    assert (again.name, again.read_bytes() == package.read_bytes()) == (package.name, True)


@fits_bookworm
def test_installed_in_a_fresh_bookworm_it_works_and_purged_it_is_gone(root: FreshRoot, package: Path) -> None:
    before = root.listing()
    root.put(package, "/tmp/one.deb")
    # Without a network, so that apt can take nothing from elsewhere.
    root.sh("apt-get -q install --yes --no-install-recommends /tmp/one.deb")
    assert root.sh("dpkg --verify initialrunner; dpkg --audit") == ""
    with_files = root.listing()
    # An ordinary user, who cannot write what is installed.
    shown = root.sh(FIRST_STEPS.format("/usr/bin/bootstrap"), USER)
    assert shown.startswith(f"bootstrap, version {bootstrap.__version__}\nwrote hello/hello.yaml\n")
    assert "hello/hello.yaml: ok (" in shown
    assert "/bundle: a whole bundle of" in shown
    assert "cidata.iso" in shown
    words = root.sh("COMP_WORDS='bootstrap re' COMP_CWORD=1 _BOOTSTRAP_COMPLETE=bash_complete bootstrap", USER)
    assert words.split() == ["plain,render", "plain,rehearse"]
    root.sh(f"PYTHONPATH=/usr/lib/initialrunner python3 -B - <<'EOF'\n{IMPORTS}\nEOF\n")
    # As root, too, it writes nothing beside its modules.
    root.sh("bootstrap --version && bootstrap check /home/ann/hello && PYTHONPATH=/tmp bootstrap schema >/dev/null")
    # The whole way, collector included, on a machine that has nothing else.
    shown = root.sh(f"bootstrap rehearse /home/{USER}/hello && dpkg --verify initialrunner", kind="passing")
    assert shown.splitlines()[-1].startswith("hello-1: healthy in ")
    root.sh(f"rm -r /home/{USER}/*")
    assert root.listing() == with_files
    # Run by people and by py3compile: bytecode is there, so that every start is a quick one.
    assert any(name.endswith("cli/__pycache__/main.cpython-311.pyc") for name in with_files)
    root.sh("apt-get -q purge --yes initialrunner")
    assert root.listing() == before


@fits_bookworm
def test_other_versions_of_its_libraries_do_not_disturb_it(root: FreshRoot, package: Path) -> None:
    """The distribution's, or what somebody installed with pip: neither sees the other."""
    root.put(package, "/tmp/one.deb")
    root.sh("dpkg --install /tmp/one.deb")
    for place in ("/usr/lib/python3/dist-packages", "/usr/local/lib/python3.11/dist-packages"):
        root.sh(f"mkdir -p {place} && for one in click yaml pydantic; do echo 1/0 >{place}/$one.py; done")
        root.sh(f"echo 'import missing' >{place}/other.pth")
    # In PYTHONPATH even one of Python's own would come first.
    root.sh("echo 1/0 >/tmp/json.py")
    done = root.run("cd /tmp && bootstrap new hello && bootstrap check hello --json", PYTHONPATH="/tmp")
    assert (done.returncode, done.stderr) == (0, "")
    assert root.run("python3 -S -c 'import pydantic_core'").returncode == 1


@fits_bookworm
@needs_systemd
def test_the_collectors_service_is_off_until_asked_for_and_keeps_what_it_knows(package: Path) -> None:
    with Machine(fresh_tar()) as machine:
        machine.boot()
        machine.put("/var/tmp/one.deb", package.read_bytes())
        assert "Setting up initialrunner" in machine.sh("dpkg --install /var/tmp/one.deb")
        assert machine.sh(f"systemctl is-enabled {UNIT}; systemctl is-active {UNIT}").split() == [
            "disabled",
            "inactive",
        ]
        machine.sh("echo 'OPTIONS=--listen 127.0.0.1:8099' >/etc/default/initialrunner-collector")
        assert machine.sh(f"systemctl enable --quiet --now {UNIT}") == ""
        machine.wait_for(lambda: machine.sh(ASK).strip() == "200")
        token = machine.sh(f"cat {STATE}/token")
        assert len(token) > 20
        # Its user owns the folder and is nobody else's; the files are for that user alone.
        assert machine.sh(f"stat -c %a {STATE}/ {STATE}/secret {STATE}/collector.db").split() == ["700", "600", "600"]
        assert machine.sh(f"ps -o user= -p $(systemctl show -P MainPID {UNIT})").strip() != "root"
        machine.sh(f"systemctl restart {UNIT}")
        machine.wait_for(lambda: machine.sh(ASK).strip() == "200")
        assert machine.sh(f"cat {STATE}/token") == token
        # An upgrade starts the new program.
        pid = machine.sh(f"systemctl show -P MainPID {UNIT}")
        machine.sh("dpkg --install /var/tmp/one.deb")
        machine.wait_for(lambda: machine.sh(ASK).strip() == "200")
        assert machine.sh(f"systemctl show -P MainPID {UNIT}") != pid
        # With the certificate that only root can read, as the page on installing has it.
        certificates, drop_in = f"{machine.root}/etc/ssl/deploy", f"/etc/systemd/system/{UNIT}.d/override.conf"
        make_certificate(Path(certificates))
        machine.put(drop_in, dict(re.findall(r"^```(ini)\n(.*?)^```$", INSTALL, re.MULTILINE | re.DOTALL))["ini"])
        machine.sh(f"systemctl daemon-reload; systemctl restart {UNIT}")
        machine.wait_for(lambda: machine.sh(ASK_TLS).strip() == "200")
        machine.sh("dpkg --purge initialrunner")
        assert machine.sh(f"systemctl is-active {UNIT}").strip() == "inactive"
        left = machine.sh("find /etc /usr /var /run -name '*initialrunner*' -not -path '/var/lib/dpkg/*'").split()
        # What the admin wrote is the admin's.
        assert sorted(left) == ["/etc/default/initialrunner-collector", str(Path(drop_in).parent)]


def make_certificate(folder: Path) -> None:
    """cert.pem and key.pem, for root only."""
    folder.mkdir(mode=0o700)
    self_signed(folder, "deploy.internal", address=None)
    for one in folder.iterdir():
        one.chmod(0o600)
