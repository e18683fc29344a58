"""The texts of a Debian package beside its programs: control, copyright, changelog, manual page, shell completion."""

from __future__ import annotations

import email
import os
import re
import textwrap
import time
from email.message import Message
from pathlib import Path

from staging import TOP, Tree, python_version

SUMMARY = "first-boot toolkit: render, rehearse, run once, report back"
DESCRIPTION = """
One YAML file says what a new server needs. bootstrap turns it into what a
server-create call takes, rehearses it in a throwaway copy of this machine,
keeps the reports of the servers, and waits in deploy scripts until they are
healthy.
.
This package is for the machine that you deploy from; the servers themselves
need nothing installed. It brings the versions of its dependencies that it was
tested with, apart from those of the distribution.
"""
# ssh-keygen signs payloads; rehearsals have a real cron daemon on request; `check --lint` asks shellcheck.
RECOMMENDS, SUGGESTS = "openssh-client", "cron, shellcheck"


APACHE = "On Debian see /usr/share/common-licenses/Apache-2.0"


def maintainer() -> str:
    """The name of the builder, by the variables of Debian's own tools. The reserved domain says that none was given."""
    name = os.environ.get("DEBFULLNAME", "initialrunner maintainers")
    return f"{name} <{os.environ.get('DEBEMAIL', 'maintainers@initialrunner.invalid')}>"


def control(tree: Tree, version: str, architecture: str, installed_kib: int) -> str:
    """The control file. The interpreter's minor version is the one that the extensions fit."""
    major, minor = python_version()
    fields = {
        "Package": "initialrunner",
        "Version": version,
        "Section": "admin",
        "Priority": "optional",
        "Architecture": architecture,
        "Maintainer": maintainer(),
        "Installed-Size": str(installed_kib),
        "Depends": f"python3 (>= {major}.{minor}~), python3 (<< {major}.{minor + 1}), ca-certificates, "
        f"libc6 (>= 2.{tree.glibc}), libgcc-s1",
        "Recommends": RECOMMENDS,
        "Suggests": SUGGESTS,
        "Description": SUMMARY + textwrap.indent(DESCRIPTION, " ").rstrip(),
    }
    return "".join(f"{key}: {value}\n" for key, value in fields.items())


def changelog(tree: Tree, version: str) -> str:
    """Debian's form. What changed stands in the project's own changelog, shipped beside it."""
    when = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(tree.epoch))
    return (
        f"initialrunner ({version}) unstable; urgency=medium\n\n"
        f"  * Version {tree.version}; see changelog.gz.\n\n -- {maintainer()}  {when}\n"
    )


def copyright_file(tree: Tree) -> str:
    """Ours, then each library's licence, its text as its own distribution gives it."""
    parts = [
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        "Upstream-Name: initialrunner\n"
        "Comment: The libraries below /usr/lib/initialrunner are those of requirements-release.lock, as their authors\n"
        " publish them on the Python Package Index, without debug symbols.\n",
        _stanza("*", "the authors of initialrunner", "Apache-2.0", f" {APACHE}"),
    ]
    for info in sorted(tree.folder.glob("*.dist-info")):
        about = email.message_from_string((info / "METADATA").read_text(encoding="utf-8"))
        if about["Name"] == "initialrunner":
            continue
        texts = sorted(p for p in info.rglob("*") if p.is_file() and re.match(r"LICEN[CS]E|COPYING|NOTICE", p.name))
        text = "\n\n".join(_license_text(path) for path in texts)
        folded = "\n".join(f" {line.rstrip()}" if line.strip() else " ." for line in text.splitlines())
        name = about["Name"].lower()
        parts.append(
            _stanza(f"usr/lib/initialrunner/{_module(info)}", f"the authors of {name}", _license(about), folded)
        )
    return "\n".join(parts)


def _license_text(path: Path) -> str:
    """The text of a library's licence; for one that Debian has in a file of its own, the path of that file."""
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    return APACHE if "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION" in text else text


def _stanza(files: str, who: str, license_name: str, text: str) -> str:
    return f"Files: {files}\nCopyright: {who}\nLicense: {license_name}\n{text}\n"


def _module(info: Path) -> str:
    return f"{info.name.split('-')[0]}*"


def _license(about: Message) -> str:
    classified = (c.rpartition(":: ")[2] for c in about.get_all("Classifier", []) if c.startswith("License ::"))
    name = about["License-Expression"] or about["License"] or next(classified, "see-text")
    return re.sub(r"\W*\bLicense\b|[^\w.+-]+", "-", str(name)).strip("-") or "see-text"


def manual() -> str:
    """bootstrap(1): the verbs and the exit codes. Every option is in --help and in docs/reference/cli.md."""
    from bootstrap.cli.main import VERBS
    from bootstrap.errors import ExitCode

    about = _roff(DESCRIPTION.strip()).replace("\n.\n", "\n.PP\n")
    lines = [
        '.TH BOOTSTRAP 1 "" initialrunner "User Commands"',
        ".SH NAME",
        f"bootstrap \\- {_roff(SUMMARY)}",
        ".SH SYNOPSIS",
        ".B bootstrap",
        _roff("[--version] [--debug] [--help]"),
        ".I COMMAND",
        _roff("[--help] [OPTION ...] [ARGUMENT ...]"),
        ".SH DESCRIPTION",
        about,
        ".SH COMMANDS",
        *(f".TP\n.B {verb}\n{_roff(text)}" for verb, text in VERBS.items()),
        ".SH EXIT STATUS",
        *(f".TP\n.B {code.value}\n{_roff(code.meaning)}" for code in ExitCode),
        ".SH FILES",
        f".TP\n.I {_roff('/usr/share/doc/initialrunner/docs')}\nAll pages; docs/reference/cli.md has every option.",
        f".TP\n.I {_roff('/etc/default/initialrunner-collector')}\nOPTIONS= for the service; not there by default.",
    ]
    return "\n".join(lines) + "\n"


def _roff(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


def completion() -> str:
    """The script for bash that asks `bootstrap` itself for the words."""
    from click.shell_completion import BashComplete, ShellComplete

    from bootstrap.cli.main import cli

    # Not BashComplete.source, which looks at the bash of the machine that builds.
    return ShellComplete.source(BashComplete(cli, {}, "bootstrap", "_BOOTSTRAP_COMPLETE")) + "\n"


def pages() -> list[Path]:
    """The files for /usr/share/doc, unchanged, so that the links between the pages hold."""
    paths = [TOP / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE")]
    for folder in ("docs", "examples"):
        paths += [p for p in (TOP / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    return sorted(paths)
