"""Memberships of a domain or a directory. Their Kerberos keys are in the table `credentials`."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILLED, LISTED, Leftover

DOMAINS = (
    Leftover(
        "agent.sssd", ("/var/lib/sss/secrets/*", "/var/lib/sss/gpo_cache/*", "/var/lib/sss/pubconf/kdcinfo.*",
        "/var/lib/sss/pubconf/kpasswdinfo.*", "/var/lib/sss/keytabs/*", "/var/lib/sss/deskprofile/*"),
        "secrets and policies of SSSD", "it holds the builder's users, and may hold hashes of their passwords",
        "remove it: SSSD makes a new one when it starts", product="SSSD",
        source="libguestfs/guestfs-tools: sysprep/sysprep_operation_sssd_db_log.ml; SSSD/sssd: src/conf_macros.m4",
    ),
    Leftover(
        "agent.ipa", ("/etc/ipa/ca.crt", "/etc/ipa/default.conf", "/var/lib/ipa-client/sysrestore/*",
        "/var/lib/ipa-client/pki/*", "/etc/pki/ca-trust/source/ipa.p11-kit",
        "/etc/pki/ca-trust/source/anchors/ipa-ca.crt", "/usr/local/share/ca-certificates/ipa-ca.crt",
        "/etc/ipa/nssdb/*", "/etc/ipa/.dns_ccache"), "an enrolment in an IPA domain",
        "every clone would be that one host", "ipa-client-install --uninstall, and enrol each clone",
        product="FreeIPA", source="libguestfs/guestfs-tools: sysprep/sysprep_operation_ipa_client.ml; "
        "freeipa/freeipa: client/man/ipa-client-install.1",
    ),
    Leftover(
        "agent.realmd", ("/var/lib/realmd/*",), "a membership of a realm", "every clone would be that one member",
        "realm leave", LISTED, product="realmd", source="freedesktop/realmd: NEWS",
    ),
    Leftover(
        "agent.samba", ("/var/lib/samba/private/netlogon_creds_cli.tdb", "/var/lib/samba/private/schannel_store.tdb",
        "/var/lib/samba/private/secrets.ldb", "/etc/samba/secrets.tdb", "/etc/samba/MACHINE.SID",
        "/var/lib/samba/private/secrets.keytab", "/var/lib/samba/private/tls/key.pem",
        "/var/lib/samba/private/dns.keytab"), "Samba's membership of a domain", "every clone would be that one member",
        "net ads leave, or remove it", LISTED, product="Samba", source="https://wiki.samba.org/index.php/TDB_Locations",
    ),
    Leftover(
        "agent.samba-domain", ("/var/lib/samba/sysvol", "/var/lib/samba/private/sam.ldb.d", "/var/lib/samba/bind-dns"),
        "the data of a domain controller", "every clone would be that one controller", "samba-tool domain demote",
        LISTED, FILLED, product="Samba", source="https://wiki.samba.org/index.php/TDB_Locations",
    ),
    Leftover(
        "agent.certmonger", ("/var/lib/certmonger/requests/*", "/var/lib/certmonger/local/creds",
        "/var/lib/certmonger/cas/*"), "requests or the local authority of certmonger",
        "clones would renew the builder's certificates", "getcert stop-tracking, and remove it", LISTED,
        unless=rb"(?m)^ca_is_default=|^ca_type=", product="certmonger",
        source="https://pagure.io/certmonger (man certmonger.conf)",
    ),
    Leftover(
        "agent.quest", ("/etc/opt/quest/vas/host.keytab", "/var/opt/quest/vas/vasd/*", "/etc/opt/quest/vas/*.keytab"),
        "a membership by Authentication Services", "every clone would be that one member", "vastool unjoin", LISTED,
        product="One Identity Safeguard Authentication Services",
        source="https://support.oneidentity.com/ (vastool unjoin)",
    ),
    Leftover(
        "agent.centrify", ("/var/centrifydc/kset.*", "/var/centrifydc/*.cache", "/var/centrifydc/*.idx"),
        "a membership by Centrify", "every clone would be that one member", "adleave, and adflush -f", LISTED,
        product="Delinea (Centrify) Server Suite", source="https://docs.delinea.com/ (adleave)",
    ),
    Leftover(
        "agent.pbis", ("/var/lib/pbis/db/*", "/var/lib/pbis/krb5-affinity.conf", "/var/lib/likewise/db/*"),
        "a membership by PBIS", "every clone would be that one member", "domainjoin-cli leave", LISTED,
        product="PowerBroker Identity Services", source="https://github.com/BeyondTrust/pbis-open",
    ),
)  # fmt: skip
