"""Identities of the agents of monitoring."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILLED, LINES, LISTED, Leftover

_HOST = "the server takes all clones for one host"
_SNMP = tuple(f"{top}/{name}" for top in ("/var/lib/snmp", "/var/lib/net-snmp", "/var/net-snmp", "/var/ucd-snmp")
              for name in ("snmpd.conf", "snmptrapd.conf", "snmpapp.conf", "snmp.conf"))  # fmt: skip

MONITORING = (
    # The keys of its users are bound to the engine id: where there are users, both must be made anew together.
    Leftover(
        "agent.snmpd-users", _SNMP, "users of SNMP whose keys belong to the builder's engine id",
        "all clones answer as one engine, and replies may be taken for repeated ones",
        "remove the file, and create the users again at the first boot (net-snmp-create-v3-user)", LISTED,
        holds=rb"(?m)^usmUser\b", product="Net-SNMP", source="net-snmp/net-snmp: snmplib/snmpv3.c",
    ),
    Leftover(
        "agent.snmpd", _SNMP, "the engine id of SNMP", "all clones answer as one engine",
        "take out the line oldEngineID: snmpd makes a new one when it starts", LINES, holds=rb"(?m)^oldEngineID\b",
        unless=rb"(?m)^usmUser\b", lines=rb"^oldEngineID\b", product="Net-SNMP",
        source="net-snmp/net-snmp: snmplib/snmpv3.c",
    ),
    Leftover(
        "agent.netdata", ("/var/lib/netdata/registry/netdata.public.unique.id",
        "/var/lib/netdata/netdata_random_session_id", "/opt/netdata/var/lib/netdata/registry/netdata.public.unique.id",
        "/var/lib/netdata/status-netdata.json"), "the id of a Netdata node",
        "Netdata Cloud and parents take all clones for one node", "remove it: Netdata makes a new one when it starts",
        product="Netdata", source="netdata/netdata: docs/learn/vm-templates.md, docs/learn/node-identities.md",
    ),
    Leftover(
        "agent.netdata-cloud", ("/var/lib/netdata/cloud.d/*", "/opt/netdata/var/lib/netdata/cloud.d/*",
        "/etc/netdata/claim.d/*", "/var/lib/netdata/claim.d/*"), "a claim of Netdata Cloud",
        "Netdata Cloud takes all clones for one node", "remove the folder, and claim each clone", LISTED,
        product="Netdata", source="netdata/netdata: docs/learn/vm-templates.md",
    ),
    Leftover(
        "agent.netdata-token", ("/var/lib/netdata/bearer_tokens/*", "/var/lib/netdata/netdata.api.key",
        "/opt/netdata/var/lib/netdata/bearer_tokens/*"), "a token of Netdata's API",
        "whoever has one clone could use it on all", "remove it", product="Netdata",
        source="netdata/netdata: docs/learn/vm-templates.md",
    ),
    Leftover(
        "agent.zabbix", ("/etc/zabbix/*.psk", "/etc/zabbix/psk/*", "/etc/zabbix/keys/*", "/home/zabbix/*.psk",
        "/var/lib/zabbix/*.psk", "/etc/zabbix/zabbix_agentd.d/*.psk", "/etc/zabbix/ssl/*.key"),
        "the shared key of a Zabbix agent", "whoever has a clone could pose as every other",
        "remove it, and make a key for each clone", LISTED, product="Zabbix agent",
        source="https://www.zabbix.com/documentation/current/en/manual/encryption/using_pre_shared_keys",
    ),
    Leftover(
        "agent.zabbix-buffer", ("/var/lib/zabbix/zabbix_agent2.db", "/var/lib/zabbix/*.db"),
        "a Zabbix agent's stored values", "clones would send the builder's values as their own", "remove it", LISTED,
        product="Zabbix agent 2",
        source="https://www.zabbix.com/documentation/current/en/manual/appendix/config/zabbix_agent2",
    ),
    Leftover(
        "agent.checkmk", ("/var/lib/cmk-agent/registered_connections.json",), "the registration of a Checkmk agent",
        _HOST, "cmk-agent-ctl delete-all, then register each clone", LISTED, holds=rb'"(?:uuid|private_key)"',
        product="Checkmk agent", source="https://docs.checkmk.com/latest/en/agent_linux.html#files",
    ),
    Leftover(
        "agent.icinga", ("/var/lib/icinga2/certs/*", "/var/lib/icinga2/ca/*", "/etc/icinga2/pki/*"),
        "a certificate or key of an Icinga node", "every clone would be that one endpoint",
        "remove it, and run icinga2 node setup for each clone", LISTED, product="Icinga 2",
        source="Icinga/icinga2: doc/02-installation.md, doc/06-distributed-monitoring.md",
    ),
    Leftover(
        "agent.icinga-state", ("/var/lib/icinga2/api", "/var/lib/icinga2/icinga2.state"),
        "the state of an Icinga node", "clones would go on with the builder's checks", "remove it", LISTED, FILLED,
        product="Icinga 2", source="Icinga/icinga2: doc/02-installation.md",
    ),
    Leftover(
        "agent.nrpe", ("/etc/nagios/ssl/*.key", "/etc/nagios/ssl/*-key.pem", "/etc/ssl/servercerts/nagios-key.pem",
        "/usr/local/nagios/etc/ssl/*/*.key"), "the key of an NRPE agent",
        "whoever has a clone could pose as every other", "remove it", LISTED, product="NRPE",
        source="NagiosEnterprises/nrpe: README.SSL.md, sample-config/nrpe.cfg.in",
    ),
    Leftover(
        "agent.ncpa", ("/usr/local/ncpa/var/ncpa.crt", "/usr/local/ncpa/var/ncpa.key", "/usr/local/ncpa/var/ncpa.db"),
        "the certificate or the state of a Nagios agent", "clones would share it",
        "remove it: the agent makes a new one when it starts", LISTED, product="NCPA",
        source="NagiosEnterprises/ncpa: agent/listener/certificate.py",
    ),
    Leftover(
        "agent.sensu", ("/etc/sensu/agent.yml", "/etc/sensu/conf.d/client.json"), "the name of a Sensu agent",
        "every clone would be that one entity", "take out the name", LISTED,
        holds=rb'(?m)^name:[ \t]*\S|^\s*"name"\s*:\s*"', warning=True, product="Sensu",
        source="sensu/sensu-docs: content/sensu-go",
    ),
    Leftover(
        "agent.sensu-state", ("/var/lib/sensu/sensu-agent", "/etc/sensu/ssl"), "a Sensu agent's keys or state",
        "every clone would be that one entity", "remove it", LISTED, FILLED, product="Sensu",
        source="sensu/sensu-docs: content/sensu-core/1.9/guides/securing-sensu.md",
    ),
    Leftover(
        "agent.datadog", ("/etc/datadog-agent/auth_token", "/etc/datadog-agent/auth/token",
        "/etc/datadog-agent/ipc_cert.pem", "/etc/datadog-agent/auth_token.*"),
        "the token by which the parts of a Datadog agent trust each other", "clones would share it",
        "remove it: the agent makes a new one when it starts", product="Datadog agent",
        source="DataDog/datadog-agent: pkg/api/security/security.go",
    ),
    # A key in the settings may be meant for all clones, as each reports by its own host name.
    Leftover(
        "agent.datadog-name", ("/etc/datadog-agent/datadog.yaml", "/etc/dd-agent/datadog.conf"),
        "a host name for Datadog", "every clone would report as that one host", "take out the line hostname", LISTED,
        holds=rb"(?m)^hostname[ \t]*[:=][ \t]*['\"]?[^\s'\"]", product="Datadog agent",
        source="https://docs.datadoghq.com/agent/configuration/agent-configuration-files/",
    ),
    Leftover(
        "agent.datadog-state", ("/opt/datadog-agent/run/registry.json", "/opt/datadog-agent/run/transactions_to_retry",
        "/opt/datadog-agent/run/*.json"), "the state of a Datadog agent", "clones would go on with the builder's logs",
        "remove it", LISTED, FILLED, product="Datadog agent",
        source="https://docs.datadoghq.com/agent/logs/advanced_log_collection/",
    ),
    Leftover(
        "agent.datadog-install", ("/etc/datadog-agent/install.json",), "the id of a Datadog installation",
        "Datadog takes all clones for one installation", "remove it", LISTED, holds=rb"install_id",
        product="Datadog agent", source="DataDog/ansible-datadog: tasks/_agent-linux-macos-shared.yml",
    ),
    Leftover(
        "agent.newrelic", ("/var/db/newrelic-infra/data", "/var/db/newrelic-infra/.identity",
        "/var/db/newrelic-infra/user_data"), "the identity and the state of a New Relic agent",
        "New Relic takes all clones for one host", "remove it: the agent asks for a new one when it starts", LISTED,
        FILLED, product="New Relic infrastructure agent",
        source="newrelic/infrastructure-agent: internal/agent/delta/last_entityId.go",
    ),
    Leftover(
        "agent.newrelic-name", ("/etc/newrelic-infra.yml",), "a name for New Relic",
        "every clone would report as that one host", "take out the line display_name or override_hostname", LISTED,
        holds=rb"(?m)^(?:override_hostname|display_name)(?:_short)?[ \t]*:[ \t]*\S",
        product="New Relic infrastructure agent",
        source="newrelic/infrastructure-agent: assets/examples/infrastructure/newrelic-infra-template.yml.example",
    ),
    Leftover(
        "agent.dynatrace", ("/var/lib/dynatrace/oneagent/agent/config/ruxithost.id",
        "/opt/dynatrace/oneagent/agent/conf/ruxithost.id"), "the id of a Dynatrace host",
        "Dynatrace takes all clones for one host", "oneagentctl --set-host-id-source, or remove it", LISTED,
        product="Dynatrace OneAgent", source="https://docs.dynatrace.com/docs/ingest-from/dynatrace-oneagent/"
        "oneagent-configuration-via-command-line-interface",
    ),
    Leftover(
        "agent.appdynamics", ("/opt/appdynamics/machine-agent/conf/controller-info.xml",
        "/opt/appdynamics/*/conf/controller-info.xml"), "the host id or the key of an AppDynamics agent",
        "the controller takes all clones for one host", "take out unique-host-id and account-access-key", LISTED,
        holds=rb"<(?:unique-host-id|account-access-key)>[^<\s]", product="AppDynamics machine agent",
        source="https://docs.appdynamics.com/ (machine agent: controller-info.xml)",
    ),
    Leftover(
        "agent.mackerel", ("/var/lib/mackerel-agent/id",), "the id of a Mackerel host",
        "Mackerel takes all clones for one host", "remove it: the agent registers anew when it starts",
        product="mackerel-agent", source="mackerelio/mackerel-agent: config/config.go",
    ),
    Leftover(
        "agent.alloy", ("/var/lib/alloy/data/alloy_seed.json", "/var/lib/alloy/alloy_seed.json",
        "/etc/alloy/data/alloy_seed.json", "/var/lib/grafana-agent/agent_seed.json",
        "/var/lib/grafana-agent-flow/agent_seed.json", "/etc/agent/agent_seed.json",
        "/etc/grafana-agent/agent_seed.json", "/var/lib/grafana-agent/data/agent_seed.json",),
        "the id of a Grafana agent", "Grafana takes all clones for one collector",
        "remove it: the agent makes a new one when it starts", product="Grafana Alloy, Grafana Agent",
        source="grafana/alloy: internal/alloyseed/alloyseed.go; grafana/agent: internal/agentseed/agentseed.go",
    ),
    Leftover(
        "agent.munin", ("/etc/munin/munin-node.pem", "/etc/munin/*key*.pem", "/etc/munin/tls/*.key"),
        "the key of a Munin node", "whoever has a clone could pose as every other", "remove it", LISTED,
        product="Munin", source="munin-monitoring/munin: contrib/munin-support-info",
    ),
    Leftover(
        "agent.monit", ("/var/lib/monit/id", "/root/.monit.id", "/var/monit/id", "/var/.monit.id", "/etc/monit/id",
        "/var/lib/monit/.monit.id"), "the id of a Monit", "M/Monit takes all clones for one host",
        "remove it: Monit makes a new one when it starts", product="Monit",
        source="https://mmonit.com/monit/documentation/monit.html (set idfile)",
    ),
    Leftover(
        "agent.glpi", ("/var/lib/glpi-agent/*/*.dump", "/var/lib/glpi-agent/*.dump",
        "/var/lib/fusioninventory-agent/*.dump", "/var/lib/fusioninventory-agent/*/*.dump",
        "/usr/local/var/glpi-agent/*.dump"), "the id of an inventory agent", "GLPI takes all clones for one computer",
        "remove it: the agent makes a new one when it runs", product="GLPI Agent, FusionInventory",
        source="glpi-project/glpi-agent: lib/GLPI/Agent.pm",
    ),
    Leftover(
        "agent.ocs", ("/var/lib/ocsinventory-agent/*/ocsinv.conf", "/var/lib/ocsinventory-agent/ocsinv.conf",
        "/etc/ocsinventory/ocsinv.conf", "/etc/ocsinventory-agent/ocsinv.conf"), "the id of an OCS inventory agent",
        "the server takes all clones for one computer", "remove it: the agent makes a new one when it runs",
        product="OCS Inventory", source="OCSInventory-NG/UnixAgent: lib/Ocsinventory/Agent.pm",
    ),
    Leftover(
        "agent.bigfix", ("/var/opt/BESClient/KeyStorage", "/var/opt/BESClient/__BESData"),
        "the registration of a BigFix client", "the server takes all clones for one computer",
        "stop it, and remove KeyStorage, __BESData and the lines ComputerID and RegCount", LISTED, FILLED,
        product="BigFix",
        source="https://help.hcl-software.com/bigfix/11.0/platform/Platform/Installation/c_duplicate.html",
    ),
)  # fmt: skip
