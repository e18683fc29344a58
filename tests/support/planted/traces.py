"""Leftovers of the table `traces`, planted: (code, path, content)."""

from __future__ import annotations

from planted.texts import FORTY, SWAP

TRACES: tuple[tuple[str, str, str | bytes], ...] = (
    ("log.file", "/var/log/syslog", "x\n"),
    ("log.file", "/var/log/apt/term.log.1.gz", b"\x1f\x8b"),
    ("log.file", "/var/account/pacct", b"\0\1"),
    ("log.file", "/var/named/data/named.run", "x\n"),
    ("log.logins", "/var/lib/lastlog/lastlog2.db", "x"),
    ("log.container", f"/var/lib/docker/containers/{FORTY}/{FORTY}-json.log", "{}\n"),
    ("log.journal", "/var/log/journal", "0123/system.journal"),
    ("log.installer", "/var/log/installer", "syslog"),
    ("log.answers", "/root/anaconda-ks.cfg", "rootpw --iscrypted x\n"),
    ("log.mail", "/var/mail/root", "From cron\n"),
    ("log.home-mail", "/home/alice/Maildir/new/1.host", "From: root\n"),
    ("history.shell", "/root/.local/share/atuin/history.db", "x"),
    ("history.shell", "/root/.bash_history", "mysql -psecret\n"),
    ("history.shell", "/srv/app/.zsh_history", "ls\n"),
    ("history.tool", "/home/alice/.python_history", "1\n"),
    ("history.tool", "/root/.lesshst", ".less-history-file:\n"),
    ("history.tool", "/home/alice/.ipython/profile_default/history.sqlite", "x"),
    ("history.trash", "/home/alice/.local/share/Trash", "files/notes.txt"),
    ("history.editor", "/home/alice/.vscode-server", "bin/0123/server.sh"),
    ("history.packages", "/var/lib/PackageKit/transactions.db", "x"),
    ("history.dnf", "/var/lib/dnf/history.sqlite", "x"),
    ("trace.people", "/var/lib/AccountsService/users/alice", "[User]\n"),
    ("trace.fingerprint", "/var/lib/fprint", "alice/elan/0/7"),
    ("trace.sssd", "/var/lib/sss/db/cache_example.ldb", "TDB file\n"),
    ("trace.samba", "/var/lib/samba/account_policy.tdb", "TDB file\n"),
    ("trace.dovecot", "/var/lib/dovecot/instances", "1:/run/dovecot:dovecot\n"),
    ("trace.certificate", "/etc/Pegasus/server.pem", "-----BEGIN CERTIFICATE-----\n"),
    ("trace.waagent", "/etc/systemd/system/waagent-network-setup.service", "[Service]\nExecStart=/bin/true\n"),
    ("crash.dump", "/var/crash/web.crash", "x"),
    ("memory.swap", "/swapfile", SWAP),
    ("tmp.file", "/tmp/script_1234.sh", "x"),
    ("tmp.file", "/var/tmp/left", ""),
    ("run.file", "/run/initialrunner.boot", "1"),
)
