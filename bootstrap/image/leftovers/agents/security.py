"""Identities of the agents of security: intrusion detection, vulnerability scanners, endpoint protection."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILLED, LISTED, Leftover

_HOST = "the server takes all clones for one host"
_OSSEC = ("/var/ossec", "/opt/ossec", "/usr/local/ossec-hids")

SECURITY = (
    Leftover(
        "agent.wazuh", tuple(f"{top}/etc/client.keys" for top in _OSSEC), "the key of a Wazuh or OSSEC agent",
        "the manager takes all clones for one agent, and they lock each other out",
        "empty it, and enrol each clone (agent-auth, or by itself)", LISTED, product="Wazuh, OSSEC",
        source="wazuh/wazuh: .github/actions/check_files/deb_linux_agent_amd64.csv; "
        "ossec/ossec-docs: docs/manual/agent/agent-management.rst",
    ),
    Leftover(
        "agent.wazuh-password", tuple(f"{top}/etc/authd.pass" for top in _OSSEC), "the password for enrolling agents",
        "whoever has a clone could enrol agents", "give it to each clone at its first boot", LISTED,
        product="Wazuh, OSSEC",
        source="https://documentation.wazuh.com/current/user-manual/agent/agent-enrollment/security-options/",
    ),
    Leftover(
        "agent.wazuh-state", tuple(f"{top}/{name}" for top in _OSSEC for name in ("queue/rids", "queue/diff",
        "queue/fim/db", "queue/syscheck", "var/db/agents", "queue/agent-info", "queue/logcollector",
        "queue/syscollector/db", "var/run/.agent_info", "queue/ossec/.agent_info")),
        "the state of a Wazuh or OSSEC agent", "clones would count on from the builder's messages", "remove it",
        LISTED, FILLED, product="Wazuh, OSSEC", source="ossec/ossec-docs: docs/manual/agent/agent-management.rst",
    ),
    Leftover(
        "agent.osquery", ("/var/osquery/osquery.db", "/var/lib/osquery/osquery.db", "/opt/osquery/osquery.db"),
        "the database of osquery, with its node key", _HOST, "remove the folder: osqueryd enrols anew when it starts",
        LISTED, FILLED, product="osquery",
        source="osquery/osquery: docs/wiki/deployment/remote.md, docs/wiki/installation/cli-flags.md",
    ),
    Leftover(
        "agent.osquery-secret", ("/etc/osquery/*secret*", "/var/osquery/*secret*", "/etc/osquery/*.key"),
        "a secret for enrolling osquery", "whoever has a clone could enrol hosts",
        "give it to each clone at its first boot", LISTED, product="osquery",
        source="osquery/osquery: docs/wiki/deployment/remote.md",
    ),
    Leftover(
        "agent.fleet", ("/opt/orbit/secret-orbit-node-key.txt", "/opt/orbit/identifier", "/opt/orbit/secret.txt"),
        "the node key of a Fleet agent", _HOST, "remove it: orbit enrols anew when it starts", LISTED,
        product="Fleet (orbit)", source="fleetdm/fleet: orbit/pkg/packaging/linux_shared.go",
    ),
    Leftover(
        "agent.fleet-state", ("/opt/orbit/osquery.db", "/opt/orbit/orbit.db"), "the database of a Fleet agent", _HOST,
        "remove it: orbit enrols anew when it starts", LISTED, FILLED, product="Fleet (orbit)",
        source="fleetdm/fleet: orbit/cmd/orbit/orbit.go",
    ),
    Leftover(
        "agent.kolide", ("/etc/kolide-k2/secret", "/var/kolide-k2/*/launcher.db", "/etc/kolide/secret",
        "/var/kolide-k2/*/*.key"), "the enrolment of a Kolide launcher", _HOST, "remove it, and enrol each clone",
        LISTED, product="Kolide", source="kolide/launcher: cmd/launcher/README.md",
    ),
    # The sensor keeps its customer id there as well, which an image may have: this cannot be told apart from outside.
    Leftover(
        "agent.falcon", ("/opt/CrowdStrike/falconstore",), "the id (AID) of a Falcon sensor",
        "CrowdStrike takes all clones for one host",
        "/opt/CrowdStrike/falconctl -d -f --aid, as the last step before the image is made", LISTED, warning=True,
        product="CrowdStrike Falcon", source="CrowdStrike/falcon-scripts: bash/install/falcon-linux-install.sh",
    ),
    Leftover(
        "agent.sentinelone", ("/opt/sentinelone/configuration/*", "/opt/sentinelone/model/*uuid*"),
        "the configuration of a SentinelOne agent, with its UUID", "the console takes all clones for one endpoint",
        "install it from a first-boot stage, or sentinelctl management uuid reset", LISTED,
        holds=rb"(?i)uuid|site_?key|token", product="SentinelOne",
        source="https://github.com/Sentinel-One/ansible_collection_s1agents (role s1_agent_uuid)",
    ),
    Leftover(
        "agent.carbonblack", ("/var/opt/carbonblack/psc/cfg.ini", "/var/lib/cb/sensor.id",
        "/etc/cb/sensorsettings.ini", "/var/lib/cb/config.ini"), "the registration of a Carbon Black sensor", _HOST,
        "reregister each clone (cbagentd, or sensor reset)", LISTED, product="Carbon Black",
        source="https://techdocs.broadcom.com/carbon-black (Linux sensor: golden images)",
    ),
    Leftover(
        "agent.mdatp", ("/etc/opt/microsoft/mdatp/mdatp_onboard.json", "/etc/opt/microsoft/mdatp/wdavcfg",
        "/etc/opt/microsoft/mdatp/wdavstate", "/var/opt/microsoft/mdatp/wdavedr*"),
        "the onboarding of Defender for Endpoint", "the portal takes all clones for one device",
        "mdatp offboard, and onboard each clone", LISTED, product="Microsoft Defender for Endpoint",
        source="microsoft/mdatp-xplat: linux/installation/mde_installer.sh",
    ),
    Leftover(
        "agent.deepsecurity", ("/var/opt/ds_agent/dsa_core/ds_agent.config", "/var/opt/ds_agent/dsa_core/ds_agent.crt",
        "/var/opt/ds_agent/dsa_core/ds_agent_dsm.crt"), "the activation of a Deep Security agent", _HOST,
        "dsa_control -r, and activate each clone", LISTED, product="Trend Micro Deep Security",
        source="https://help.deepsecurity.trendmicro.com/ (bake the agent into your AMI)",
    ),
    Leftover(
        "agent.trellix", ("/etc/ma.d/EPOAGENT3000/config.xml", "/var/McAfee/agent/db/ma.db", "/etc/cma.d/*/agent.ini"),
        "the GUID of a McAfee or Trellix agent", "the server takes all clones for one system",
        "/opt/McAfee/agent/bin/maconfig -enforce -noguid", LISTED, product="Trellix Agent",
        source="https://docs.trellix.com/ (Trellix Agent: include the agent on an image)",
    ),
    Leftover(
        "agent.sophos", ("/opt/sophos-spl/base/etc/machine_id.txt", "/opt/sophos-spl/base/etc/mcs.config",
        "/opt/sophos-spl/base/etc/sophosspl/mcs.config", "/opt/sophos-av/engine/.machine_ID"),
        "the registration of a Sophos agent", "Sophos Central takes all clones for one server",
        "install it with --install-only, and register each clone", LISTED, product="Sophos Protection for Linux",
        source="https://docs.sophos.com/central/customer/help/en-us/ManageYourProducts/ (gold images)",
    ),
    Leftover(
        "agent.cortex", ("/opt/traps/persist", "/opt/traps/config/trapsd.xml"),
        "the registration of a Cortex XDR agent", "the console takes all clones for one endpoint",
        "install it from a first-boot stage", LISTED, FILLED, product="Cortex XDR",
        source="https://docs-cortex.paloaltonetworks.com/ (Cortex XDR agent for Linux)",
    ),
    Leftover(
        "agent.tanium", ("/opt/Tanium/TaniumClient/pki.db", "/opt/Tanium/TaniumClient/client.db",
        "/opt/Tanium/TaniumClient/RegistrationCount", "/opt/Tanium/TaniumClient/Backup/tanium-init.dat"),
        "the registration of a Tanium client", "Tanium takes all clones for one endpoint",
        "TaniumClient config remove ComputerID and RegistrationCount, and remove the databases", LISTED,
        product="Tanium", source="https://help.tanium.com/ (Tanium Client: preparing an OS image)",
    ),
    Leftover(
        "agent.qualys", ("/etc/qualys/hostid", "/etc/qualys/cloud-agent/setup/uuid",
        "/etc/qualys/cloud-agent/.secure"), "the id of a Qualys agent", "Qualys takes all clones for one host",
        "remove it: the agent makes a new one", LISTED, product="Qualys Cloud Agent",
        source="broadinstitute/puppet-qualys_agent: REFERENCE.md (hostid_path)",
    ),
    Leftover(
        "agent.qualys-state", ("/usr/local/qualys/cloud-agent/Config.db",
        "/usr/local/qualys/cloud-agent/Default_Config.db", "/usr/local/qualys/cloud-agent/*.db",
        "/etc/qualys/cloud-agent/qualys-cloud-agent.conf"), "the registration of a Qualys agent",
        "Qualys takes all clones for one host", "qualys-cloud-agent.sh at each clone's first boot", LISTED,
        holds=rb"SQLite format 3|(?m:^ActivationId=\S)", product="Qualys Cloud Agent",
        source="broadinstitute/puppet-qualys_agent: REFERENCE.md",
    ),
    Leftover(
        "agent.rapid7", ("/opt/rapid7/ir_agent/components/bootstrap/common/bootstrap.cfg",
        "/opt/rapid7/ir_agent/components/bootstrap/common/ssl/*",
        "/opt/rapid7/ir_agent/components/insight_agent/*/client.*",
        "/opt/rapid7/ir_agent/components/insight_agent/common/config/*",
        "/opt/rapid7/ir_agent/components/insight_agent/common/*.key"), "the registration of an Insight agent",
        "Rapid7 takes all clones for one asset", "remove bootstrap.cfg: the agent makes a new id when it starts",
        LISTED, product="Rapid7 Insight Agent", source="https://docs.rapid7.com/insight-agent/virtualization/",
    ),
    Leftover(
        "agent.nessus", ("/etc/tenable_tag", "/etc/machine_id", "/opt/nessus_agent/var/nessus/uuid",
        "/opt/nessus_agent/var/nessus/global.db", "/opt/nessus_agent/var/nessus/master.key",
        "/opt/nessus_agent/var/nessus/master_key"), "the id of a Nessus agent",
        "Tenable takes all clones for one asset", "nessuscli prepare-image", LISTED, product="Nessus Agent",
        source="https://docs.tenable.com/agent/Content/AgentImages.htm (prepare-image)",
    ),
    # The Debian package makes a login of its own at installation: it is the same in all clones as well.
    Leftover(
        "agent.crowdsec", ("/etc/crowdsec/local_api_credentials.yaml", "/etc/crowdsec/online_api_credentials.yaml"),
        "a login of a CrowdSec machine", "every clone would be that one machine",
        "cscli machines add --auto --force, and cscli capi register, at each clone's first boot", LISTED,
        holds=rb"(?m)^\s*(?:password|login):\s*\S", product="CrowdSec",
        source="crowdsecurity/crowdsec: build/debian/postinst",
    ),
    Leftover(
        "agent.crowdsec-bouncer", ("/etc/crowdsec/bouncers/*.yaml", "/etc/crowdsec/bouncers/*.conf"),
        "the key of a CrowdSec bouncer", "whoever has a clone could ask for the builder's decisions",
        "cscli bouncers add, at each clone's first boot", LISTED,
        holds=rb"(?im)^\s*api_key\s*[:=]\s*['\"]?[0-9A-Za-z+/]{20}", product="CrowdSec",
        source="https://docs.crowdsec.net/u/bouncers/firewall/",
    ),
    Leftover(
        "agent.crowdsec-data", ("/var/lib/crowdsec/data/crowdsec.db", "/var/lib/crowdsec/data/machines.db"),
        "the database of CrowdSec, with its machines and decisions", "clones would share the builder's",
        "remove it: CrowdSec makes a new one when it starts", LISTED, product="CrowdSec",
        source="crowdsecurity/crowdsec: config/config.yaml",
    ),
    Leftover(
        "agent.fail2ban", ("/var/lib/fail2ban/fail2ban.sqlite3",), "fail2ban's database",
        "clones would ban whom the builder banned", "remove it: fail2ban makes a new one when it starts",
        product="fail2ban", source="fail2ban/fail2ban: config/fail2ban.conf",
    ),
    Leftover(
        "agent.velociraptor", ("/etc/velociraptor.writeback.yaml", "/etc/velociraptor/velociraptor.writeback.yaml",
        "/opt/velociraptor/velociraptor.writeback.yaml"), "the key and the id of a Velociraptor client", _HOST,
        "remove it: the client makes a new one when it starts", product="Velociraptor",
        source="Velocidex/velociraptor: config/config.go",
    ),
    Leftover(
        "agent.grr", ("/etc/grr.local.yaml", "/etc/grr/grrd.local.yaml"), "the key of a GRR client", _HOST,
        "remove it: the client makes a new one when it starts", LISTED, product="GRR",
        source="google/grr: appveyor/e2e_tests/upload_e2e_artifacts.sh",
    ),
    Leftover(
        "agent.spire", ("/var/lib/spire/agent/*", "/var/lib/spire/agent/.data/*", "/opt/spire/data/agent/*",
        "/opt/spire/.data/*"), "the identity of a SPIRE agent", "every clone would be that one node",
        "remove it: the agent attests anew when it starts", LISTED, product="SPIRE",
        source="spiffe/spire: pkg/agent/storage/storage.go, pkg/agent/plugin/keymanager/disk/disk.go",
    ),
    Leftover(
        "agent.teleport", ("/var/lib/teleport/host_uuid",), "the id of a Teleport node",
        "Teleport takes all clones for one node", "remove it: Teleport makes a new one when it starts",
        product="Teleport", source="gravitational/teleport: lib/auth/join/join.go (its message names the path)",
    ),
    Leftover(
        "agent.teleport-state", ("/var/lib/teleport/proc", "/var/lib/teleport/backend", "/var/lib/teleport/bot"),
        "the keys of a Teleport node", "every clone would be that one node", "remove it, and let each clone join",
        LISTED, FILLED, product="Teleport", source="https://goteleport.com/docs/reference/deployment/backends/",
    ),
    Leftover(
        "agent.okta", ("/var/lib/sftd/device.token", "/var/lib/sftd/enrollment.token", "/var/lib/sftd/*.token",
        "/var/lib/sftd/buffer.db"), "the enrolment of an Okta server agent", "every clone would be that one server",
        "remove it, and enrol each clone", LISTED, product="Okta Privileged Access (sftd)",
        source="https://help.okta.com/asa/en-us/content/topics/adv_server_access/docs/sftd-configure.htm",
    ),
    Leftover(
        "agent.jumpcloud", ("/opt/jc/jcagent.conf", "/opt/jc/client.key", "/opt/jc/client.crt", "/opt/jc/ca.crt"),
        "the registration of a JumpCloud agent", "JumpCloud takes all clones for one system",
        "remove it, and connect each clone", LISTED, product="JumpCloud",
        source="TheJumpCloud/SystemContextAPI: README.md",
    ),
    Leftover(
        "agent.tripwire", ("/etc/tripwire/*-local.key", "/etc/tripwire/site.key", "/var/lib/tripwire/*.twd"),
        "a key or the database of Tripwire", "clones would be compared with the builder",
        "twadmin --generate-keys and tripwire --init, at each clone's first boot", LISTED, product="Tripwire",
        source="Debian package tripwire: postinst",
    ),
    Leftover(
        "agent.samhain", ("/var/lib/samhain/samhain_file", "/var/state/samhain/samhain_file"),
        "the database of Samhain", "clones would be compared with the builder",
        "samhain -t init, at each clone's first boot", LISTED, product="Samhain",
        source="https://la-samhna.de/samhain/manual/",
    ),
)  # fmt: skip
