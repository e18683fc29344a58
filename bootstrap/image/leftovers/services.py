"""Secrets of services and of VPNs, by the places where these keep them.

Keys in PEM, tokens and settings such as `password = x` are found by their content, wherever they lie. Here are those
that have a form of their own. `holds` keeps the file out that a fresh package brings.
"""

from __future__ import annotations

from bootstrap.image.leftovers.rule import LISTED, Leftover, in_home

# A line that is no comment, of NAME SECRET and of NAME NAME SECRET.
_TWO_WORDS = rb"(?m)^[ \t]*[^#;\s\[]\S*[ \t]+[^\s#]"
_COLON = rb"(?m)^[^#\s:]{1,200}:[^:\s*!]"
_RAW_KEY = rb"\A\s*[A-Za-z0-9+/]{43}=\s*\Z"
_TSIG = rb"(?m)^[^#\n/]{0,200}\bsecret:?[ \t]+\"?[A-Za-z0-9+/]{16,200}={0,2}\"?"


def _setting(*names: str) -> bytes:
    """A pattern of a setting with a value, in a line that is no comment. `=`, `:` or a blank stands between."""
    return b"(?im)^[ \\t]*(?:" + "|".join(names).encode() + rb")[ \t]*[=: \t][ \t]*[\"']?[^\s#\"'$<{]"


def _service(code: str, subject: str, places: tuple[str, ...], holds: bytes | None, **fields: object) -> Leftover:
    """One row: none of these is removed by --clean, for it may be the only copy."""
    return Leftover(
        f"service.{code}", places, subject, "every clone has it, and could pose as this one",
        "remove it; a payload can bring each server its own", LISTED, holds=holds, **fields,  # type: ignore[arg-type]
    )  # fmt: skip


_NETWORKS = (
    _service("vpn", "a key of WireGuard", (
        "/etc/wireguard/*.key", "/etc/wireguard/*private*", "/etc/wireguard/*psk*", "/etc/wireguard/*preshared*",
        "/etc/wireguard/*/*.key", "/etc/wireguard/*/*private*", "/etc/systemd/network/*.key",
        "/etc/systemd/network/*private*",
    ), _RAW_KEY, but=("public.key", "publickey", "pub.key", "server_public.key", "client_public.key")),
    _service("vpn", "a login for OpenVPN", (
        "/etc/openvpn/*auth*", "/etc/openvpn/*/*auth*", "/etc/openvpn/*pass*", "/etc/openvpn/*/*pass*",
        "/etc/openvpn/*login*", "/etc/openvpn/*/*login*", "/etc/openvpn/*cred*", "/etc/openvpn/*/*cred*",
    ), rb"\A[^\s#-]\S{0,200}\r?\n\S{1,200}\s*\Z"),
    _service("vpn", "secrets of IPsec", (
        "/etc/ipsec.secrets", "/etc/ipsec.d/*.secrets", "/etc/strongswan/ipsec.secrets",
        "/etc/strongswan/ipsec.d/*.secrets",
        "/var/lib/strongswan/ipsec.secrets.inc", "/etc/ipsec.*.secrets", "/etc/racoon/psk.txt",
    ), rb"(?m)^[^#\n]{0,200}:[ \t]*(?:PSK|RSA|EAP|XAUTH|ECDSA|BLISS|PKCS8|PKCS12|P12|PIN|NTLM)[ \t]+\S"
       rb"|^\d[\d.:a-f]{4,40}[ \t]+\S"),
    _service("vpn", "secrets of strongSwan", (
        "/etc/swanctl/swanctl.conf", "/etc/swanctl/conf.d/*", "/etc/strongswan/swanctl/swanctl.conf",
        "/etc/strongswan/swanctl/conf.d/*",
    ), _setting("secret")),
    _service("vpn", "a private key of strongSwan", (
        *(f"/etc/swanctl/{name}/*" for name in ("private", "rsa", "ecdsa", "pkcs8", "pkcs12")),
        *(f"/etc/strongswan/swanctl/{name}/*" for name in ("private", "rsa", "ecdsa", "pkcs8", "pkcs12")),
        "/etc/ipsec.d/private/*", "/etc/strongswan/ipsec.d/private/*",
    ), None),
    # Debian's pap-secrets lists accounts that may not log in, with "" or "*" for a password.
    _service("vpn", "passwords for PPP", (
        "/etc/ppp/chap-secrets", "/etc/ppp/pap-secrets", "/etc/ppp/*-secrets", "/etc/xl2tpd/l2tp-secrets",
    ), rb"(?m)^[ \t]*[^#;\s]\S{0,200}[ \t]+\S{1,200}[ \t]+(?![\"']?\*?[\"']?(?:\s|\Z))\S"),
    _service("vpn", "passwords of a VPN's client", (
        "/etc/vpnc/*.conf", "/etc/vpnc/*/*.conf", "/etc/openfortivpn/config", "/etc/fortivpn/config",
    ), _setting("IPSec secret", "IPSec obfuscated secret", "Xauth password", "password")),
    _service("wifi", "a password for a wireless network", (
        "/etc/wpa_supplicant/*.conf", "/etc/wpa_supplicant.conf", "/etc/hostapd/*.conf", "/etc/hostapd.conf",
        "/etc/network/interfaces", "/etc/network/interfaces.d/*", "/var/lib/connman/*/settings",
        "/var/lib/connman/*.config", "/var/lib/iwd/*", "/etc/iwd/*.psk", "/etc/sysconfig/network-scripts/keys-*",
        "/etc/sysconfig/network/ifcfg-wlan*", "/boot/wpa_supplicant.conf", "/boot/firmware/wpa_supplicant.conf",
    ), _setting("psk", "password", "sae_password", r"wep_key\d", r"wireless-key\d?", "private_key_passwd",
    "wpa_passphrase",
                "wpa_psk", "WPA_PSK", r"KEY\d?", "wpa-psk", "wpa-password", "PreSharedKey", "Passphrase",
                r"WIRELESS_(?:WPA_PSK|KEY_\d)")),
    _service("wifi", "a password for a network", ("/etc/netplan/*", "/boot/network-config",
        "/boot/firmware/network-config"),
             _setting("-?[ \\t]*password", "psk", "auth-key", "key-management-password", "client-key-password")),
    _service("radius", "shared secrets of RADIUS", (
        "/etc/freeradius/*.conf", "/etc/freeradius/*/*.conf", "/etc/raddb/*.conf", "/etc/radcli/servers",
        "/etc/radiusclient*/servers",
    ), rb"(?m)^[ \t]*(?:shared_)?secret[ \t]*=[ \t]*[\"']?(?!testing123\b)[^\s\"'$#]"
       rb"|^[a-z0-9][\w.:/-]{2,100}[ \t]+[^\s=#{]{6,100}[ \t]*$"),
    _service("radius", "passwords of RADIUS", (
        "/etc/freeradius/*/users", "/etc/freeradius/users", "/etc/freeradius/*/mods-config/files/authorize",
        "/etc/raddb/users", "/etc/raddb/mods-config/files/authorize",
    ), rb"(?m)^[^#\s]\S{0,200}[ \t]{1,40}(?:Cleartext|NT|Crypt|SSHA?|User|MD5|SHA)-?Password[ \t]*:?="),
    # The samples of the package stand beside `secret` and `other-secret`.
    _service("radius", "shared secrets of RADIUS", ("/etc/pam_radius_auth.conf", "/etc/raddb/server",
        "/etc/pam_radius/*.conf"),
             rb"(?m)^[^#\s]\S{0,200}[ \t]+(?!(?:other\d?-)?secret[ \t\r\n])\S"),
)  # fmt: skip

_DIRECTORIES = (
    _service("directory", "a password for LDAP", ("/etc/sssd/sssd.conf", "/etc/sssd/conf.d/*"),
             _setting("ldap_default_authtok", "proxy_password")),
    _service("directory", "a password for LDAP", (
        "/etc/nslcd.conf", "/etc/ldap.conf", "/etc/pam_ldap.conf", "/etc/libnss-ldap.conf", "/etc/nss_ldap.conf",
        "/etc/ldap/ldap.conf", "/etc/openldap/ldap.conf", "/etc/sudo-ldap.conf", "/etc/ldap/slapd.conf",
        "/etc/openldap/slapd.conf", "/etc/autofs_ldap_auth.conf",
    ), _setting("bindpw", "rootbindpw", "rootpw", "rootpwmodpw", "binddn_pw")),
    _service("directory", "a password for LDAP",
             ("/etc/ldap.secret", "/etc/libnss-ldap.secret", "/etc/pam_ldap.secret",
                 "/etc/ldapscripts/ldapscripts.passwd"), None),
    _service("directory", "the root password of OpenLDAP", (
        "/etc/ldap/slapd.d/cn=config/olcDatabase*.ldif", "/etc/openldap/slapd.d/cn=config/olcDatabase*.ldif",
    ), _setting("olcRootPW:?", "olcDbRootPW:?")),
    _service("directory", "the keys of a Kerberos realm", (
        "/etc/krb5kdc/stash", "/etc/krb5kdc/.k5.*", "/var/kerberos/krb5kdc/.k5.*", "/var/lib/krb5kdc/principal*",
        "/var/kerberos/krb5kdc/principal*", "/var/lib/heimdal-kdc/m-key", "/var/lib/heimdal-kdc/*.db",
    ), None),
    _service("samba", "passwords and the domain's secrets of Samba", (
        "/var/lib/samba/private/*.tdb", "/var/lib/samba/private/*.ldb",
        "/var/lib/samba/passdb.tdb", "/etc/samba/*.tdb", "/etc/samba/smbpasswd",
        "/etc/samba/private/*", "/var/lib/samba/private/encrypted_secrets.key",
    ), None, but=("secrets.tdb", "secrets.ldb", "netlogon_creds_cli.tdb", "schannel_store.tdb", "randseed.tdb")),
    _service("cluster", "a key of Ceph", (
        "/etc/ceph/*.keyring", "/etc/ceph/*.secret", "/etc/ceph/*.key", "/etc/ceph/keyring",
        "/var/lib/ceph/*/*/keyring", "/var/lib/ceph/*/*.keyring", "/var/lib/ceph/*/*/*/keyring",
    ), rb"[A-Za-z0-9+/]{38}=="),
    _service("cluster", "the key of a cluster", (
        "/etc/corosync/authkey", "/etc/booth/*.key", "/etc/booth/authkey", "/etc/ha.d/authkeys",
        "/etc/pve/priv/**", "/var/lib/pve-cluster/config.db", "/etc/slurm*/slurm.key", "/etc/slurm*/jwt*.key",
        "/var/spool/slurm*/*.key", "/etc/cluster/fence_xvm.key", "/var/lib/pcsd/known-hosts",
        "/var/lib/pcsd/cfgsync_ctl", "/etc/gluster*/secret.pem", "/var/lib/glusterd/geo-replication/secret.pem",
    ), None),
    _service("cluster", "a password of a cluster", (
        "/etc/keepalived/*.conf", "/etc/keepalived/*/*.conf", "/etc/drbd.conf", "/etc/drbd.d/*", "/etc/ucarp/*",
        "/etc/conntrackd/*.conf",
    ), _setting("auth_pass", "shared-secret")),
)  # fmt: skip

_MAIL = (
    _service("mail", "passwords for a mail server", (
        "/etc/postfix/*sasl*pass*", "/etc/postfix/sasl/*pass*", "/etc/postfix/*relay*pass*",
        "/etc/postfix/smtp_auth*",
        "/etc/dma/auth.conf",
    ), rb"(?m)^[^#\s][^\n]{0,200}[ \t:|][^\s:]{1,200}:[ \t]*\S|\0"),
    _service("mail", "passwords for a mail server", (
        "/etc/exim4/passwd*", "/etc/exim/passwd*", "/etc/exim4/*/passwd*", "/etc/dovecot/users",
        "/etc/dovecot/*passwd*",
        "/etc/dovecot/private/users",
    ), _COLON),
    _service("mail", "a password for a mail server", (
        "/etc/msmtprc", *in_home(".msmtprc", ".config/msmtp/config"), "/etc/ssmtp/ssmtp.conf",
        "/etc/ssmtp/revaliases",
        "/etc/esmtprc", *in_home(".esmtprc"), "/etc/mail.rc", *in_home(".mailrc", ".muttrc", ".mutt/muttrc",
        ".config/mutt/muttrc", ".config/neomutt/neomuttrc", ".offlineimaprc", ".mbsyncrc", ".config/isyncrc",
        ".getmail/*", ".config/getmail/*", ".config/aerc/accounts.conf"),
    ), _setting("password", "AuthPass", "set (?:imap|smtp)_pass", "set smtp-auth-password", "remotepass", "Pass",
    "source-cred")),
    _service("mail", "a password for a mail server", ("/etc/nullmailer/remotes", "/etc/fetchmailrc",
        *in_home(".fetchmailrc")),
             rb"(?im)^[^#\n]{0,300}(?:--pass=|\bpass(?:word)?[ \t]+)[\"']?[^\s\"'$]"),
    _service("mail", "passwords of SASL", ("/etc/sasldb2", "/etc/sasl2/sasldb2", "/var/lib/sasl2/sasldb2",
        "/etc/libsasldb2"), None),
    _service("snmp", "a community or a user of SNMP", (
        "/etc/snmp/snmpd.conf", "/etc/snmp/snmpd.conf.d/*", "/etc/snmp/snmptrapd.conf",
        "/usr/share/snmp/snmpd.conf", *in_home(".snmp/*.conf"),
    ), rb"(?m)^[ \t]*(?:createUser[ \t]+(?:-e[ \t]+\S+[ \t]+)?\S+[ \t]+(?:MD5|SHA)|usmUser[ \t]"
       rb"|r[wo]community6?[ \t]+(?!public\b|default\b)\S"
       rb"|com2sec6?[ \t]+\S+[ \t]+\S+[ \t]+(?!public\b)\S|defAuthPassphrase[ \t]+\S|defPrivPassphrase[ \t]+\S)"),
)  # fmt: skip

_STORES = (
    _service("storage", "a password for a shared folder", ("/etc/davfs2/secrets", *in_home(".davfs2/secrets")),
        _TWO_WORDS),
    _service("storage", "a password for a shared folder", (
        "/etc/*cifs*", "/etc/*smb*cred*", "/etc/.smb*", "/etc/samba/*cred*", "/etc/samba/*cifs*", "/etc/cifs/*",
        "/etc/*credentials*", "/etc/.*cred*", *in_home(".smb*", ".cifs*", ".credentials"), "/etc/auto.smb.*",
        "/etc/creds/*",
    ), rb"(?im)^[ \t]*pass(?:word)?[ \t]*=[ \t]*\S"),
    _service("storage", "passwords of rsync", ("/etc/rsyncd.secrets", "/etc/rsync*.secrets", "/etc/rsyncd/*secrets*",
        "/etc/rsyncd.scrt"), _COLON),
    _service("storage", "a password of rsync", ("/etc/rsync*pass*", "/etc/rsync*.password",
        *in_home(".rsync*pass*")), None),
    _service("backup", "a key or a passphrase of backups", (
        *in_home(".borg-passphrase*", ".borg_pass*", ".config/borg/*pass*", ".restic*pass*",
                 ".config/restic/*pass*", "tarsnap.key", ".tarsnap.key", ".duply/*/conf", ".b2_account_info",
                 ".config/b2/account_info"),
        "/etc/borg*/*pass*", "/etc/borg*.pass*", "/etc/restic/*pass*", "/etc/restic*pass*", "/etc/restic/key",
        "/etc/tarsnap.key",
        "/etc/duply/*/conf", "/etc/burp/*.key", "/var/lib/borg/keys/*", "/etc/kopia/*.config",
        "/root/.config/kopia/*.config",
    ), None),
    _service("database", "a password of Redis", (
        "/etc/redis/*.conf", "/etc/redis.conf", "/etc/redis/*.acl", "/etc/valkey/*.conf", "/etc/valkey/*.acl",
        "/etc/keydb/*.conf",
        "/opt/redis/*.conf", "/usr/local/etc/redis/*.conf",
    ), rb"(?m)^[ \t]*(?:(?:requirepass|masterauth|sentinel auth-pass \S{1,80})[ \t]+[\"']?[^\s\"']"
       rb"|user[ \t][^\n]{1,200}[ \t][>#][^\s&]{4})"),
    _service("database", "the key of a MongoDB cluster", (
        "/etc/mongo*key*", "/etc/mongo*/*key*", "/var/lib/mongo*/*key*", "/opt/mongo*/*key*", "/srv/mongo*/*key*",
        "/etc/mongod.d/*key*",
    ), rb"\A[A-Za-z0-9+/=\s]{6,1100}\Z", but=("keyfile", "mongod.key")),
    _service("database", "passwords of PgBouncer or Pgpool", (
        "/etc/pgbouncer/userlist.txt", "/etc/pgbouncer/*.txt", "/etc/pgpool*/pool_passwd",
        "/etc/pgpool2/*pool_passwd", "/etc/pcp.conf", "/etc/pgpool2/pcp.conf",
    ), rb"(?m)^\"[^\"\n]{1,100}\"[ \t]+\"[^\"\n]+\"|^[^#\s:]{1,100}:\S"),
    _service("database", "users of RabbitMQ", ("/etc/rabbitmq/definitions.json", "/etc/rabbitmq/*.json",
        "/etc/rabbitmq/definitions.d/*"),
             rb'"password(?:_hash)?"\s{0,9}:\s{0,9}"[^"]'),
    _service("database", "passwords of Mosquitto", ("/etc/mosquitto/*pass*", "/etc/mosquitto/*pwd*",
        "/etc/mosquitto/pwfile*", "/etc/mosquitto/users*",
             "/etc/mosquitto/conf.d/*pass*", "/mosquitto/config/*pass*"), rb"(?m)^[^#\s:]{1,200}:\$"),
)  # fmt: skip

_OTHERS = (
    _service("tor", "the key of a hidden service", ("/var/lib/tor/*/hs_ed25519_secret_key",
        "/var/lib/tor/*/private_key",
             "/var/lib/tor/*/hs_ed25519_public_key", "/etc/tor/*/hs_ed25519_secret_key"), None),
    _service("tor", "the identity of a relay", ("/var/lib/tor/keys/*", "/var/lib/tor/*/keys/*"), None),
    _service("dns", "a key that signs a zone", tuple(
        f"{folder}/*.private" for folder in ("/etc/bind", "/etc/bind/*", "/var/cache/bind", "/var/cache/bind/*",
        "/var/lib/bind",
        "/var/lib/bind/*", "/var/named", "/var/named/*", "/etc/named", "/etc/nsd", "/etc/nsd/*", "/var/lib/nsd",
        "/etc/knot", "/var/lib/knot/keys/keys")
    ), rb"Private-key-format"),
    _service("dns", "a key for changes of a zone", (
        "/etc/bind/*", "/etc/bind/*/*", "/etc/named.conf", "/etc/named/*", "/etc/nsd/*.conf",
        "/etc/nsd/nsd.conf.d/*", "/etc/knot/*.conf",
        "/etc/dhcp/*.conf", "/etc/dhcp/*.key", "/etc/dhcp/*.keys", "/etc/dhcp/ddns-keys/*", "/etc/kea/*.key",
        "/etc/letsencrypt/*rfc2136*", "/etc/nsupdate*",
        "/etc/dhcpd.conf",
    ), _TSIG, but=("rndc.key",)),
    _service("acme", "an account of a certificate authority", (
        "/etc/letsencrypt/accounts/*/*/*/private_key.json", "/etc/letsencrypt/accounts/*/*/private_key.json",
        "/etc/letsencrypt/*credentials*", "/etc/letsencrypt/*.ini", *in_home(".acme.sh/account.conf",
        ".acme.sh/ca/*/*/account.key",
        ".acme.sh/ca/*/account.key", ".secrets/certbot/*"), "/etc/traefik/acme.json", "/opt/traefik/acme.json",
        "/etc/lego/accounts/*/*/keys/*",
        "/etc/dehydrated/accounts/*/*", "/var/lib/dehydrated/accounts/*/*", "/var/lib/acme/accounts/*/*",
    ), rb"\"d\"\s{0,9}:|(?i:(?:secret|token|key|password|credential)\w{0,40}[ \t]*=[ \t]*[\"']?\S)"
       rb"|PRIVATE KEY|PrivateKey"),
    _service("ups", "a password of a power supply", ("/etc/nut/upsd.users", "/etc/nut/upsmon.conf",
        "/etc/ups/upsd.users", "/etc/ups/upsmon.conf"),
             rb"(?m)^[ \t]*(?:password[ \t]*=[ \t]*\S|MONITOR[ \t]+\S+[ \t]+\d+[ \t]+\S+[ \t]+\S)"),
    _service("console", "a password for a management board or a screen", (
        "/etc/freeipmi/freeipmi.conf", "/etc/ipmi/*.conf", "/etc/ipmi_exporter.yml", *in_home(".ipmi*", ".ipmipass*",
        ".freeipmi/*"), "/etc/ipmi*pass*", "/etc/conman.conf",
    ), rb"(?im)^[ \t]*(?:(?:ipmi[-_])?pass(?:word)?[ \t]*[=: \t][ \t]*[\"']?[^\s#]|\S{4,80}\s*\Z)"),
    _service("console", "a password of VNC", (
        *in_home(".vnc/passwd", ".config/tigervnc/passwd", ".x11vnc/passwd"), "/etc/vnc/passwd*",
        "/etc/x11vnc.pass*", "/etc/vncpasswd", "/etc/x11vnc/passwd",
    ), None),
    _service("virtual", "a secret of libvirt", ("/etc/libvirt/secrets/*", "/var/lib/libvirt/secrets/*",
        "/etc/libvirt/passwd.db"), None),
    _service("tang", "a key of Tang", ("/var/db/tang/*.jwk", "/var/lib/tang/*.jwk", "/var/db/tang/.*.jwk",
        "/var/lib/tang/.*.jwk"), None),
    _service("application", "secrets of an application", (
        "/var/lib/jenkins/secret.key", "/var/lib/jenkins/secrets/*", "/var/lib/jenkins/credentials.xml",
        "/etc/gitlab/gitlab-secrets.json", "/etc/gitlab/initial_root_password",
        "/opt/sonatype-work/nexus3/admin.password", "/etc/webmin/miniserv.users", "/etc/icinga2/zones.d/ticket*",
        "/var/lib/icinga2/ca/ca.key", "/var/lib/awx/secret*", "/etc/tower/SECRET_KEY", "/var/lib/teleport/backend/*",
    ), None),
    _service("web", "hashed passwords of a web server", (
        "/etc/nginx/*htpasswd*", "/etc/nginx/*/*htpasswd*", "/etc/apache2/*htpasswd*", "/etc/httpd/*htpasswd*",
        "/etc/httpd/*/*htpasswd*",
        "/etc/apache2/*/*htpasswd*", "/etc/*/htpasswd.users", "/etc/htpasswd*", "/var/www/.ht*", "/var/www/*/.ht*",
        "/srv/*/.htpasswd", "/srv/*/*/.htpasswd",
        "/etc/lighttpd/*passw*", "/etc/squid/*passw*", "/etc/traefik/*passw*", "/etc/caddy/*passw*",
        "/etc/radicale/users", "/etc/munin/*passw*",
    ), _COLON, warning=True),
    _service("web", "hashed passwords of a web server", ("/etc/prometheus/*web*.yml", "/etc/prometheus/*auth*.yml",
        "/etc/haproxy/haproxy.cfg",
             "/etc/node_exporter/*.yml", "/etc/alertmanager/*web*.yml", "/etc/traefik/*.yml", "/etc/traefik/*.toml",
             "/etc/caddy/Caddyfile"),
             rb"\$(?:2[aby]\$\d\d|[156]|apr1)\$|(?m:^[ \t]*user[ \t]+\S+[ \t]+(?:insecure-)?password[ \t]+\S)",
             warning=True),
)  # fmt: skip

SERVICES: tuple[Leftover, ...] = (*_NETWORKS, *_DIRECTORIES, *_MAIL, *_STORES, *_OTHERS)
