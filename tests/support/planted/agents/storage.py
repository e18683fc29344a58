"""Leftovers of the table `agents.storage`, planted: (code, path, content)."""

from __future__ import annotations

STORAGE: tuple[tuple[str, str, str | bytes], ...] = (
    ("agent.gluster", "/var/lib/glusterd/glusterd.info", "UUID=5c3e8f6a-0000-4000-8000-000000000001\n"),
    ("agent.gluster-pool", "/var/lib/glusterd/peers", "one"),
    ("agent.pcs", "/var/lib/pcsd/pcsd.key", "x"),
    ("agent.pcs", "/home/alice/.pcs/known-hosts", "x"),
    ("agent.pacemaker", "/var/lib/pacemaker/cib/one", "x"),
    ("agent.pacemaker", "/etc/pacemaker/authkey", "x"),
    ("agent.heartbeat", "/var/lib/heartbeat/hb_uuid", "x"),
    ("agent.heartbeat", "/var/lib/heartbeat/hostcache", "x"),
    ("agent.veeam", "/var/lib/veeam/veeam_db.sqlite", "x"),
    ("agent.veeam", "/var/lib/veeam/one.sqlite", "x"),
    ("agent.networker", "/nsr/res/nsrladb", "one"),
    ("agent.tsm", "/etc/adsm/TSM.1", "x"),
    ("agent.tsm", "/etc/adsm/one", "x"),
    ("agent.crashplan", "/var/lib/crashplan/.identity", "x"),
    ("agent.crashplan", "/usr/local/crashplan/conf/my.service.xml", "x"),
    ("agent.borg", "/home/alice/.config/borg/keys/one", "x"),
    ("agent.borg", "/home/alice/.config/Duplicati/one.sqlite", "x"),
)
