"""Leftovers of the table `agents.domains`, planted: (code, path, content)."""

from __future__ import annotations

DOMAINS: tuple[tuple[str, str, str | bytes], ...] = (
    ("agent.sssd", "/var/lib/sss/secrets/one", "x"),
    ("agent.sssd", "/var/lib/sss/deskprofile/one", "x"),
    ("agent.ipa", "/etc/ipa/ca.crt", "x"),
    ("agent.ipa", "/etc/ipa/.dns_ccache", "x"),
    ("agent.realmd", "/var/lib/realmd/one", "x"),
    ("agent.samba", "/var/lib/samba/private/netlogon_creds_cli.tdb", "x"),
    ("agent.samba", "/var/lib/samba/private/dns.keytab", "x"),
    ("agent.samba-domain", "/var/lib/samba/sysvol", "one"),
    ("agent.certmonger", "/var/lib/certmonger/requests/one", "id=0\n"),
    ("agent.certmonger", "/var/lib/certmonger/cas/one", "id=0\n"),
    ("agent.quest", "/etc/opt/quest/vas/host.keytab", "x"),
    ("agent.quest", "/etc/opt/quest/vas/one.keytab", "x"),
    ("agent.centrify", "/var/centrifydc/kset.1", "x"),
    ("agent.centrify", "/var/centrifydc/one.idx", "x"),
    ("agent.pbis", "/var/lib/pbis/db/one", "x"),
    ("agent.pbis", "/var/lib/likewise/db/one", "x"),
)
