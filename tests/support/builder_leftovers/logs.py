"""Logs, accounting and records of logins: what the builder did, and who was there."""

from __future__ import annotations

from builder_leftovers.forms import crypted, gz, hexes, octets, password, sqlite
from builder_leftovers.item import Item

FHS = "https://refspecs.linuxfoundation.org/FHS_3.0/fhs/ch05s10.html"
SYSPREP = "libguestfs/guestfs-tools: sysprep/sysprep_operation_logfiles.ml"
LINE = (
    "Nov 30 12:00:01 packer-build sudo: root : TTY=pts/0 ; PWD=/root ; USER=root ; "
    "COMMAND=/bin/sh /tmp/script_7711.sh\n"
)
PACCT = "libguestfs/guestfs-tools: sysprep/sysprep_operation_pacct_log.ml"

LOGS = (
    Item("rsyslog", "/var/log/syslog", LINE, FHS, 0o640),
    Item("rsyslog", "/var/log/messages", LINE, FHS, 0o600),
    Item("rsyslog", "/var/log/auth.log", LINE, SYSPREP, 0o640),
    Item("rsyslog", "/var/log/secure", LINE, SYSPREP, 0o600),
    Item("logrotate", "/var/log/kern.log.1", LINE, SYSPREP, 0o640),
    Item("logrotate", "/var/log/syslog.2.gz", gz(LINE), SYSPREP, 0o640),
    Item("dpkg", "/var/log/dpkg.log", "2026-11-30 12:00:01 startup archives unpack\n", SYSPREP),
    Item("apt", "/var/log/apt/history.log",
         "Start-Date: 2026-11-30  12:00:01\nCommandline: apt-get install -y curl\n", SYSPREP),
    Item("dnf", "/var/log/dnf.rpm.log", "2026-11-30T12:00:01+0000 SUBDEBUG Installed: curl-7.76.1-31.el9.x86_64\n",
         SYSPREP),
    Item("zypp", "/var/log/zypp/history", "2026-11-30 12:00:01|command|root@packer-build|'zypper' 'install' 'curl'|\n",
         "openSUSE/libzypp: doc", 0o640),
    Item("apk", "/var/log/apk.log", "Running `apk add curl` at 2026-11-30 12:00:01\n",
         "https://gitlab.alpinelinux.org/alpine/apk-tools"),
    Item("util-linux", "/var/log/wtmp", octets(384), SYSPREP, 0o664),
    Item("util-linux", "/var/log/btmp", octets(384), SYSPREP, 0o660),
    Item("util-linux", "/var/log/lastlog", octets(292), SYSPREP, 0o664),
    Item("wtmpdb", "/var/lib/wtmpdb/wtmp.db", sqlite("wtmp"), "thkukuk/wtmpdb: README.md"),
    Item("lastlog2", "/var/lib/lastlog/lastlog2.db", sqlite("Lastlog2"),
         "https://man7.org/linux/man-pages/man8/lastlog2.8.html"),
    Item("auditd", "/var/log/audit/audit.log",
         "type=USER_CMD msg=audit(1796040000.1:101): pid=7 cmd=7368 exe=\"/usr/bin/sudo\"\n", SYSPREP, 0o600),
    Item("systemd-journald", f"/var/log/journal/{hexes(32)}/system.journal", b"LPKSHHRH" + octets(4000), SYSPREP,
         0o640),
    Item("debian-installer", "/var/log/installer/cdebconf/questions.dat",
         f"Name: passwd/root-password-crypted\nTemplate: passwd/root-password-crypted\nValue: {crypted()}\n", SYSPREP,
         0o600),
    Item("anaconda", "/var/log/anaconda/journal.log", LINE, SYSPREP, 0o600),
    Item("YaST", "/var/log/YaST2/y2log",
         "2026-11-30 12:00:01 <1> packer-build(3141) [liby2] genericfrontend.cc(main):617\n",
         "https://en.opensuse.org/openSUSE:Report_a_YaST_bug", 0o600),
    Item("AutoYaST", "/var/adm/autoinstall/logs/post.sh.log", f"+ echo root:{password()}\n+ chpasswd\n",
         "https://documentation.suse.com/sles/15-SP6/html/SLES-all/appendix-autoyast.html", 0o600),
    Item("nginx", "/var/log/nginx/access.log", "10.0.2.2 - - [30/Nov/2026:12:00:01 +0000] \"GET / HTTP/1.1\" 200 615\n",
         "https://nginx.org/en/docs/http/ngx_http_log_module.html", 0o640),
    Item("sysstat", "/var/log/sysstat/sa30", octets(900), "https://man7.org/linux/man-pages/man8/sadc.8.html"),
    Item("pam_faillock", "/run/faillock/alice", octets(64),
         "libguestfs/guestfs-tools: sysprep/sysprep_operation_pam_data.ml", 0o660),
    Item("acct", "/var/account/pacct", octets(640), PACCT, 0o600),
    Item("acct", "/var/log/account/pacct", octets(640), PACCT, 0o640),
    Item("BIND", "/var/named/data/named.run", "30-Nov-2026 12:00:01.100 all zones loaded\n", SYSPREP),
    Item("logrotate", "/var/lib/logrotate.status",
         "logrotate state -- version 2\n\"/var/log/dpkg.log\" 2026-11-30-12:0:0\n", SYSPREP),
    Item("logrotate", "/var/lib/logrotate/status",
         "logrotate state -- version 2\n\"/var/log/dpkg.log\" 2026-11-30-12:0:0\n",
         "https://man7.org/linux/man-pages/man8/logrotate.8.html"),
    Item("anaconda", "/root/anaconda-ks.cfg", f"rootpw --iscrypted {crypted()}\n", SYSPREP, 0o600),
    Item("anaconda", "/root/anaconda-post.log", "+ dnf -y update\n", SYSPREP, 0o600),
    Item("anaconda", "/root/ks-post.log", "+ dnf -y update\n",
         "https://pykickstart.readthedocs.io/en/latest/kickstart-docs.html", 0o600),
    Item("AutoYaST", "/root/autoinst.xml",
         f"<profile><users><user><user_password>{crypted()}</user_password></user></users></profile>\n",
         "https://documentation.suse.com/sles/15-SP6/html/SLES-all/appendix-autoyast.html", 0o600),
    Item("postfix", "/var/spool/postfix/deferred/A/A1B2C3D4E5", octets(600),
         "https://www.postfix.org/QSHAPE_README.html", 0o700),
    Item("Exim", "/var/spool/exim4/input/1tHabc-000000001Xy-2AbC-H",
         "1tHabc-000000001Xy-2AbC-H\nroot 0 0\n<root@packer-build>\n",
         "https://www.exim.org/exim-html-current/doc/html/spec_html/", 0o640),
    Item("mail", "/var/mail/root",
         "From root@packer-build Mon Nov 30 12:00:01 2026\nSubject: Cron <root@packer-build>\n\nfailed\n",
         "libguestfs/guestfs-tools: sysprep/sysprep_operation_mail_spool.ml", 0o660),
    Item("mail", "/home/alice/Maildir/new/1796040000.V801I2M1.packer-build", "From: root\nSubject: build\n\nfailed\n",
         "https://doc.dovecot.org/2.3/admin_manual/mailbox_formats/maildir/", 0o600),
    Item("mail", "/root/dead.letter", "To: admin@example.net\nSubject: build\n\nfailed\n",
         "https://man7.org/linux/man-pages/man1/mailx.1p.html", 0o600),
    Item("mail", "/home/alice/mbox", "From root@packer-build Mon Nov 30 12:00:01 2026\nSubject: build\n\nfailed\n",
         "https://man7.org/linux/man-pages/man1/mailx.1p.html", 0o600),
)  # fmt: skip
