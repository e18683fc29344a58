"""Jobs of the builder, which every clone would run."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import ANY, LISTED, Leftover, in_home

_SYSPREP = "guestfs-tools: sysprep/sysprep_operation_cron_spool.ml"
# The last number of a job, and a lock: the services need these.
_KEEPERS = (".SEQ", ".lockfile")

JOBS: tuple[Leftover, ...] = (
    Leftover(
        "job.cron", (
            "/var/spool/cron/crontabs/*", "/var/spool/cron/tabs/*", "/var/spool/cron/*", "/var/spool/fcron/*",
        ), "cron jobs of an account", "every clone would run them", "remove it, or --allow it if clones shall run it",
        but=_KEEPERS, product="cron", source=_SYSPREP,
    ),
    # The lines of Alpine's own file only run the folders of /etc/periodic.
    Leftover(
        "job.crontabs", ("/etc/crontabs/*",), "a job of an account", "every clone would run it",
        "take its line out, or --allow it if clones shall run it", LISTED, product="busybox",
        holds=rb"(?m)^[ \t]*(?:@\w+|[\d*,/-]+(?:[ \t]+[\w*,/-]+){4})[ \t]+(?!run-parts[ \t]+/etc/periodic/)\S",
        source="https://wiki.alpinelinux.org/wiki/Cron",
    ),
    Leftover(
        "job.builder", ("/etc/cron.d/*packer*", "/etc/cron.d/*vagrant*", "/etc/cron.d/*builder*"),
        "a job for the build", "every clone would run it", "remove it, or --allow it if clones shall run it", LISTED,
        product="cron", source="https://manpages.debian.org/bookworm/cron/cron.8.en.html",
    ),
    Leftover(
        "job.incron", ("/var/spool/incron/*",), "jobs that changes of files start", "every clone would run them",
        "remove it, or --allow it if clones shall run it", LISTED, product="incron",
        source="https://manpages.debian.org/bookworm/incron/incrontab.1.en.html",
    ),
    Leftover(
        "job.at", (
            "/var/spool/cron/atjobs/*", "/var/spool/at/*", "/var/spool/atjobs/*",
            "/var/spool/cron/atspool/*", "/var/spool/at/spool/*", "/var/spool/atspool/*",
        ), "a job of at, or its output", "every clone would run it, and it has the environment of who asked for it",
        "remove it", but=_KEEPERS, product="at", source=_SYSPREP,
    ),
    Leftover(
        "job.stamp", ("/var/spool/anacron/*", "/var/spool/cron/lastrun/*"),
        "the day on which a job of anacron last ran", "a clone would take the builder's run for its own",
        "remove it", product="anacron", source="anacron(8)",
    ),
    # These are empty files: their time is what counts.
    Leftover(
        "job.stamp", (
            "/var/lib/systemd/timers/stamp-*", *in_home(".local/share/systemd/timers/stamp-*"),
        ), "the time at which a persistent timer last ran", "a clone would take the builder's run for its own",
        "remove it", means=ANY, product="systemd", source="systemd.timer(5): Persistent=, systemctl clean --what=state",
    ),
    Leftover(
        "job.logrotate", (
            "/var/lib/logrotate/status", "/var/lib/logrotate/logrotate.status", "/var/lib/logrotate.status",
            "/var/lib/misc/logrotate.status",
        ), "the record of rotated logs", "it names the builder's logs, and a clone would take these times for its own",
        "remove it", product="logrotate", source="guestfs-tools: sysprep/sysprep_operation_logfiles.ml",
    ),
    # These may well be meant: a kiosk, a container of an account.
    Leftover(
        "job.user-unit", in_home(".config/systemd/user/*.wants/*", ".config/systemd/user/*.requires/*"),
        "a unit that an account has enabled", "every clone would start it when that account logs in",
        "remove it, unless that is wanted", LISTED, means=ANY, warning=True, product="systemd",
        source="systemd.unit(5)",
    ),
    Leftover(
        "job.linger", ("/var/lib/systemd/linger/*",), "an account whose units start at boot",
        "every clone would start them, without any login", "loginctl disable-linger, unless that is wanted", LISTED,
        means=ANY, warning=True, product="systemd", source="loginctl(1): enable-linger",
    ),
)  # fmt: skip
