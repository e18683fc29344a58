"""The cron daemon of this machine and `crontab.parse`/`judge` are given the same files, and must agree.

The daemon runs in mount and PID namespaces of its own with an empty /etc/cron.d, spool and /run; what it logs is read
from its /dev/log. It wakes once a minute: a time zone a few seconds off brings that minute near, so all samples share
one start (`@reboot`) and one tick.
"""

from __future__ import annotations

import functools
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bootstrap import api
from bootstrap.payload.crontab import judge, parse
from bootstrap.targets import layout

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("cron"), reason="needs root and Debian's cron"),
]

DUE = {
    "@reboot",
    "* * * * *",
    "*/1 0-23 1-31 jan-dec sun-sat",
    "0-59/1 *x *-3 1-12 0-7",
    "* * * * 0-7",
    "* * * * sun-7",
    "0-58/2,1-59/2 * 1-15,16-31 jan,feb-dec 0,1-6,7",
    "* * * JAN-DEC Sun-SAT",
    "00-059 000-023 * * *",
}


@dataclass(frozen=True)
class Sample:
    """One file of /etc/cron.d. MARK in text becomes a word that its commands, and so the log, carry."""

    text: bytes
    name: str = ""
    mode: int = 0o644


def job(schedule: str, command: str = "touch MARK", user: str = "root ") -> bytes:
    return f"{schedule} {user}{command}\n".encode()


SAMPLES = {
    "reboot": Sample(job("@reboot")),
    "every-minute": Sample(job("* * * * *")),
    "both": Sample(job("@reboot") + job("* * * * *", "touch MARK.minute")),
    "names-and-steps": Sample(job("*/1 0-23 1-31 jan-dec sun-sat")),
    "sunday-twice": Sample(job("* * * * 0-7")),
    "garbage-after-star": Sample(job("0-59/1 *x *-3 1-12 0-7")),
    "comment-without-newline": Sample(job("@reboot") + b"# the end"),
    "settings": Sample(b"SHELL=/bin/sh\nA = 'b c'\nMAILTO=\"\"\n" + job("@reboot", 'echo "$A" >MARK')),
    "setting-cr": Sample(b"SHELL=/bin/sh\r\n" + job("@reboot")),
    "mode-0400": Sample(job("@reboot"), mode=0o400),
    "mode-0755": Sample(job("@reboot"), mode=0o755),
    "percent-escaped": Sample(job("@reboot", "echo 100\\% >MARK")),
    "percent-bare": Sample(job("@reboot", "cat >MARK%one%two")),
    "backslashes": Sample(job("@reboot", r"touch MARK\\; echo \t >MARK")),
    "cr-in-command": Sample(b"@reboot root touch MARK\r\n"),
    "command-998": Sample(job("@reboot", "touch MARK #".ljust(998, "x"))),
    "command-999": Sample(job("@reboot", "touch MARK #".ljust(999, "x"))),
    "command-998-and-blanks": Sample(job("@reboot", " touch MARK #".ljust(999, "x"))),
    "reversed-range": Sample(job("59-0 * * * *")),
    "tilde": Sample(job("0~59 25-20 * * *") + job("@reboot")),
    "step-without-range": Sample(job("1/* * * * *") + job("@reboot")),
    "step-after-number": Sample(job("1/5 * * * *")),
    "step-zero": Sample(job("*/0 * * * *")),
    "minute-60": Sample(job("60 * * * *")),
    "minute-name": Sample(job("jan * * * *")),
    "hour-24": Sample(job("* 24 * * *")),
    "day-0": Sample(job("* * 0 * *")),
    "day-32": Sample(job("* * 1-32 * *")),
    "month-13": Sample(job("* * * 13 *")),
    "month-name": Sample(job("* * * january *")),
    "weekday-8": Sample(job("* * * * 8")),
    "question-mark": Sample(job("* * ? * *")),
    "list-ends-in-comma": Sample(job("1, * * * *")),
    "nickname-unknown": Sample(job("@every_minute")),
    "nickname-capital": Sample(job("@Reboot")),
    "no-user": Sample(job("@reboot", "/usr/bin/touch MARK", user="") + job("@reboot")),
    "no-user-last-line": Sample(b"* * * * * /usr/bin/true\n"),
    "no-command": Sample(b"* * * * * root\n" + job("@reboot")),
    "four-fields": Sample(job("* * * *")),
    "no-final-newline": Sample(job("@reboot") + b"* * * * * root touch MARK"),
    "crlf-empty-line": Sample(b"\r\n" + job("@reboot")),
    "bom": Sample(b"\xef\xbb\xbf" + job("@reboot")),
    "bom-on-setting": Sample(b"\xef\xbb\xbfA=b\n" + job("@reboot")),
    "nul-in-command": Sample(b"@reboot root touch MARK\0\n"),
    "nul-then-text": Sample(b"@reboot root touch MARK\0 x\n"),
    "empty-setting": Sample(b"MAILTO=\n" + job("@reboot")),
    "half-a-quote": Sample(b'A="b\n' + job("@reboot")),
    "empty-command": Sample(b"@reboot root \n" + job("@reboot")),
    "many-lines": Sample(b"\n" * 10_003 + job("@reboot")),
    "lines-enough": Sample(b"\n" * 10_002 + job("@reboot")),
    "nothing": Sample(b"# only a comment\n"),
    "tabs-and-blanks": Sample(b" \t* \t*\t* * *\troot \ttouch MARK\n"),
    "indented-comment": Sample(b"  \t# a comment\n" + job("@reboot")),
    "lists-and-steps": Sample(job("0-58/2,1-59/2 * 1-15,16-31 jan,feb-dec 0,1-6,7")),
    "names-in-capitals": Sample(job("* * * JAN-DEC Sun-SAT")),
    "blank-in-a-list": Sample(job("1, 2 * * * *")),
    "negative": Sample(job("-5 * * * *")),
    "plus": Sample(job("+5 * * * *")),
    "leading-zeros": Sample(job("00-059 000-023 * * *")),
    "huge-number": Sample(job("99999999999999999999 * * * *")),
    "huge-step": Sample(job("*/99999999999999999999 * * * *")),
    "hexadecimal": Sample(job("0x1 * * * *")),
    "weekday-from-sunday-to-seven": Sample(job("* * * * sun-7")),
    "weekday-name-reversed": Sample(job("* * * * sat-sun")),
    "at-alone": Sample(job("@")),
    "nickname-and-time": Sample(job("@reboot * * * * *")),
    "nickname-glued": Sample(job("@rebootroot")),
    "user-of-digits": Sample(job("@reboot", user="0 ")),
    "setting-with-blanks": Sample(b" A \t=\t b c \n" + job("@reboot", 'echo "$A" >MARK')),
    "setting-of-quotes": Sample(b"\"A\"='b=c'\n" + job("@reboot", 'echo "$A" >MARK')),
    "setting-without-a-name": Sample(b"=b\n" + job("@reboot")),
    "setting-after-the-entry": Sample(job("@reboot", 'echo "$A" >MARK') + b"A=b\n"),
    "setting-998": Sample(b"A=".ljust(998, b"x") + b"\n" + job("@reboot")),
    "setting-1001": Sample(b"A=".ljust(1001, b"x") + b"\n" + job("@reboot")),
    "unicode-in-command": Sample(job("@reboot", "touch MARK # \u00e9\u2026")),
    "form-feed": Sample(b"\f\n" + job("@reboot")),
    "escape-at-the-end": Sample(job("@reboot", "touch MARK \\")),
    "percent-at-the-end": Sample(job("@reboot", "touch MARK%")),
    "percent-first": Sample(job("@reboot", "%touch MARK")),
}
# What is judged by its name or mode alone: cron says nothing, or says it every minute, and its text is not read.
UNREAD = {
    "dot": Sample(job("@reboot"), name="dot.conf"),
    "tilde-name": Sample(job("@reboot"), name="edited~"),
    "mode-0664": Sample(job("@reboot"), mode=0o664),
    "mode-0602": Sample(job("@reboot"), mode=0o602),
}


@dataclass
class Heard:
    """What the daemon said and did, by sample."""

    refusals: dict[str, set[str]] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    work: Path = Path()


SCRIPT = """
set -e
mount --make-rprivate /
mount -t tmpfs none /run
mount -t tmpfs none /var/spool/cron && mkdir /var/spool/cron/crontabs
mount --bind "$1/cron.d" /etc/cron.d
[ ! -e /etc/crontab ] || mount --bind /dev/null /etc/crontab
for d in null zero urandom tty; do : >"$1/dev/$d"; mount --bind /dev/$d "$1/dev/$d"; done
mount --rbind "$1/dev" /dev
export HOME="$1/work"
exec cron -f
"""


@functools.cache
def trigger() -> bytes:
    """The entry that a payload really carries. No bundle is there, so it only looks for one."""
    host = api.load(Path(__file__).parents[2] / "examples/hello/hello.yaml").plan("hello-1").render(bytes(32))
    return layout.pack(host.rendered, "tree").payload.files[-1].content


def text_of(name: str, sample: Sample, work: Path) -> bytes:
    """The sample with its mark: a path of fixed length, as a command's length is one of the things tried."""
    path = str(work / name)
    text = sample.text.replace(b"MARK", path.encode())
    if name.startswith("command-"):
        text = text.replace(b"x" * (len(path) - len("MARK")), b"", 1)
    return text


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Heard]:
    root = tmp_path_factory.mktemp("c")
    for folder in ("cron.d", "dev", "work"):
        (root / folder).mkdir(mode=0o755)
    for name, sample in (SAMPLES | UNREAD).items():
        path = root / "cron.d" / (sample.name or name)
        path.write_bytes(text_of(name, sample, root / "work"))
        path.chmod(sample.mode)
    (root / "cron.d" / "initialrunner").write_bytes(trigger())
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind(str(root / "dev" / "log"))
    # The next minute comes 6 s from now, whatever the time is: cron counts minutes in local time.
    offset = 54 - int(time.time()) % 60
    sign, seconds = ("-", offset) if offset >= 0 else ("", -offset)
    daemon = subprocess.Popen(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", SCRIPT, "sh", str(root)],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": f"XXX{sign}00:00:{seconds:02d}"},
        stdin=subprocess.DEVNULL,
        cwd="/",
    )
    try:
        yield listen(log, daemon, Heard(work=root / "work"))
    finally:
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()
        log.close()


def listen(log: socket.socket, daemon: subprocess.Popen[bytes], heard: Heard) -> Heard:
    """Read what the daemon logs until the marks of one start and one minute are there and it has gone quiet."""
    deadline = time.monotonic() + 60
    wanted = {"every-minute", "both.minute", "reboot", "settings"}
    quiet = False
    while not quiet:
        assert time.monotonic() < deadline, f"cron did not come so far; it said {heard}"
        assert daemon.poll() is None, "cron ended"
        done = {entry.name for entry in heard.work.iterdir()} >= wanted
        if not select.select([log], [], [], 1.5 if done else 0.2)[0]:
            quiet = done
            continue
        line = log.recv(65536).decode("utf-8", "replace")
        if found := re.search(r"Error: (.*); while reading /etc/cron.d/(\S+)", line):
            heard.refusals.setdefault(found[2], set()).add(found[1])
        elif found := re.search(r"\(\*system\*(\S+)\) (?:ERROR \((.*)\)|(INSECURE MODE))", line):
            heard.refusals.setdefault(found[1], set()).add(found[2] or found[3])
        elif found := re.search(r"\(root\) CMD \((.*)\)", line, re.DOTALL):
            heard.commands.append(found[1])
    return heard


@pytest.mark.parametrize("name", SAMPLES)
def test_what_cron_refuses_we_refuse_with_its_own_words(heard: Heard, name: str) -> None:
    said = heard.refusals.get(name, set()) - {"Syntax error, this crontab file will be ignored"}

    refusal = parse(text_of(name, SAMPLES[name], heard.work)).refusal

    assert said == ({refusal} if refusal else set())


def logged(command: str) -> str:
    """The command as cron logs it: ^M for what is not printable, octal for what is not ASCII."""
    raw = command.encode("utf-8", "surrogateescape")
    shown = (f"^{chr(byte + 64)}" if byte < 32 else f"\\{byte:o}" if byte > 126 else chr(byte) for byte in raw)
    return "".join(shown)


@pytest.mark.parametrize("name", SAMPLES)
def test_what_cron_runs_is_what_we_say_it_runs(heard: Heard, name: str) -> None:
    mark = re.compile(re.escape(str(heard.work / name)) + r"(?![\w-])")
    ran = sorted({command for command in heard.commands if mark.search(command)})

    entries = parse(text_of(name, SAMPLES[name], heard.work)).entries

    due = {logged(entry.command) for entry in entries if " ".join(entry.schedule.split()) in DUE and entry.command}
    assert ran == sorted(due)


@pytest.mark.parametrize("name", SAMPLES)
def test_judge_has_an_error_for_all_that_cron_refuses(heard: Heard, name: str) -> None:
    errors = [p.code for p in judge(text_of(name, SAMPLES[name], heard.work)) if p.severity == "error"]

    assert not heard.refusals.get(name) or errors


@pytest.mark.parametrize("name", UNREAD)
def test_cron_passes_over_names_and_modes_that_we_refuse(heard: Heard, name: str) -> None:
    sample = UNREAD[name]

    assert not [command for command in heard.commands if command.endswith(f"/{name}")]
    assert [p.code for p in judge(sample.text, sample.name or name, mode=sample.mode)] == (
        ["payload.cron-name"] if sample.name else ["payload.cron-mode"]
    )
    # A name is passed over in silence, a mode is said every minute.
    assert heard.refusals.get(sample.name or name, set()) == (set() if sample.name else {"INSECURE MODE"})


def test_our_own_entry_starts_at_boot_and_at_every_minute(heard: Heard) -> None:
    boot, minute = parse(trigger()).entries

    assert judge(trigger()) == []
    assert (boot.schedule, minute.schedule, boot.command) == ("@reboot", "* * * * *", minute.command)
    assert heard.commands.count(boot.command) == 2
    assert "initialrunner" not in heard.refusals


def test_stdin_and_environment_are_what_cron_gives(heard: Heard) -> None:
    def written(name: str) -> str:
        return (heard.work / name).read_text()

    bare = parse(text_of("percent-bare", SAMPLES["percent-bare"], heard.work)).entries[0]
    settings = parse(text_of("settings", SAMPLES["settings"], heard.work)).entries[0]

    assert (bare.stdin, written("percent-bare")) == ("one%two", "one\ntwo\n")
    assert (dict(settings.environment)["A"], written("settings")) == ("b c", "b c\n")
    assert written("percent-escaped") == "100%\n"
