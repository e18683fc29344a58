"""`systemctl` inside a copy: the verbs that bootstraps use, in systemd's words and exit codes."""

from __future__ import annotations

import fnmatch
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bootstrap.rehearse.standin import control, links, records, unitfiles
from bootstrap.rehearse.standin.commands import BadUnit
from bootstrap.rehearse.standin.control import Refused
from bootstrap.rehearse.standin.keeper import signal_of
from bootstrap.rehearse.standin.places import ETC, full_name
from bootstrap.rehearse.standin.skipped import say
from bootstrap.rehearse.standin.unitfiles import NoUnit, Unit

_WITH_VALUE = {"-p": "property", "--property": "property", "-s": "signal", "--signal": "signal", "-t": "type",
               "--type": "type", "-n": "lines", "--lines": "lines", "--state": "state", "-o": "output",
               "--output": "output", "--job-mode": "mode", "--kill-whom": "whom", "--kill-who": "whom",
               "--root": "root", "-M": "machine", "--machine": "machine", "-H": "host", "--host": "host",
               "--preset-mode": "preset", "--what": "what", "-P": "property"}  # fmt: skip
# SIGRTMIN+5 and SIGRTMIN+4 of glibc, as systemd's own first process has them; that of a copy listens to the same.
_REBOOT, _POWER_OFF = 39, 38
_DEFAULT_TARGET = f"{ETC}/default.target"


@dataclass
class Options:
    """The options of a command line. values: of those that take one, by their long name."""

    flags: set[str] = field(default_factory=set)
    values: dict[str, list[str]] = field(default_factory=dict)

    def has(self, *names: str) -> bool:
        return bool(self.flags & set(names))

    @property
    def is_quiet(self) -> bool:
        return self.has("-q", "--quiet")

    @property
    def waits(self) -> bool:
        return not self.has("--no-block")


def parsed(argv: Sequence[str]) -> tuple[Options, list[str]]:
    """Options and words of a command line; `--` ends the options."""
    options, words, todo = Options(), [], list(argv)
    while todo:
        word = todo.pop(0)
        if word == "--":
            words += todo
            break
        name, equals, value = word.partition("=")
        short = word[:2] if word[:1] == "-" and word[1:2] not in ("", "-") else ""
        if name in _WITH_VALUE:
            options.values.setdefault(_WITH_VALUE[name], []).append(value if equals or not todo else todo.pop(0))
            options.flags |= {"--value"} if name == "-P" else set()
        elif short in _WITH_VALUE:
            options.values.setdefault(_WITH_VALUE[short], []).append(word[2:])
        elif short:
            options.flags |= {f"-{letter}" for letter in word[1:]}
        elif word.startswith("-"):
            options.flags.add(word)
        else:
            words.append(word)
    return options, words


def main(argv: Sequence[str]) -> int:
    """The exit code of `systemctl ARGV`."""
    options, words = parsed(argv)
    if options.has("--version"):
        print("systemd 252 (stand-in of a rehearsal)")
        return 0
    # --root=/ is this very system.
    elsewhere = set(options.values.get("root", [])) - {"", "/"} or options.values.keys() & {"machine", "host"}
    if options.has("--user", "--global") or elsewhere:
        say("only the system's own units are here: --user, --global, --root and --machine do not work in a rehearsal")
        return 1
    verb, names = (words[0], words[1:]) if words else ("list-units", [])
    work = _VERBS.get(verb)
    if work is None:
        say(f"{verb!r} does not work in a rehearsal; what does: {', '.join(sorted(_VERBS))}")
        return 1
    return work(options, names)


def each(work: Callable[[Options, str], None]) -> Callable[[Options, list[str]], int]:
    """A verb that does its work on each unit that is named, and reports each failure."""

    def over_all(options: Options, names: list[str]) -> int:
        code = 0
        if not names:
            sys.stderr.write("Too few arguments.\n")
            return 1
        for name in expanded(names):
            try:
                work(options, name)
            except (Refused, BadUnit, NoUnit) as error:
                sys.stderr.write(f"{error}\n")
                # systemctl's own exit codes: 5 for a unit that does not exist.
                code = 5 if isinstance(error, NoUnit) else 1
        return code

    return over_all


def expanded(names: Sequence[str]) -> list[str]:
    """Names as they are, patterns as the units that are known and fit."""
    units: list[str] = []
    for name in names:
        is_pattern = any(mark in name for mark in "*?[")
        units += fnmatch.filter(records.names(), full_name(name)) if is_pattern else [name]
    return units


def _reload_or_restart(options: Options, name: str) -> None:
    unit = unitfiles.load(name)
    if control.state(unit).active == "active" and control.can_reload(unit):
        control.reload(name)
    else:
        control.restart(name, wait=options.waits)


def _try_reload_or_restart(options: Options, name: str) -> None:
    if control.state(unitfiles.load(name)).active == "active":
        _reload_or_restart(options, name)


def _enable(options: Options, name: str) -> None:
    links.enable(name)
    if options.has("--now"):
        control.start(os.path.basename(name), wait=options.waits)


def _link(options: Options, name: str) -> None:
    links.link(name)


def _disable(options: Options, name: str) -> None:
    links.disable(name)
    if options.has("--now"):
        control.stop(os.path.basename(name))


def _mask(options: Options, name: str) -> None:
    links.mask(name)
    if options.has("--now") and records.read(full_name(name)):
        control.stop(name)


def _reenable(options: Options, name: str) -> None:
    links.disable(name)
    _enable(options, name)


def _preset(options: Options, name: str) -> None:
    if links.is_preset(name):
        links.enable(name)
    elif options.values.get("preset") != ["enable-only"]:
        links.disable(name)


def _kill(options: Options, name: str) -> None:
    control.kill(name, signal_of(options.values.get("signal", ["SIGTERM"])[-1]))


def _reset_failed(options: Options, names: list[str]) -> int:
    for name in map(full_name, names) if names else records.names():
        state = records.read(name)
        if state and state.active == "failed":
            records.forget(name)
    return 0


# --- questions ---


def _known_state(name: str) -> records.State:
    try:
        return control.state(unitfiles.load(name))
    except NoUnit:
        return records.read(full_name(name)) or records.State()


def _is_active(options: Options, names: list[str]) -> int:
    states = [(name, _known_state(name)) for name in expanded(names)]
    for name, state in states:
        if not options.is_quiet:
            print(state.active, flush=True)
            if state.active == "failed" or state.sub == "auto-restart":
                # systemd prints no more than the state. Here the reader of a failed check also gets the reason.
                last = records.printed(full_name(name), 1, with_notes=False)
                sys.stderr.write(
                    "; ".join([state.reason or full_name(name), *[f"it said: {row}" for row in last]]) + "\n"
                )
    return 0 if any(state.active == "active" for _, state in states) else 3


def _is_failed(options: Options, names: list[str]) -> int:
    states = [_known_state(name).active for name in expanded(names or records.names())]
    if not options.is_quiet:
        print("\n".join(states))
    return 0 if "failed" in states else 1


def _is_enabled(options: Options, names: list[str]) -> int:
    code = 1
    for name in names:
        try:
            state = links.state_of(name)
        except NoUnit as error:
            sys.stderr.write(f"{error}\n")
            continue
        if not options.is_quiet:
            print(state)
        code = 0 if state in ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated") else code
    return code


def _is_system_running(options: Options, names: list[str]) -> int:
    failed = any(state and state.active == "failed" for state in map(records.read, records.names()))
    if not options.is_quiet:
        print("degraded" if failed else "running")
    return 1 if failed else 0


def _status(options: Options, names: list[str]) -> int:
    code = 0
    for name in expanded(names or records.names()):
        try:
            unit = unitfiles.load(name)
        except NoUnit as error:
            sys.stderr.write(f"{error}\n")
            code = 4
            continue
        state = control.state(unit)
        since = time.strftime("%F %T", time.localtime(state.since)) if state.since else "the boot"
        print(f"{unit.name} - {unit.last('Unit', 'Description', unit.name)}")
        print(f"     Loaded: loaded ({unit.path or unit.script}; {links.state_of(unit.name)})")
        print(f"     Active: {state.active} ({state.sub}) since {since}{'; ' + state.reason if state.reason else ''}")
        if state.main:
            print(f"   Main PID: {state.main}")
        rows = records.printed(unit.name, int(options.values.get("lines", ["10"])[-1]))
        print("".join(f"{row}\n" for row in ["", *rows]) if rows else "", end="", flush=True)
        # 3 is systemctl's code for a unit that is not active, 4 for one that does not exist.
        code = code or (0 if state.active == "active" else 3)
    return code


def _properties(name: str) -> dict[str, str]:
    try:
        unit, load_state = unitfiles.load(name), "loaded"
    except NoUnit as error:
        unit, load_state = Unit(full_name(name), ""), "masked" if "masked" in str(error) else "not-settings"
    state = control.state(unit)
    settings = {key: values[-1] for section in unit.settings.values() for key, values in section.items() if values}
    try:
        enabled = links.state_of(name)
    except NoUnit:
        enabled = ""
    return {
        **settings, "Id": unit.name, "Names": unit.name, "LoadState": load_state, "ActiveState": state.active,
        "SubState": state.sub, "UnitFileState": enabled, "MainPID": str(state.main), "ExecMainPID": str(state.main),
        "ExecMainStatus": str(state.code), "Result": state.result, "NRestarts": str(state.restarts),
        "FragmentPath": unit.path, "SourcePath": unit.script, "StatusText": state.text, "NeedDaemonReload": "no",
        "Description": unit.last("Unit", "Description", unit.name), "Type": unit.last("Service", "Type", "simple"),
        "CanReload": "yes" if control.can_reload(unit) else "no",
        "DropInPaths": " ".join(unitfiles.drop_ins(unit.name)),
    }  # fmt: skip


def _show(options: Options, names: list[str]) -> int:
    chosen = [key for value in options.values.get("property", []) for key in value.split(",")]
    for number, name in enumerate(names):
        properties = _properties(name)
        print("\n" if number else "", end="")
        for key in chosen or sorted(properties):
            print(properties.get(key, "") if options.has("--value") else f"{key}={properties.get(key, '')}")
    return 0


def _cat(options: Options, name: str) -> None:
    unit = unitfiles.load(name)
    for path in ([unit.path] if unit.path else []) + unitfiles.drop_ins(unit.name):
        with open(path, encoding="utf-8", errors="replace") as file:
            print(f"# {path}\n{file.read()}")


def _list_units(options: Options, names: list[str]) -> int:
    for name in expanded(names or records.names()):
        state = records.read(name)
        if state and (options.has("-a", "--all") or state.active != "inactive" or "state" in options.values):
            print(f"{name} loaded {state.active} {state.sub}")
    return 0


def _get_default(options: Options, names: list[str]) -> int:
    print(
        os.path.basename(os.path.realpath(_DEFAULT_TARGET)) if os.path.lexists(_DEFAULT_TARGET) else "graphical.target"
    )
    return 0


def _set_default(options: Options, name: str) -> None:
    _, path = unitfiles.locate(full_name(name))
    if os.path.lexists(_DEFAULT_TARGET):
        os.unlink(_DEFAULT_TARGET)
    os.symlink(path, _DEFAULT_TARGET)


def _nothing(options: Options, names: list[str]) -> int:
    """Do nothing: unit files are read again each time, and there is no manager to reload."""
    return 0


def _power(number: int) -> Callable[[Options, list[str]], int]:
    """A verb that asks the copy's first process, as its `reboot` and `shutdown` do."""

    def ask(options: Options, names: list[str]) -> int:
        os.kill(1, number)
        return 0

    return ask


_VERBS: dict[str, Callable[[Options, list[str]], int]] = {
    "start": each(lambda options, name: control.start(name, wait=options.waits)),
    "stop": each(lambda options, name: control.stop(name, wait=options.waits)),
    "restart": each(lambda options, name: control.restart(name, wait=options.waits)),
    "try-restart": each(lambda options, name: control.restart(name, only_if_active=True, wait=options.waits)),
    "condrestart": each(lambda options, name: control.restart(name, only_if_active=True, wait=options.waits)),
    "reload": each(lambda options, name: control.reload(name)),
    "reload-or-restart": each(_reload_or_restart),
    "force-reload": each(_reload_or_restart),
    "try-reload-or-restart": each(_try_reload_or_restart),
    "reload-or-try-restart": each(_try_reload_or_restart),
    "kill": each(_kill),
    "enable": each(_enable),
    "disable": each(_disable),
    "reenable": each(_reenable),
    "preset": each(_preset),
    "link": each(_link),
    "mask": each(_mask),
    "unmask": each(lambda options, name: links.unmask(name)),
    "set-default": each(_set_default),
    "cat": each(_cat),
    "is-active": _is_active,
    "is-failed": _is_failed,
    "is-enabled": _is_enabled,
    "is-system-running": _is_system_running,
    "status": _status,
    "show": _show,
    "list-units": _list_units,
    "get-default": _get_default,
    "reset-failed": _reset_failed,
    "daemon-reload": _nothing,
    "daemon-reexec": _nothing,
    "preset-all": _nothing,
    "reboot": _power(_REBOOT),
    "poweroff": _power(_POWER_OFF),
    "halt": _power(_POWER_OFF),
}
