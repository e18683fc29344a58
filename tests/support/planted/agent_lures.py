"""Files of agents that are installed and not enrolled: as packages ship them, or as an image should have them."""

from __future__ import annotations

AGENT_LURES: dict[str, str] = {
    # From packages of Debian and of the products.
    "/etc/zookeeper/conf/myid": "replace this text with the cluster-unique zookeeper's instance id (1-255)\n",
    "/etc/boinc-client/gui_rpc_auth.cfg": "\n",
    "/etc/puppet/puppet.conf": "[main]\nssldir = /var/lib/puppet/ssl\n# certname = a name\n",
    "/etc/redis/sentinel.conf": "port 26379\n# sentinel myid is written here\nsentinel deny-scripts-reconfig yes\n",
    "/etc/gitlab-runner/config.toml": "concurrent = 1\ncheck_interval = 0\n",
    "/etc/buildkite-agent/buildkite-agent.cfg": '# The token\ntoken="xxx"\nname="%hostname-%spawn"\n',
    "/etc/datadog-agent/datadog.yaml": "# hostname: <NAME>\napi_key:\nsite: datadoghq.com\n",
    "/etc/newrelic-infra.yml": "# display_name: new_name\nverbose: 0\n",
    "/etc/sensu/agent.yml": '#name: "one"\nbackend-url:\n  - "ws://127.0.0.1:8081"\n',
    "/etc/libvirt/libvirtd.conf": '#host_uuid = "00000000-0000-0000-0000-000000000000"\n#host_uuid_source = "smbios"\n',
    "/etc/landscape/client.conf": "[client]\nlog_level = info\nurl = https://landscape.canonical.com/message-system\n",
    "/etc/ubuntu-advantage/uaclient.conf": "contract_url: https://contracts.canonical.com\nlog_level: debug\n",
    "/etc/SUSEConnect": "---\n# regcode: example\nurl: https://scc.suse.com\n",
    "/etc/zabbix/zabbix_agentd.conf": "# TLSPSKFile=\nServer=127.0.0.1\nHostname=Zabbix server\n",
    "/etc/consul.d/consul.hcl": 'data_dir = "/opt/consul"\n#encrypt = "..."\n',
    "/etc/rancher/k3s/config.yaml": 'write-kubeconfig-mode: "0644"\n',
    "/etc/crowdsec/local_api_credentials.yaml": "url: http://127.0.0.1:8080\n",
    "/etc/rundeck/framework.properties": "framework.server.name = localhost\n",
    "/etc/drone-runner-exec/config": "DRONE_RPC_PROTO=https\nDRONE_RPC_SECRET=\n",
    "/etc/rhsm/facts/katello.facts": '{"network.hostname-override": ""}\n',
    "/var/lib/certmonger/cas/20200101000000": "id=SelfSign\nca_is_default=0\nca_type=INTERNAL:SELF\n",
    "/etc/twingate/connector.conf": "TWINGATE_LOG_LEVEL=3\n",
    "/etc/netbird/config.json": '{"PrivateKey": "", "ManagementURL": null}\n',
    "/etc/default/jenkins-agent": "JENKINS_URL=https://ci\nJENKINS_SECRET=\n",
    # Enrolled once, and made ready for clones.
    "/var/lib/snmp/snmpd.conf": "# Net-SNMP: written at shutdown\nsetserialnum 1\nengineBoots 2\n",
    "/var/lib/cmk-agent/registered_connections.json": '{"push":{},"pull":{},"pull_imported":[]}\n',
    "/var/lib/mysql/grastate.dat": "version: 2.1\nuuid:    00000000-0000-0000-0000-000000000000\nseqno:   -1\n",
    "/var/ossec/etc/client.keys": "",
    "/var/lib/glusterd/glusterd.info": "operating-version=100000\n",
    "/var/lib/snapd/state.json": '{"data": {"auth": {"last-id": 0, "device": {"brand": "generic"}}}}\n',
    "/opt/buildagent/conf/buildAgent.properties": "serverUrl=https://ci\nname=\nauthorizationToken=\n",
    "/mnt/boot/config.json": '{"persistentLogging": false}\n',
    # Meant for clones: images to load, and plans to apply.
    "/var/lib/rancher/k3s/agent/images/web.tar": "x",
    "/var/lib/rancher/k3s/server/manifests/web.yaml": "kind: ConfigMap\n",
    "/etc/kubernetes/manifests/haproxy.yaml": "kind: Pod\n",
    "/etc/zypp/credentials.d/README": "credentials are kept here\n",
    "/opt/jc/README": "x",
    "/etc/cockpit/ws-certs.d/README": "x",
}
