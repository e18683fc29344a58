"""Keys that an installation makes: fresh packages have them, and all clones of an image share them."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import LINES, LISTED, Leftover

_WHY = "the installation made it, so every clone has the same one"


def _shared(code: str, subject: str, places: tuple[str, ...], fix: str, holds: bytes | None = None) -> Leftover:
    return Leftover(f"key.{code}", places, subject, _WHY, fix, LISTED, holds=holds)


SHARED_KEYS: tuple[Leftover, ...] = (
    _shared("rndc", "the key by which BIND is controlled", ("/etc/bind/rndc.key", "/etc/rndc.key",
        "/var/named/rndc.key"),
            "remove it, and run rndc-confgen -a at first boot", rb"secret"),
    _shared("erlang", "the cookie by which Erlang nodes trust each other", (
        "/var/lib/rabbitmq/.erlang.cookie", "/var/lib/*/.erlang.cookie", "/opt/*/.erlang.cookie", "~/.erlang.cookie",
    ), "remove it: a node makes a new one when it starts"),
    _shared("munge", "the key of MUNGE", ("/etc/munge/munge.key",),
            "remove it, and run mungekey --create at first boot, or bring the cluster's own"),
    _shared("control", "a key by which a name server is controlled", (
        "/etc/nsd/nsd_*.key", "/etc/unbound/unbound_*.key", "/var/lib/unbound/unbound_*.key", "/var/lib/knot/keys/*",
    ), "remove it, and run nsd-control-setup or unbound-control-setup at first boot"),
    _shared("self-signed", "the private key of a certificate that a package made", (
        "/etc/ejabberd/ejabberd.pem", "/etc/cockpit/ws-certs.d/*.key", "/etc/webmin/miniserv.pem",
        "/etc/exim4/exim.key",
        "/etc/xrdp/key.pem", "/etc/xrdp/rsakeys.ini", "/etc/cups/ssl/*.key", "/etc/stunnel/stunnel.pem",
        "/etc/pki/tls/private/localhost.key", "/etc/pki/dovecot/private/*.pem", "/var/lib/mysql/*-key.pem",
        "/var/lib/mysql/private_key.pem", "/etc/pve/local/pve-ssl.key", "/etc/lighttpd/server.pem",
        "/etc/courier/*.pem",
        "/etc/prosody/certs/*.key", "/var/lib/prosody/*.key", "/etc/proftpd/ssl/*.key", "/etc/vsftpd/vsftpd.pem",
        "/etc/ssl/private/vsftpd.pem", "/etc/ssl/private/pure-ftpd.pem", "/etc/ssl/private/dovecot.pem",
        "/etc/opensmtpd/*.key", "/var/lib/cockpit/*.key",
    ), "remove it, and let the service or a payload make a new one at first boot", rb"PRIVATE KEY|private_exponent"),
    _shared("application", "the key by which an application encrypts", (
        "/var/lib/phpmyadmin/blowfish_secret.inc.php", "/etc/phpmyadmin/blowfish_secret.inc.php",
    ), "make a new one at first boot", rb"blowfish_secret'\]\s*=\s*'[^']"),
    _shared("application", "the key by which an application encrypts", ("/etc/roundcube/config.inc.php",),
            "make a new one at first boot", rb"(?m)^\$config\['des_key'\]\s*=\s*'(?!rcmail-!24ByteDESkey\*Str)[^']"),
    # An empty id reports nothing: the program ends at once. Its postinst says that it adds a missing id again, for disk
    # images that are prepared.
    Leftover(
        "identity.popcon", ("/etc/popularity-contest.conf",), "the id under which popularity-contest reports",
        "clones would count as one machine",
        "take the line out, and run dpkg-reconfigure popularity-contest at first boot", LINES,
        holds=rb"(?m)^MY_HOSTID=[\"']?[0-9a-f]{32}", lines=rb"^MY_HOSTID=", product="popularity-contest",
        source="popularity-contest, debian/postinst",
    ),
)  # fmt: skip
