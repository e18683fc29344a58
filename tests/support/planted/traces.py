"""Leftovers of the table `traces`, planted: (code, path, content)."""

from __future__ import annotations

from planted.texts import SWAP

TRACES: tuple[tuple[str, str, str | bytes], ...] = (
    ("log.file", "/var/log/syslog", "x\n"),
    ("log.file", "/var/log/apt/term.log.1.gz", b"\x1f\x8b"),
    ("log.journal", "/var/log/journal", "0123/system.journal"),
    ("log.installer", "/var/log/installer", "syslog"),
    ("log.answers", "/root/anaconda-ks.cfg", "rootpw --iscrypted x\n"),
    ("log.mail", "/var/mail/root", "From cron\n"),
    ("history.shell", "/root/.bash_history", "mysql -psecret\n"),
    ("history.shell", "/srv/app/.zsh_history", "ls\n"),
    ("history.tool", "/home/alice/.python_history", "1\n"),
    ("history.tool", "/root/.lesshst", ".less-history-file:\n"),
    ("crash.dump", "/var/crash/web.crash", "x"),
    ("memory.swap", "/swapfile", SWAP),
    ("tmp.file", "/tmp/script_1234.sh", "x"),
    ("tmp.file", "/var/tmp/left", ""),
    ("run.file", "/run/initialrunner.boot", "1"),
)
