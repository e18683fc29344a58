"""Identities of the nodes of storage and of clusters, and of backup."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILLED, LISTED, Leftover

_NODE = "every clone would be that one node"

STORAGE = (
    Leftover(
        "agent.gluster", ("/var/lib/glusterd/glusterd.info",), "the UUID of a Gluster server",
        "a pool refuses a second server with the same UUID", "remove it: glusterd makes a new one when it starts",
        LISTED, holds=rb"(?m)^UUID=\S", product="GlusterFS",
        source="gluster/glusterfs: xlators/mgmt/glusterd/src/glusterd.h",
    ),
    Leftover(
        "agent.gluster-pool", ("/var/lib/glusterd/peers", "/var/lib/glusterd/vols"), "a membership of a Gluster pool",
        _NODE, "gluster peer detach, and remove it", LISTED, FILLED, product="GlusterFS",
        source="gluster/glusterfs: glusterfs.spec.in",
    ),
    Leftover(
        "agent.pcs", ("/var/lib/pcsd/pcsd.key", "/var/lib/pcsd/pcsd.crt", "/var/lib/pcsd/known-hosts",
        "/var/lib/pcsd/tokens", "/var/lib/pcsd/pcs_users.conf", "/var/lib/pcsd/pcsd_settings.conf",
        "/var/lib/pcsd/pcsd.cookiesecret", "~/.pcs/tokens", "~/.pcs/known-hosts"),
        "a key, or tokens for the nodes of a cluster", "whoever has a clone could rule the cluster",
        "pcs cluster destroy, and remove it: pcsd makes a new key when it starts", LISTED, product="pcs",
        source="ClusterLabs/pcs: pcs/settings.py.in, pcs/cli/file/metadata.py",
    ),
    Leftover(
        "agent.pacemaker", ("/var/lib/pacemaker/cib/*", "/var/lib/corosync/ringid_*", "/var/lib/pacemaker/pengine/*",
        "/etc/pacemaker/authkey"), "the state of a node of Pacemaker", _NODE, "pcs cluster destroy", LISTED,
        product="Pacemaker, Corosync",
        source="https://clusterlabs.org/projects/pacemaker/doc/3.0/Pacemaker_Explained/html/",
    ),
    Leftover(
        "agent.heartbeat", ("/var/lib/heartbeat/hb_uuid", "/var/lib/heartbeat/hb_generation",
        "/var/lib/heartbeat/hostcache"), "the UUID of a Heartbeat node", _NODE,
        "remove it: Heartbeat makes a new one when it starts", LISTED, product="Heartbeat",
        source="http://www.linux-ha.org/doc/users-guide/ (hb_uuid)",
    ),
    Leftover(
        "agent.veeam", ("/var/lib/veeam/veeam_db.sqlite", "/var/lib/veeam/*.sqlite"), "the database of a Veeam agent",
        "the server takes all clones for one computer", "remove it", LISTED, product="Veeam Agent for Linux",
        source="https://helpcenter.veeam.com/docs/agentforlinux/userguide/",
    ),
    Leftover(
        "agent.networker", ("/nsr/res/nsrladb", "/nsr/res/peer"), "the identity of a NetWorker client",
        "the server takes all clones for one client", "remove it: nsrexecd makes a new one when it starts", LISTED,
        FILLED, product="Dell NetWorker",
        source="https://www.dell.com/support/kbdoc/ (duplicate nsrladb, NSR peer information)",
    ),
    Leftover(
        "agent.tsm", ("/etc/adsm/TSM.*", "/etc/adsm/spclicert.*", "/etc/adsm/*"),
        "the password of a Spectrum Protect node", "every clone would be that one node",
        "remove it, and register each clone", LISTED, product="IBM Storage Protect",
        source="https://www.ibm.com/docs/en/storage-protect (secure password storage: /etc/adsm)",
    ),
    Leftover(
        "agent.crashplan", ("/var/lib/crashplan/.identity", "/var/lib/.identity",
        "/usr/local/crashplan/conf/my.service.xml"), "the identity of a CrashPlan client",
        "the server takes all clones for one device", "remove it", LISTED, product="CrashPlan",
        source="https://support.crashplan.com/ (the .identity file)",
    ),
    Leftover(
        "agent.borg", ("~/.config/borg/keys/*", "~/.config/borg/security/*", "~/.local/share/duplicati/*.sqlite",
        "~/.config/Duplicati/*.sqlite"), "a key of a backup, or what a client knows of it",
        "whoever has a clone could read the builder's backups", "remove it", LISTED, product="BorgBackup, Duplicati",
        source="https://borgbackup.readthedocs.io/en/stable/usage/general.html (BORG_KEYS_DIR)",
    ),
)  # fmt: skip
