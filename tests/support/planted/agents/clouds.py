"""Leftovers of the table `agents.clouds`, planted: (code, path, content)."""

from __future__ import annotations

CLOUDS: tuple[tuple[str, str, str | bytes], ...] = (
    ("agent.ssm", "/var/lib/amazon/ssm/registration", "x"),
    ("agent.ssm", "/var/snap/amazon-ssm-agent/current/ssm/Vault/one", "x"),
    ("agent.ssm-state", "/var/lib/amazon/ssm/i-0123456789", "one"),
    ("agent.cloudwatch", "/opt/aws/amazon-cloudwatch-agent/logs/state", "one"),
    (
        "agent.cloudwatch-access",
        "/opt/aws/amazon-cloudwatch-agent/etc/env-config.json",
        "[credentials]\nshared_credential_file = /root/.aws/credentials\n",
    ),
    (
        "agent.cloudwatch-access",
        "/opt/aws/amazon-cloudwatch-agent/etc/common-config.toml",
        "[credentials]\nshared_credential_file = /root/.aws/credentials\n",
    ),
    ("agent.ecs", "/var/lib/ecs/data/agent.db", "x"),
    ("agent.ecs", "/var/lib/ecs/data/ecs_agent_data.json", "x"),
    ("agent.codedeploy", "/etc/codedeploy-agent/conf/codedeploy.onpremises.yml", "x"),
    ("agent.codedeploy-state", "/opt/codedeploy-agent/deployment-root", "one"),
    ("agent.cfn", "/var/lib/cfn-init/data", "one"),
    ("agent.greengrass", "/greengrass/v2/one.pem.crt", "x"),
    ("agent.greengrass", "/var/lib/greengrass/v2/config/config.tlog", "x"),
    ("agent.greengrass-v1", "/greengrass/certs/one", "x"),
    ("agent.greengrass-v1", "/greengrass/ggc/deployment/group/group.json", "x"),
    ("agent.azure-arc", "/var/opt/azcmagent/agentconfig.json", "x"),
    ("agent.azure-arc", "/var/opt/azcmagent/localconfig.json", "x"),
    ("agent.azure-monitor", "/etc/opt/microsoft/azuremonitoragent/config-cache", "one"),
    ("agent.oms", "/etc/opt/microsoft/omsagent/one/conf/omsadmin.conf", "x"),
    ("agent.oms", "/etc/opt/omi/ssl/omikey.pem", "x"),
    (
        "agent.iotedge",
        "/etc/aziot/config.toml",
        '[provisioning]\nsource = "manual"\nconnection_string = "HostName=hub;DeviceId=one"\n',
    ),
    (
        "agent.iotedge",
        "/etc/aziot/one/config.d/one.toml",
        '[provisioning]\nsource = "manual"\nconnection_string = "HostName=hub;DeviceId=one"\n',
    ),
    ("agent.iotedge-state", "/var/lib/aziot/certd", "one"),
    ("agent.google", "/etc/instance_id", "x"),
    ("agent.google", "/etc/google-guest-agent/google_instance_id", "x"),
    ("agent.google-boto", "/etc/boto.cfg", "[GSUtil]\ndefault_project_id = 0123\n"),
    ("agent.google-osconfig", "/var/lib/google_osconfig_agent", "one"),
    ("agent.google-ops", "/var/lib/google-cloud-ops-agent/fluent-bit", "one"),
    ("agent.vmware", "/var/lib/vmware/VGAuth/aliasStore", "one"),
)
