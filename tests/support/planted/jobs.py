"""Leftovers of the table `jobs`, planted: (code, path, content)."""

from __future__ import annotations

_AT = "#!/bin/sh\n# atrun uid=0 gid=0\nTOKEN=x; export TOKEN\n/usr/local/bin/once\n"

JOBS: tuple[tuple[str, str, str | bytes], ...] = (
    ("job.cron", "/var/spool/cron/crontabs/root", "@daily /usr/local/bin/report\n"),
    ("job.cron", "/var/spool/cron/tabs/alice", "@daily /usr/local/bin/report\n"),
    ("job.cron", "/var/spool/cron/root", "@daily /usr/local/bin/report\n"),
    ("job.crontabs", "/etc/crontabs/root", "*/15\t*\t*\t*\t*\trun-parts /etc/periodic/15min\n0 3 * * * /root/run\n"),
    ("job.builder", "/etc/cron.d/packer-alive", "* * * * * root true\n"),
    ("job.incron", "/var/spool/incron/root", "/srv IN_CLOSE_WRITE true\n"),
    ("job.at", "/var/spool/cron/atjobs/a0000101b2c3d4", _AT),
    ("job.at", "/var/spool/at/a0000101b2c3d4", _AT),
    ("job.at", "/var/spool/cron/atspool/a0000101b2c3d4", "it said\n"),
    ("job.stamp", "/var/spool/anacron/cron.daily", "20261130\n"),
    ("job.stamp", "/var/lib/systemd/timers/stamp-apt-daily.timer", ""),
    ("job.logrotate", "/var/lib/logrotate/status", "logrotate state -- version 2\n"),
    ("job.user-unit", "/home/alice/.config/systemd/user/default.target.wants/sync.service", ""),
    ("job.linger", "/var/lib/systemd/linger/alice", ""),
)
