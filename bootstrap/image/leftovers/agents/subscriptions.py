"""Registrations with a distributor, and the ids that package tools send to it."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILLED, LISTED, Leftover

_SYSTEM = "every clone would be that one system"

SUBSCRIPTIONS = (
    Leftover(
        "agent.rhsm", ("/etc/pki/consumer/*.pem", "/etc/pki/entitlement/*.pem", "/etc/pki/entitlement-host/*.pem"),
        "a subscription", _SYSTEM, "subscription-manager unregister, then clean", LISTED,
        product="subscription-manager", source="candlepin/subscription-manager: etc-conf/rhsm.conf",
    ),
    Leftover(
        "agent.rhsm-state", ("/var/lib/rhsm/facts", "/var/lib/rhsm/cache", "/var/lib/rhsm/packages"),
        "subscription-manager's record of the builder", "it names the builder's system", "subscription-manager clean",
        LISTED, FILLED, product="subscription-manager", source="candlepin/subscription-manager: Makefile",
    ),
    Leftover(
        "agent.rhsm-facts", ("/etc/rhsm/facts/uuid.facts", "/etc/rhsm/facts/*.facts"),
        "a system id for subscription-manager", _SYSTEM, "remove it", LISTED,
        holds=rb"\"(?:dmi\.system\.uuid|virt\.uuid|network\.(?:hostname|fqdn)[^\"]*)\"" rb"\s*:\s*\"[^\"]",
        product="subscription-manager, Katello",
        source="sosreport/sos: sos/cleaner/parsers/ip_parser.py (satellite.facts)",
    ),
    Leftover(
        "agent.rhn", ("/etc/sysconfig/rhn/systemid", "/etc/sysconfig/rhn/systemid.*",
        "/etc/sysconfig/rhn/osad-auth.conf", "/etc/sysconfig/rhn/rhn-actions.conf", "/etc/sysconfig/rhn/jwt.token",
        "/etc/sysconfig/rhn/up2date-uuid"), "a registration with RHN, Spacewalk or ULN", _SYSTEM,
        "remove it, and register each clone", LISTED, product="rhn-client-tools",
        source="spacewalkproject/spacewalk: client/rhel/rhn-client-tools/etc-conf/up2date.config; "
        "libguestfs/guestfs-tools: sysprep/sysprep_operation_rhn_systemid.ml",
    ),
    Leftover(
        "agent.katello", ("/etc/rhsm/ca/katello-server-ca.pem", "/etc/rhsm/ca/katello-default-ca.pem"),
        "the authority of a Katello or Satellite server", "clones would be registered there",
        "remove it, unless clones use it", LISTED, warning=True, product="Katello",
        source="candlepin/subscription-manager: debian-stuff/deb_package_profile_upload",
    ),
    Leftover(
        "agent.insights", ("/etc/insights-client/machine-id", "/etc/redhat-access-insights/machine-id"),
        "the id of an Insights client", "Insights takes all clones for one system",
        "remove it: insights-client makes a new one when it registers", product="insights-client",
        source="RedHatInsights/insights-core: insights/client/utilities.py",
    ),
    Leftover(
        "agent.insights-state", ("/etc/insights-client/.registered", "/etc/insights-client/.lastupload",
        "/etc/redhat-access-insights/.registered", "/var/lib/insights/host-details.json",
        "/var/lib/insights/.registered"), "a mark that an Insights client is registered",
        "a clone would not register itself", "insights-client --unregister", LISTED, product="insights-client",
        source="RedHatInsights/insights-core: insights/client/constants.py",
    ),
    Leftover(
        "agent.rhc", ("/var/lib/yggdrasil/client-id", "/var/lib/rhc/client-id", "/etc/rhc/client-id"),
        "the id of a remote host client", "the console takes all clones for one system",
        "remove it: yggd makes a new one when it starts", product="yggdrasil, rhc",
        source="RedHatInsights/yggdrasil: cmd/yggd/main.go",
    ),
    Leftover(
        "agent.suse", ("/etc/zypp/credentials.d/*", "/etc/zypp/credentials.cat", "/etc/zypp/NCCcredentials",
        "/etc/suseRegister.conf.d/*"), "a registration with SUSE", _SYSTEM, "SUSEConnect --cleanup", LISTED,
        holds=rb"(?m)^password[ \t]*=[ \t]*\S", product="SUSEConnect",
        source="SUSE/connect-ng: internal/credentials/credentials.go",
    ),
    Leftover(
        "agent.suse-services", ("/etc/zypp/services.d/*.service",),
        "a service of SUSE that belongs to a registration", "clones would not be let in there",
        "SUSEConnect --cleanup", LISTED, holds=rb"credentials=", warning=True, product="SUSEConnect",
        source="SUSE/connect-ng: docs/SUSEConnect.8",
    ),
    Leftover(
        "agent.suse-settings", ("/etc/SUSEConnect",), "settings of SUSEConnect with a key",
        "whoever has a clone could register systems", "remove it", LISTED, holds=rb"(?m)^regcode:[ \t]*\S",
        product="SUSEConnect", source="SUSE/connect-ng: docs/SUSEConnect.5.md",
    ),
    Leftover(
        "agent.landscape", ("/var/lib/landscape/client/*.bpickle", "/var/lib/landscape/client/*.bpickle.old"),
        "the registration of a Landscape client", "Landscape takes all clones for one computer",
        "landscape-config --disable, and remove it", LISTED, product="landscape-client",
        source="canonical/landscape-client: landscape/client/attachments.py, debian/landscape-client.postinst",
    ),
    Leftover(
        "agent.landscape-messages", ("/var/lib/landscape/client/messages", "/var/lib/landscape/client/package",
        "/var/lib/landscape/client/annotations.d"), "what a Landscape client has to send",
        "clones would send it as their own", "remove it", LISTED, FILLED, product="landscape-client",
        source="canonical/landscape-client: debian/landscape-client.postinst",
    ),
    Leftover(
        "agent.landscape-name", ("/etc/landscape/client.conf",), "a name or a registration key for Landscape",
        "clones would register under one name, and whoever has one could register computers",
        "landscape-config, at each clone's first boot", LISTED,
        holds=rb"(?m)^(?:registration_key|computer_title)[ \t]*=[ \t]*\S", product="landscape-client",
        source="canonical/landscape-client: debian/landscape-client.postinst",
    ),
    Leftover(
        "agent.ubuntu-pro", ("/var/lib/ubuntu-advantage/private/machine-token.json",
        "/var/lib/ubuntu-advantage/machine-token.json", "/var/lib/ubuntu-advantage/private/*.json",
        "/var/lib/ubuntu-advantage/machine-access-*.json", "/var/lib/ubuntu-pro/private/*"),
        "the token of an Ubuntu Pro machine", _SYSTEM, "pro detach", LISTED, product="Ubuntu Pro client",
        source="canonical/ubuntu-pro-client: uaclient/files/files.py",
    ),
    Leftover(
        "agent.ubuntu-pro-access", ("/etc/apt/auth.conf.d/90ubuntu-advantage",), "access to Ubuntu Pro's packages",
        _SYSTEM, "pro detach", LISTED, product="Ubuntu Pro client",
        source="canonical/ubuntu-pro-client: uaclient/apt.py",
    ),
    Leftover(
        "agent.ubuntu-pro-settings", ("/etc/ubuntu-advantage/uaclient.conf",), "a token for Ubuntu Pro",
        "whoever has a clone could attach machines", "take it out", LISTED,
        holds=rb"(?m)^(?:contract_token|token):[ \t]*['\"]?C[0-9A-Za-z]{20}", product="Ubuntu Pro client",
        source="canonical/ubuntu-pro-client: README.md",
    ),
    Leftover(
        "agent.livepatch", ("/var/snap/canonical-livepatch/common/machine-token",
        "/var/snap/canonical-livepatch/*/machine-token", "/var/snap/canonical-livepatch/common/config"),
        "the token of a Livepatch machine", "Livepatch takes all clones for one machine",
        "canonical-livepatch disable", LISTED, product="Canonical Livepatch",
        source="https://ubuntu.com/security/livepatch/docs (machine-token)",
    ),
    # The snaps of an image are meant, but its serial and its login to the store are not.
    Leftover(
        "agent.snapd", ("/var/lib/snapd/device/private-keys-v1/*", "/var/lib/snapd/assertions/*/serial/*/*/*/active",
        "/var/lib/snapd/assertions/asserts-v0/serial/*/*/*/active"), "the serial or the key of a snap device",
        "the store takes all clones for one device",
        "snapd 2.66 and newer: snap debug; else remove it with state.json, and seed the snaps", LISTED,
        product="snapd", source="canonical/snapd: dirs/dirs.go, asserts/fskeypairmgr.go",
    ),
    Leftover(
        "agent.snapd-state", ("/var/lib/snapd/state.json",), "a serial or a login in snapd's state",
        "the store takes all clones for one device", "take out data.auth, and the snapd device", LISTED,
        holds=rb'"session-macaroon"\s*:\s*"[^"]|"serial"\s*:\s*"[^"]|"store-macaroon"\s*:\s*"[^"]', product="snapd",
        source="canonical/snapd: overlord/auth/auth.go",
    ),
    Leftover(
        "agent.ubuntu-report", ("~/.cache/ubuntu-report/*", "/var/lib/ubuntu-report/*"),
        "Ubuntu's report of the builder", "a clone would not report itself", "remove it", product="ubuntu-report",
        source="ubuntu/ubuntu-report: internal/utils",
    ),
)  # fmt: skip
