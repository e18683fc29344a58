"""What the stand-in for systemd makes of the texts of units; and that it runs on every Python that it must."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from bootstrap.rehearse import standin, units
from bootstrap.rehearse.standin import systemctl
from bootstrap.rehearse.standin.commands import BadUnit, assignments, commands, environment, seconds, split
from bootstrap.rehearse.standin.conditions import unmet
from bootstrap.rehearse.standin.places import full_name
from bootstrap.rehearse.standin.unitfiles import Unit, parse_into, unescaped

SOURCES = sorted(Path(standin.__file__).parent.glob("*.py"))


def unit(text: str, name: str = "web@blue-1.service") -> Unit:
    settings: dict[str, dict[str, list[str]]] = {}
    parse_into(settings, text)
    return Unit(name, f"/etc/systemd/system/{name}", settings)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a  b\tc", ["a", "b", "c"]),
        ("'a b' \"c d\"", ["a b", "c d"]),
        (r"a\x20b a\sb", ["a b", "a b"]),
        ("'it\"s' \"it's\"", ['it"s', "it's"]),
        ("--name='two words'", ["--name='two", "words'"]),
        ("''", [""]),
        ("", []),
    ],
)
def test_words_are_split_as_systemd_does(text: str, words: list[str]) -> None:
    assert split(text) == words


def test_a_command_has_prefixes_variables_and_specifiers() -> None:
    found = commands(unit("[Service]\nExecStart=-+/bin/%p a $LIST ${ONE}x $$HOME %i %%\n"), "ExecStart")
    assert [(c.words[0], c.may_fail, c.as_root) for c in found] == [("/bin/web", True, True)]
    variables = {"LIST": "b c", "ONE": "1"}
    assert found[0].argv(variables) == ("/bin/web", ["/bin/web", "a", "b", "c", "1x", "$HOME", "blue-1", "%"])
    (named,) = commands(unit("[Service]\nExecStart=@/bin/sh login -c true\n"), "ExecStart")
    assert named.argv({}) == ("/bin/sh", ["login", "-c", "true"])
    (literal,) = commands(unit("[Service]\nExecStart=:/bin/echo $A\n"), "ExecStart")
    assert literal.argv({"A": "x"})[1] == ["/bin/echo", "$A"]
    assert len(commands(unit("[Service]\nExecStart=/bin/a x ; /bin/b \\; y\n"), "ExecStart")) == 2
    with pytest.raises(BadUnit, match="has no program"):
        commands(unit("[Service]\nExecStart=-\n"), "ExecStart")


def test_a_file_is_read_with_comments_continuations_and_resets() -> None:
    read = unit("; a\n[Service]\n# b\nExecStartPre=/bin/a \\\n  b\nExecStartPre=\nExecStartPre=/bin/c\nno assignment\n")
    assert read.all("Service", "ExecStartPre") == ["/bin/c"]
    assert unit("[Service]\nA=x \\\n  y\n").last("Service", "A").split() == ["x", "y"]
    assert read.flag("Service", "RemainAfterExit", True)
    assert unescaped(r"srv-a\x2db") == "srv/a-b"


def test_environment_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("# c\nA=1\nB='x y'\n C = \"z\"\n;D=4\nE=a'b\n")
    assert assignments(str(tmp_path / "a")) == {"A": "1", "B": "x y", "C": "z", "E": "a'b"}
    text = f'[Service]\nEnvironment=A=0 "F=g h"\nEnvironmentFile={tmp_path}/*\nUnsetEnvironment=B\n'
    found = environment(unit(text), {"USER": "www"})
    assert {key: found.get(key) for key in "ABF"} == {"A": "1", "B": None, "F": "g h"}
    assert found["USER"] == "www"


@pytest.mark.parametrize(
    ("text", "value"),
    [("90", 90), ("1min 30s", 90), ("500ms", 0.5), ("2h", 7200), ("infinity", float("inf")), ("", 7), ("soon", 7)],
)
def test_time_spans(text: str, value: float) -> None:
    assert seconds(text, 7) == value


def test_conditions_look_at_files(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("x")
    there, none = f"{tmp_path}/there", f"{tmp_path}/none"
    assert unmet(unit(f"[Unit]\nConditionPathExists={there}\nConditionPathExists=!{none}\n"), "Condition") == ""
    assert unmet(unit(f"[Unit]\nConditionFileNotEmpty={none}\n"), "Condition") == f"ConditionFileNotEmpty={none}"
    assert unmet(unit(f"[Unit]\nConditionPathExists=|{none}\nConditionPathExists=|{there}\n"), "Condition") == ""
    assert unmet(unit(f"[Unit]\nConditionPathExists=|!{there}\n"), "Condition") == f"ConditionPathExists=|!{there}"


def test_the_command_line_of_systemctl() -> None:
    options, words = systemctl.parsed(["--now", "-qa", "-p", "Id,Result", "-n5", "--signal=HUP", "enable", "--", "-x"])
    assert words == ["enable", "-x"]
    assert (options.has("--now"), options.is_quiet, options.has("-a"), options.waits) == (True, True, True, True)
    assert options.values == {"property": ["Id,Result"], "lines": ["5"], "signal": ["HUP"]}
    assert (full_name("web"), full_name("a.b"), full_name("x.timer")) == ("web.service", "a.b.service", "x.timer")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.name))
def test_it_is_python_3_9_and_needs_nothing_else(source: Path) -> None:
    tree = ast.parse(source.read_text(), feature_version=(3, 9))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            own = name.startswith("bootstrap.rehearse.standin")
            assert own or name.split(".")[0] in sys.stdlib_module_names, name
            assert name not in {"tomllib", "zoneinfo"}


@pytest.mark.parametrize(
    ("python", "wanted"), [("python3.9", True), ("python3.13", True), ("python3.7", False), ("python3.6", False)]
)
def test_a_system_with_an_older_python_has_none(tmp_path: Path, python: str, wanted: bool) -> None:
    (tmp_path / "usr/lib/systemd/system").mkdir(parents=True)
    (tmp_path / "usr/bin").mkdir()
    (tmp_path / "usr/bin" / python).touch()
    (tmp_path / "usr/bin/python3").symlink_to(f"/usr/bin/{python}")
    assert units.put_in(str(tmp_path)) is wanted
    assert (tmp_path / "usr/bin/systemctl").exists() is wanted


def test_no_line_of_dpkgs_diversions_is_written_twice(tmp_path: Path) -> None:
    (tmp_path / "usr/lib/systemd/system").mkdir(parents=True)
    (tmp_path / "usr/bin").mkdir()
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/diversions").write_text("/a\n/b\npkg\n")
    assert units.put_in(str(tmp_path)) and units.put_in(str(tmp_path))
    lines = (tmp_path / "var/lib/dpkg/diversions").read_text().splitlines()
    assert lines[:3] == ["/a", "/b", "pkg"]
    assert lines.count("/usr/bin/systemctl") == 1
    assert not units.put_in(str(tmp_path / "var"))
