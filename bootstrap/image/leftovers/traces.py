"""Records of what was done on the builder."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import ANY, BELOW, EMPTY, FILES, FILLED, LISTED, Leftover, in_home

# Records of what was done on the builder, which is nobody's business on a clone. Logs are emptied, not removed: some
# daemons do not create their log, and the file keeps its mode and owner.
TRACES = (
    Leftover(
        "log.journal", ("/var/log/journal", "/run/log/journal"), "systemd's journal",
        "it reveals what the builder did, under its machine id", "remove its files", FILES, FILLED,
    ),
    Leftover(
        "log.installer", ("/var/log/installer", "/var/log/anaconda"), "an installer's log",
        "it may contain passwords", "remove its files", FILES, FILLED,
    ),
    Leftover(
        "log.file", ("/var/log/**",), "a log", "it reveals what the builder did, and may contain its commands",
        "truncate it", EMPTY, BELOW,
    ),
    Leftover(
        "log.answers", (
            "/root/anaconda-ks.cfg", "/root/original-ks.cfg", "/root/initial-setup-ks.cfg", "/root/ks-*.log",
            "/root/preseed.cfg", "/preseed.cfg", "/root/install.log*", "/autoinst.xml", "/root/autoinst.xml",
        ), "the answers given to an installer", "they contain passwords, or their hashes", "remove it",
    ),
    Leftover(
        "log.mail", (
            "/var/mail/*", "/var/spool/mail/*", "/var/spool/postfix/active/**", "/var/spool/postfix/deferred/**",
            "/var/spool/exim4/input/**",
        ), "mail", "it was sent to the builder", "truncate it", EMPTY, BELOW,
    ),
    Leftover(
        "history.shell", in_home(
            ".bash_history", ".zsh_history", ".zhistory", ".histfile", ".sh_history", ".ash_history", ".ksh_history",
            ".history", ".local/share/fish/fish_history",
        ), "a shell history", "it may hold passwords that were typed", "remove it",
    ),
    Leftover(
        "history.tool", in_home(
            ".python_history", ".mysql_history", ".psql_history", ".sqlite_history", ".rediscli_history", ".dbshell",
            ".mongodb/mongosh/mongosh_repl_history", ".node_repl_history", ".lesshst", ".viminfo",
            ".local/state/nvim/shada/main.shada", ".wget-hsts", ".irb_history", ".php_history", ".gdb_history",
            ".local/share/nano/search_history", ".nano_history", ".config/htop/htoprc.history",
        ), "a history of a tool", "it reveals what was done and read", "remove it",
    ),
    Leftover(
        "crash.dump", (
            "/var/crash/*", "/var/lib/systemd/coredump/*", "/var/spool/abrt/*", "/var/lib/apport/coredump/*",
        ), "a crash dump", "it holds memory, with the secrets that were in it", "remove it", means=ANY,
    ),
    # Swap is marked in the last ten bytes of its first page, which has 4 KiB.
    Leftover(
        "memory.swap", ("/swapfile", "/swap.img", "/swap", "/var/swap", "/var/swapfile"), "a swap file",
        "it may hold memory of the builder", "write zeros and run mkswap on it, or create it at first boot",
        LISTED, holds=rb"(?s)\A.{4086}SWAPSPACE2",
    ),
    Leftover(
        "tmp.file", ("/tmp/*", "/var/tmp/*"), "a temporary file", "it may hold anything", "remove it", means=ANY,
    ),
    Leftover(
        "run.file", ("/run/**",), "a file of the builder's run",
        "it reveals what the builder did, and a boot hides it without removing it", "remove it", means=BELOW,
    ),
)  # fmt: skip
