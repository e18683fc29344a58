"""Tests find the tools of .venv and the programs that `.ci/packages` declares; nothing else that is on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import declared
import pytest
from box import needs_root

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="needs Debian's dpkg")
SCRATCH = """
import pytest

@pytest.mark.skipif(True, reason="needs a tool")
def test_marked():
    pass

def test_inside():
    pytest.skip("no tool here")

def test_accepted():
    pytest.skip("no other interpreters here")
"""


def run(*command: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin"} | variables
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def names_in(folder: str | Path) -> set[str]:
    return {path.name for path in Path(folder).iterdir() if os.access(path, os.X_OK)}


def owners(paths: list[str]) -> dict[str, set[str]]:
    """{path: packages} by dpkg's own search, for a path as it is and as it was before /bin was merged into /usr/bin."""
    asked = [*paths, *(path.removeprefix("/usr") for path in paths)]
    answer = subprocess.run(["dpkg-query", "--search", *asked], capture_output=True, text=True, check=False).stdout
    packages: dict[str, set[str]] = {}
    for line in answer.splitlines():
        names, _, path = line.rpartition(": ")
        whole = path if path.startswith("/usr") else f"/usr{path}"
        packages.setdefault(whole, set()).update(name.split(":")[0] for name in names.split(", "))
    return packages


@needs_dpkg
def test_found_are_only_programs_of_declared_packages_and_of_the_smallest_debian() -> None:
    programs = declared.findable("test")
    allowed = declared.smallest(declared.installed()) | set(declared.declared("test"))
    targets = {name: {str(path), os.path.realpath(path)} for name, path in programs.items()}
    packages = owners(sorted(set().union(*targets.values())))
    theirs = {name: set().union(*(packages.get(path, set()) for path in paths)) for name, paths in targets.items()}
    assert {name: packages for name, packages in theirs.items() if not allowed & packages} == {}
    # Programs of every sort: of an essential package, of /usr/sbin, an alternative, a link to one with many names.
    assert {"sh", "cron", "awk", "iptables", "modprobe", "strace", "git", "make"} <= set(programs)


@needs_dpkg
def test_what_is_installed_on_this_machine_and_not_declared_is_not_found(root: Path, tmp_path: Path) -> None:
    (tmp_path / "invented").write_text("#!/bin/sh\n")
    (tmp_path / "invented").chmod(0o755)
    (tmp_path / "invented_module.py").touch()
    there = names_in("/usr/bin") | names_in("/usr/sbin") | {"invented"}
    others = there - set(declared.findable("test")) - names_in(declared.SCRIPTS)
    script = f"""
        for name in {" ".join(sorted(others))}; do command -v "$name"; done
        python3 -c 'import invented_module' 2>&1 | grep -o ModuleNotFoundError
        python3 -c 'import sys; print(sys.path)' | grep -o {tmp_path}
        readlink "$(command -v strace)"
    """
    done = run(
        sys.executable, "tests/support/declared.py", "test", "sh", "-c", script,
        cwd=root, PATH=f"{tmp_path}:/usr/sbin:/usr/bin", PYTHONPATH=str(tmp_path), HOME=str(tmp_path),
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["ModuleNotFoundError", "/usr/bin/strace"]


@needs_dpkg
@pytest.mark.parametrize("package", ["strace", "busybox", "iptables", "cron"])
def test_without_its_line_in_the_list_a_program_is_not_found(root: Path, tmp_path: Path, package: str) -> None:
    """The list is read from the script itself; there is no second one."""
    for name in ("tests/support/declared.py", ".ci/packages"):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(root / name, tmp_path / name)
    found = (sys.executable, "tests/support/declared.py", "test", "sh", "-c", f"command -v {package}")
    assert run(*found, cwd=tmp_path).stdout.endswith(f"/{package}\n")

    script = (tmp_path / ".ci/packages").read_text()
    (tmp_path / ".ci/packages").write_text(re.sub(rf"^ *need {package} .*\n", "", script, flags=re.MULTILINE))
    assert run(*found, cwd=tmp_path).stdout == ""


@needs_dpkg
@needs_root
def test_other_users_find_the_same_whatever_folder_the_clone_is_in(root: Path) -> None:
    script = "command -v git && setpriv --reuid=65534 --clear-groups git --version"
    done = run(sys.executable, "tests/support/declared.py", "test", "sh", "-c", script, cwd=root)
    folder = Path(done.stdout.splitlines()[0]).parent
    assert done.stdout.splitlines()[1].startswith("git version")
    assert not folder.exists()


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", 137)], ids=["its-own", "of-a-signal"])
def test_the_exit_code_is_that_of_the_tests(root: Path, script: str, code: int) -> None:
    assert run(sys.executable, "tests/support/declared.py", "demo", "sh", "-c", script, cwd=root).returncode == code


@pytest.mark.parametrize("group", ["demo", "rollout", "test", "slow", "vm", "release"])
def test_the_list_is_the_same_whatever_is_installed(root: Path, tmp_path: Path, group: str) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("grep", "dpkg"):
        (tmp_path / "empty" / name).symlink_to(shutil.which(name) or "/")
    listed = [
        run("/bin/sh", root / ".ci/packages", "--list", group, cwd=tmp_path, PATH=path)
        for path in (os.environ["PATH"], str(tmp_path / "empty"))
    ]
    assert [done.stderr for done in listed] == ["", ""]
    assert listed[0].stdout == listed[1].stdout
    assert {"python3-venv", "git", "make"} <= set(listed[0].stdout.split())


def test_make_starts_the_tests_of_ci_only_so(root: Path) -> None:
    done = run("make", "-n", "test", "test-slow", cwd=root)
    started = [line for line in done.stdout.splitlines() if "-m pytest" in line]
    assert len(started) == 2
    assert all(line.startswith(".venv/bin/python tests/support/declared.py ") for line in started)
    assert set(re.findall(r"make (\S+)", (root / ".ci/run").read_text())) >= {"test", "test-slow"}


@pytest.mark.parametrize("tool", ["shellcheck", "ruff", "mypy", "bootstrap"])
def test_tools_of_the_environment_are_found_without_activating_it(root: Path, tool: str) -> None:
    script = f"import conftest, shutil; print(shutil.which({tool!r}))"
    done = run(sys.executable, "-c", script, cwd=root / "tests", PYTHONPATH="support")
    assert done.stdout == f"{sysconfig.get_path('scripts')}/{tool}\n"


def is_ours(entry: Path, root: Path) -> bool:
    """Whether a place of modules is the checkout, the environment or Python's own library."""
    library = Path(sysconfig.get_path("stdlib"))
    if any(map(entry.is_relative_to, (root, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))):
        return True
    # Debian keeps what its packages bring below the library.
    is_library = entry.is_relative_to(library) and not {"dist-packages", "site-packages"} & set(entry.parts)
    return is_library or entry == library.parent / f"python{sys.version_info[0]}{sys.version_info[1]}.zip"


def test_modules_come_from_the_environment_the_library_and_the_checkout_alone(root: Path) -> None:
    assert [entry for entry in map(Path, sys.path) if not is_ours(entry, root)] == []
    assert "include-system-site-packages = false" in Path(sys.prefix, "pyvenv.cfg").read_text()


@pytest.mark.parametrize(("ci", "counts"), [("true", "1 failed, 1 skipped, 2 errors"), ("", "4 skipped")])
def test_in_ci_a_skip_for_want_of_a_tool_is_a_failure(root: Path, tmp_path: Path, ci: str, counts: str) -> None:
    (tmp_path / "test_scratch.py").write_text(SCRATCH)
    (tmp_path / "test_whole.py").write_text("import pytest\npytest.skip('needs it', allow_module_level=True)\n")
    options = ("-q", "-p", "conftest", "-p", "no:cacheprovider", "--continue-on-collection-errors")
    done = run(
        sys.executable, "-m", "pytest", *options, *sorted(tmp_path.glob("test_*.py")), cwd=tmp_path,
        PYTHONPATH=f"{root}/tests:{root}/tests/support", CI=ci, INITIALRUNNER_TEST_LOCKS=str(tmp_path / "locks"),
    )  # fmt: skip
    assert re.sub(r" in .*", "", done.stdout.splitlines()[-1]) == counts
    assert ("CI accepts no such skip (tests/support/skips.py): needs a tool" in done.stdout) == bool(ci)
