"""Records of what was done on the builder."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import ANY, BELOW, EMPTY, FILES, FILLED, LISTED, Leftover, in_home

_SYSPREP = "libguestfs/guestfs-tools: sysprep/sysprep_operation_{}.ml"

# Records of what was done on the builder, which is nobody's business on a clone. Logs are emptied, not removed: some
# daemons do not create their log, and the file keeps its mode and owner.
TRACES = (
    Leftover(
        "log.journal", ("/var/log/journal", "/run/log/journal"), "systemd's journal",
        "it reveals what the builder did, under its machine id", "remove its files", FILES, FILLED,
    ),
    Leftover(
        "log.installer", ("/var/log/installer", "/var/log/anaconda", "/var/adm/autoinstall"), "an installer's log",
        "it may contain passwords", "remove its files", FILES, FILLED,
    ),
    Leftover(
        "log.file", ("/var/log/**", "/var/account/pacct*", "/var/named/data/*.run*"), "a log",
        "it reveals what the builder did, and may contain its commands", "truncate it", EMPTY, BELOW,
        source=_SYSPREP.format("logfiles"),
    ),
    # Both databases are created by the program that writes the first login: wtmpdb(8), lastlog2(8).
    Leftover(
        "log.logins", ("/var/lib/wtmpdb/wtmp.db*", "/var/lib/lastlog/lastlog2.db*"), "a record of logins",
        "it reveals who was on the builder", "remove it", product="util-linux",
        source="https://man7.org/linux/man-pages/man8/lastlog2.8.html",
    ),
    Leftover(
        "log.container", ("/var/lib/docker/containers/*/*-json.log*",), "a log of a container",
        "it reveals what ran on the builder", "remove the container", LISTED, product="Docker",
        source="https://docs.docker.com/engine/logging/drivers/json-file/",
    ),
    Leftover(
        "log.answers", (
            "/root/anaconda-ks.cfg", "/root/original-ks.cfg", "/root/initial-setup-ks.cfg", "/root/ks-*.log",
            "/root/anaconda-post*.log", "/root/preseed.cfg", "/preseed.cfg", "/root/install.log*", "/autoinst.xml",
            "/root/autoinst.xml", "/root/inst-sys/autoinst.xml", "/autoinstall.yaml", "/ks.cfg", "/root/ks.cfg",
            "/usr/share/oem/config.ign",
        ), "the answers given to an installer", "they contain passwords, or their hashes", "remove it",
    ),
    Leftover(
        "log.mail", (
            "/var/mail/*", "/var/spool/mail/*", "/var/spool/postfix/active/**", "/var/spool/postfix/deferred/**",
            "/var/spool/postfix/incoming/**", "/var/spool/postfix/hold/**", "/var/spool/postfix/defer/**",
            "/var/spool/postfix/bounce/**", "/var/spool/postfix/maildrop/**", "/var/spool/exim4/input/**",
            "/var/spool/exim4/msglog/**", "/var/spool/exim/input/**", "/var/spool/mqueue/*",
            "/var/spool/clientmqueue/*", "/var/spool/nullmailer/queue/*",
        ), "mail", "it was sent to the builder", "truncate it", EMPTY, BELOW,
    ),
    Leftover(
        "log.home-mail", in_home("dead.letter", "mbox", "Maildir/new/*", "Maildir/cur/*", "mail/*", "Mail/*"),
        "mail in a home", "it was sent to somebody on the builder, or could not be sent", "remove it", LISTED,
    ),
    Leftover(
        "history.shell", in_home(
            ".bash_history", ".zsh_history", ".zhistory", ".histfile", ".sh_history", ".ash_history", ".ksh_history",
            ".mksh_history", ".history", ".tcsh_history", ".bash_eternal_history", ".bash_sessions/*",
            ".zsh_sessions/*", ".local/share/fish/*_history", ".local/state/bash/history", ".local/state/zsh/history",
            ".local/share/powershell/PSReadLine/*_history.txt", ".local/share/atuin/*.db*",
            ".config/nushell/history.*", ".local/share/xonsh/history_json/*",
        ), "a shell history", "it may hold passwords that were typed", "remove it",
    ),
    Leftover(
        "history.tool", in_home(
            ".python_history", ".python_history-*", ".ipython/profile_*/history.sqlite", ".mysql_history",
            ".mariadb_history", ".psql_history*", ".sqlite_history", ".rediscli_history", ".valkeycli_history",
            ".dbshell", ".mongodb/mongosh/*_history", ".node_repl_history",
            ".ts_node_repl_history", ".lesshst", ".local/state/lesshst", ".viminfo", ".vim/.netrwhist",
            ".local/state/nvim/shada/main.shada", ".wget-hsts", ".irb_history", ".pry_history",
            ".local/share/pry/pry_history", ".php_history", ".gdb_history", ".lldb/*-history", ".nano_history",
            ".local/share/nano/search_history", ".config/htop/htoprc.history", ".Rhistory", ".duckdb_history",
            ".cassandra/cqlsh_history", ".clickhouse-client-history", ".influx_history", ".influxql_history",
            ".influxdbv2/influxql_history", ".config/pgcli/history", ".config/litecli/history", ".mycli-history",
            ".usql_history", ".local/share/lftp/*_history", ".lftp/*_history", ".local/share/mc/history",
            ".local/share/recently-used.xbel", ".recently-used*", ".scala_history*", ".jshell_history",
            ".units_history",
            ".julia/logs/repl_history.jl", ".local/share/octave/history", ".octave_hist", ".ghc/*_history",
            ".local/share/tig/history", ".tig_history", ".w3m/history", ".elinks/globhist", ".emacs.d/recentf",
            ".emacs.d/savehist", ".emacs.d/history", ".emacs.d/auto-save-list/*",
            ".sqlcmdhistory", ".psysh_history", ".config/psysh/psysh_history", ".mc/history",
            ".erlang.history",
            ".xsession-errors*", ".local/share/xorg/*.log*", "nohup.out",
        ), "a history of a tool", "it reveals what was done and read", "remove it",
    ),
    Leftover(
        "history.trash", in_home(".local/share/Trash", ".Trash"), "a bin of removed files",
        "what was removed is still there", "remove its files", FILES, FILLED,
        source="https://specifications.freedesktop.org/trash-spec/latest/",
    ),
    Leftover(
        "history.editor", in_home(".vscode-server", ".vscode-server-insiders", ".cursor-server", ".windsurf-server"),
        "the server of an editor", "it holds the tokens and the records of whoever worked on the builder", "remove it",
        FILES, FILLED, product="Visual Studio Code",
        source="https://code.visualstudio.com/docs/remote/troubleshooting",
    ),
    # What names packages and when they came. On RPM systems the reasons for packages are in it, too.
    Leftover(
        "history.packages", (
            "/var/lib/yum/history/*", "/var/lib/PackageKit/transactions.db*",
        ), "a record of installations", "it reveals what was done on the builder, and when", "remove it",
        source="awslabs/amazon-eks-ami: templates/al2023/provisioners/cleanup.sh",
    ),
    Leftover(
        "history.dnf", ("/var/lib/dnf/history.sqlite*", "/usr/lib/sysimage/libdnf5/transaction_history.sqlite*"),
        "dnf's record of installations", "it reveals what was done on the builder, and when",
        "remove it, if dnf autoremove need not know which packages you asked for", LISTED, warning=True, product="dnf",
        source="awslabs/amazon-eks-ami: templates/al2023/provisioners/cleanup.sh",
    ),
    Leftover(
        "trace.people", (
            "/var/lib/AccountsService/users/*", "/var/lib/AccountsService/icons/*", "/var/lib/AccountService/users/*",
        ), "settings of an account for a login screen", "they name who worked on the builder", "remove it",
        product="AccountsService", source=_SYSPREP.format("logfiles"),
    ),
    Leftover(
        "trace.fingerprint", ("/var/lib/fprint",), "fingerprints", "they are of whoever worked on the builder",
        "remove them", FILES, FILLED, product="fprintd", source=_SYSPREP.format("logfiles"),
    ),
    Leftover(
        "trace.sssd", ("/var/lib/sss/db/*", "/var/lib/sss/mc/*"), "sssd's cache of accounts",
        "it holds accounts of the builder's domain, and hashes of their passwords", "remove it", product="sssd",
        source=_SYSPREP.format("sssd_db_log"),
    ),
    Leftover(
        "trace.samba", ("/var/lib/samba/*.tdb", "/var/lib/samba/*.ldb", "/var/lib/samba/lock/*.tdb"),
        "a database of Samba", "it may hold accounts and names of the builder's domain",
        "remove it, unless the image shares files by its settings", LISTED, product="Samba",
        source=_SYSPREP.format("samba_db_log"),
    ),
    Leftover(
        "trace.dovecot", ("/var/lib/dovecot/*",), "a record of Dovecot", "it is of the builder's mail server",
        "remove it", product="Dovecot", source=_SYSPREP.format("dovecot_data"),
    ),
    Leftover(
        "trace.certificate", ("/etc/Pegasus/*.pem", "/etc/Pegasus/*.crt", "/etc/Pegasus/*.csr", "/etc/Pegasus/*.srl"),
        "a certificate that a first start made", "clones would share it", "remove it; a start makes a new one",
        product="OpenPegasus",
        source=_SYSPREP.format("logfiles"),
    ),
    # The agent writes these at each start: azurelinuxagent/ga/{persist_firewall_rules,cgroupconfigurator}.py.
    Leftover(
        "trace.waagent", (
            "/etc/systemd/system/*waagent-network-setup.service",
            "/usr/lib/systemd/system/*waagent-network-setup.service",
            "/usr/lib/systemd/system/walinuxagent.service.d/1[0-3]-*.conf",
            "/usr/lib/systemd/system/waagent.service.d/1[0-3]-*.conf",
            "/usr/lib/systemd/system/azure-walinuxagent-logcollector.slice",
        ), "a unit that Azure's agent wrote", "it is for the network and the size of the builder's machine",
        "remove it", product="waagent", source="Azure/WALinuxAgent: azurelinuxagent/pa/deprovision/default.py",
    ),
    Leftover(
        "crash.dump", (
            "/var/crash/*", "/var/lib/systemd/coredump/*", "/var/spool/abrt/*", "/var/lib/apport/coredump/*",
            "/var/lib/kdump/*.kdump", "/var/tmp/abrt/*", "/var/lib/systemd/pstore/*",
        ), "a crash dump", "it holds memory, with the secrets that were in it", "remove it", means=ANY,
    ),
    # Swap is marked in the last ten bytes of its first page, which has 4 KiB; S1SUSPEND means memory was saved there.
    Leftover(
        "memory.swap", (
            "/swapfile*", "/swap.img", "/swap", "/swap/*", "/var/swap*", "/mnt/swapfile*", "/mnt/resource/swapfile",
        ), "a swap file", "it may hold memory of the builder",
        "write zeros and run mkswap on it, or create it at first boot",
        LISTED, holds=rb"(?s)\A.{4086}(?:SWAPSPACE2|S1SUSPEND)",
    ),
    Leftover(
        "tmp.file", ("/tmp/*", "/var/tmp/*"), "a temporary file", "it may hold anything", "remove it", means=ANY,
    ),
    Leftover(
        "run.file", ("/run/**",), "a file of the builder's run",
        "it reveals what the builder did, and a boot hides it without removing it", "remove it", means=BELOW,
    ),
)  # fmt: skip
