"""The surroundings of a service's programs: user, groups, folders, limits and the place of their output."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import resource
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from bootstrap.rehearse.standin.commands import BadUnit, Command
from bootstrap.rehearse.standin.records import MARK
from bootstrap.rehearse.standin.unitfiles import Unit

# systemd's exit codes for what goes wrong before a program begins: systemd.exec(5).
_CHDIR, _EXEC, _USER = 200, 203, 217
_FOLDERS = {"RuntimeDirectory": "/run", "StateDirectory": "/var/lib", "CacheDirectory": "/var/cache",
            "LogsDirectory": "/var/log", "ConfigurationDirectory": "/etc"}  # fmt: skip


@dataclass(frozen=True)
class Account:
    """A user with its groups. groups: supplementary ones; variables: USER, HOME and their like."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    variables: Mapping[str, str]
    home: str


def account_of(unit: Unit) -> Account:
    """User=, Group= and SupplementaryGroups= of a unit. Raises BadUnit for one that is not there."""
    user, group = unit.last("Service", "User"), unit.last("Service", "Group")
    try:
        entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user or "root")
        gid = (int(group) if group.isdigit() else grp.getgrnam(group).gr_gid) if group else entry.pw_gid
        supplementary = [grp.getgrnam(name).gr_gid for name in unit.words("Service", "SupplementaryGroups")]
    except KeyError as error:
        raise BadUnit(f"{unit.name}: {error.args[0]}: there is no such user or group") from error
    names = {"USER": entry.pw_name, "LOGNAME": entry.pw_name, "HOME": entry.pw_dir, "SHELL": entry.pw_shell}
    groups = tuple({*os.getgrouplist(entry.pw_name, gid), *supplementary})
    return Account(entry.pw_uid, gid, groups, names if user else {}, entry.pw_dir)


def make_folders(unit: Unit, account: Account) -> dict[str, str]:
    """RuntimeDirectory= and its like, made for the account; the variables that name them."""
    named = {}
    for key, base in _FOLDERS.items():
        paths = [f"{base}/{word.split(':')[0]}" for word in unit.words("Service", key)]
        mode = int(unit.last("Service", f"{key}Mode", "0755"), 8)
        for path in paths:
            os.makedirs(path, exist_ok=True)
            # ConfigurationDirectory= stays root's: systemd.exec(5).
            if base != "/etc":
                with contextlib.suppress(PermissionError):
                    os.chown(path, account.uid, account.gid)
            os.chmod(path, mode)
        if paths:
            # RUNTIME_DIRECTORY, STATE_DIRECTORY and so on.
            named[key.replace("Directory", "_DIRECTORY").upper()] = ":".join(paths)
    return named


def remove_runtime_folders(unit: Unit) -> None:
    """Remove the folders of RuntimeDirectory=, which live as long as the service unless the unit says otherwise."""
    if unit.last("Service", "RuntimeDirectoryPreserve", "no") == "no":
        for word in unit.words("Service", "RuntimeDirectory"):
            shutil.rmtree(f"/run/{word.split(':')[0]}", ignore_errors=True)


def spawn(unit: Unit, command: Command, account: Account, environment: Mapping[str, str], log: int) -> int:
    """Start one command in a session of its own; its pid. If that fails, the log has the reason, and it ends."""
    pid = os.fork()
    if pid:
        return pid
    # The exit code names the step that failed, as with systemd.
    code = _EXEC
    try:
        program, argv = command.argv(environment)
        os.setsid()
        _standard_streams(unit, log)
        # The keeper blocks and catches signals; the program must start with the defaults.
        for number in range(1, 32):
            if number not in (signal.SIGKILL, signal.SIGSTOP):
                signal.signal(number, signal.SIG_DFL)
        # systemd ignores SIGPIPE for services unless the unit says otherwise.
        signal.signal(signal.SIGPIPE, signal.SIG_IGN if unit.flag("Service", "IgnoreSIGPIPE", True) else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.umask(int(unit.last("Service", "UMask", "0022"), 8))
        _limits(unit)
        code = _CHDIR
        _go_to_folder(unit, account)
        code = _USER
        if not command.as_root:
            _become(account)
        code = _EXEC
        os.execvpe(program, argv, dict(environment))  # noqa: S606 - no shell is the point
    except BaseException as error:
        os.write(log, f"{MARK}{command.words[0]}: {error}\n".encode())
    finally:
        os._exit(code)


def _become(account: Account) -> None:
    # In a namespace with root as its only user, even root may not set its groups.
    if (account.uid, account.gid) != (os.getuid(), os.getgid()):
        os.setgroups(list(account.groups))
        os.setgid(account.gid)
        os.setuid(account.uid)


def _go_to_folder(unit: Unit, account: Account) -> None:
    folder = unit.last("Service", "WorkingDirectory", "/")
    path = (
        folder.lstrip("-").replace("~", account.home, 1) if folder.lstrip("-").startswith("~") else folder.lstrip("-")
    )
    try:
        os.chdir(path)
    except OSError:
        # A `-` before the path allows it to be missing.
        if not folder.startswith("-"):
            raise
        os.chdir("/")


def _standard_streams(unit: Unit, log: int) -> None:
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    out = _stream(unit.last("Service", "StandardOutput", "journal"), log)
    os.dup2(out, 1)
    error = unit.last("Service", "StandardError", "inherit")
    os.dup2(out if error == "inherit" else _stream(error, log), 2)


def _stream(setting: str, log: int) -> int:
    """A descriptor for the value of StandardOutput= or StandardError=; the log for all that is not a file."""
    kind, _, path = setting.partition(":")
    if kind == "null":
        return os.open("/dev/null", os.O_WRONLY)
    if kind in ("file", "append", "truncate") and path:
        more = {"file": 0, "append": os.O_APPEND, "truncate": os.O_TRUNC}[kind]
        return os.open(path, os.O_WRONLY | os.O_CREAT | more, 0o644)
    return log


def _limits(unit: Unit) -> None:
    """Set LimitNOFILE= and its like as far as the kernel lets us: a copy may not raise a hard limit."""
    for key in unit.settings.get("Service", {}):
        number = getattr(resource, f"RLIMIT_{key[len('Limit') :]}", None) if key.startswith("Limit") else None
        if number is None:
            continue
        soft, _, hard = unit.last("Service", key).partition(":")
        try:
            limits = [resource.RLIM_INFINITY if text == "infinity" else int(text) for text in (soft, hard or soft)]
            resource.setrlimit(number, (limits[0], limits[1]))
        except (ValueError, OSError):
            continue
