"""The programs of a machine on which nothing was installed but what `.ci/packages` declares, as a folder of links.

    .venv/bin/python tests/support/declared.py GROUP COMMAND...

runs a command that finds, by name, only what is in .venv/bin and in that folder, and no Python module of the user's.
A test that starts anything else fails here as it would on a new machine, and not only there.

The folder links the programs of
- Debian's essential packages and apt, with all that they depend on: the smallest Debian that can install something;
- the packages that `.ci/packages --list GROUP` names. What those depend on is left out, although a new machine has it:
  a dependency may go away with the next release, and a test that needs its programs had better declare them.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sysconfig.get_path("scripts"))
# In the order of PATH. Not /usr/local: no package puts anything there.
FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
FORMAT = "${db:Status-Status}\t${Package}\t${Essential}\t${Pre-Depends}, ${Depends}\t${Provides}\n"
# The PATH of a login of root, for programs in another root, which does not have the links.
LOGIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# They would add modules to every Python that a test starts.
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")


@dataclass(frozen=True)
class Package:
    """One installed package: each of its dependencies is met by any one of some names."""

    name: str
    is_essential: bool
    dependencies: list[list[str]]
    provides: list[str]


def installed() -> dict[str, Package]:
    """The packages that dpkg has installed on this machine, by name."""
    rows = _output("dpkg-query", "--show", f"--showformat={FORMAT}").splitlines()
    fields = [row.split("\t") for row in rows if row.startswith("installed\t")]
    return {
        name: Package(name, essential == "yes", [_names(clause) for clause in needs.split(",")], _names(provides, ","))
        for _, name, essential, needs, provides in fields
    }


def _names(text: str, between: str = "|") -> list[str]:
    """The names in `libc6 (>= 2.34) | libc6.1:any`, without versions and architectures."""
    return [re.split(r"[ (:\[]", name.strip())[0] for name in text.split(between) if name.strip()]


def declared(group: str) -> list[str]:
    """The packages that `.ci/packages` names for a group of targets."""
    return _output(str(TOP / ".ci" / "packages"), "--list", group).split()


def smallest(packages: Mapping[str, Package]) -> set[str]:
    """The names of the essential packages and apt, and of all that these depend on."""
    providers: dict[str, list[str]] = {}
    for package in packages.values():
        for name in package.provides:
            providers.setdefault(name, []).append(package.name)
    names: set[str] = set()
    pending = ["apt", *(package.name for package in packages.values() if package.is_essential)]
    while pending:
        name = pending.pop()
        if name in packages and name not in names:
            names.add(name)
            for choices in packages[name].dependencies:
                real = [choice for choice in choices if choice in packages]
                pending += real[:1] or [provider for choice in choices for provider in providers.get(choice, ())]
    return names


def programs(packages: Iterable[str]) -> dict[str, Path]:
    """{name: path} of the programs of some installed packages, as PATH would find them.

    One whose path no package owns is judged by what it is a link to: alternatives such as awk and iptables.
    """
    owned = set(_files(packages))
    programs: dict[str, Path] = {}
    for folder in FOLDERS:
        for path in sorted(Path(folder).iterdir()):
            is_theirs = _whole(path) in owned or os.path.realpath(path) in owned
            if is_theirs and path.is_file() and os.access(path, os.X_OK):
                programs.setdefault(path.name, path)
    return programs


def _files(packages: Iterable[str]) -> Iterator[str]:
    for line in _output("dpkg-query", "--listfiles", *packages).splitlines():
        if line.startswith("/"):
            yield _whole(Path(line))


def _whole(path: Path) -> str:
    """A path as it is without links in its folders: dpkg says /bin/sh of what is in /usr/bin."""
    return os.path.join(os.path.realpath(path.parent), path.name)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def findable(group: str) -> dict[str, Path]:
    """{name: path} of the programs that tests of a group may start. Says which declared package is not here."""
    packages = installed()
    names = declared(group)
    for name in names:
        if name not in packages:
            print(f"declared in .ci/packages, but not installed as a package: {name}", file=sys.stderr)
    return programs(smallest(packages) | {name for name in names if name in packages})


def environment(path: str) -> dict[str, str]:
    """The environment of tests that find the tools of .venv first, then what is on this path."""
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return environment | {"PATH": f"{SCRIPTS}{os.pathsep}{path}", "PYTHONNOUSERSITE": "1"}


def within() -> dict[str, str]:
    """The environment for a program that is started in another root than this machine's."""
    return os.environ | {"PATH": LOGIN_PATH}


def run(group: str, command: Sequence[str]) -> int:
    """Run a command so, and give its exit code. Where there is no dpkg, all of PATH counts as declared."""
    # Not in the checkout, which may lie in a home folder: tests start programs as other users too.
    with tempfile.TemporaryDirectory(prefix="declared-") as folder:
        Path(folder).chmod(0o755)
        if shutil.which("dpkg-query"):
            for name, path in findable(group).items():
                Path(folder, name).symlink_to(path)
            variables = environment(folder)
        else:
            variables = environment(os.environ.get("PATH", os.defpath))
        program = shutil.which(command[0], path=variables["PATH"]) or command[0]
        process = subprocess.Popen([program, *command[1:]], env=variables)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        # Ctrl-C reaches both: pytest then says what it has.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        code = process.wait()
        return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
