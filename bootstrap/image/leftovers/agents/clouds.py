"""Identities of the agents of clouds; the records of their first set-up are in the table `cloud`."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILLED, LISTED, Leftover

_SSM = ("/var/lib/amazon/ssm", "/var/snap/amazon-ssm-agent/common/ssm", "/var/snap/amazon-ssm-agent/current/ssm")

CLOUDS = (
    Leftover(
        "agent.ssm", tuple(f"{top}/{name}" for top in _SSM for name in ("registration", "Vault/Store/*",
        "Vault/Manifests/*", "Vault/*")), "the registration of an SSM agent",
        "every clone would be that one managed node", "amazon-ssm-agent -register -clear", LISTED,
        product="Amazon SSM Agent", source="aws/amazon-ssm-agent: agent/appconfig/constants_unix.go, "
        "agent/managedInstances/vault/fsvault/fsvault.go",
    ),
    Leftover(
        "agent.ssm-state", tuple(f"{top}/{name}" for top in _SSM for name in ("i-*", "mi-*", "ipc", "localcommands",
        "runtimeconfig", "daemons", "compliance")), "an SSM agent's records of the builder",
        "a clone may go on with the builder's commands", "remove it", LISTED, FILLED, product="Amazon SSM Agent",
        source="aws/amazon-ssm-agent: agent/appconfig/constants_unix.go",
    ),
    Leftover(
        "agent.cloudwatch", ("/opt/aws/amazon-cloudwatch-agent/logs/state",
        "/opt/aws/amazon-cloudwatch-agent/var/state", "/var/awslogs/state", "/var/lib/awslogs"),
        "the positions of a CloudWatch agent", "clones would leave out the first lines of their logs", "remove it",
        LISTED, FILLED, product="Amazon CloudWatch agent",
        source="aws/amazon-cloudwatch-agent: tool/paths/paths_unix.go",
    ),
    Leftover(
        "agent.cloudwatch-access", ("/opt/aws/amazon-cloudwatch-agent/etc/env-config.json", "/etc/awslogs/awscli.conf",
        "/var/awslogs/etc/aws.conf", "/opt/aws/amazon-cloudwatch-agent/etc/common-config.toml"),
        "access of a CloudWatch agent", "every clone could use the account", "take it out", LISTED,
        holds=rb"(?im)^[ \t]*(?:aws_secret_access_key|shared_credential_file)[ \t]*=[ \t]*\S"
        rb"|AWS_SECRET_ACCESS_KEY\"\s*:\s*\"\S", product="Amazon CloudWatch agent",
        source="aws/amazon-cloudwatch-agent: cfg/commonconfig/common-config.toml",
    ),
    Leftover(
        "agent.ecs", ("/var/lib/ecs/data/agent.db", "/var/lib/ecs/data/ecs_agent_data.json"),
        "the state of an ECS agent", "the agent of a clone stops, as it is another instance's",
        "remove it: the agent registers anew when it starts", product="Amazon ECS agent",
        source="aws/amazon-ecs-agent: agent/data/client.go, agent/statemanager/state_manager.go",
    ),
    Leftover(
        "agent.codedeploy", ("/etc/codedeploy-agent/conf/codedeploy.onpremises.yml",),
        "the registration of a CodeDeploy agent", "every clone would be that one instance",
        "aws deploy uninstall, and register each clone", LISTED, product="AWS CodeDeploy agent",
        source="aws/aws-codedeploy-agent: lib/instance_agent/config.rb",
    ),
    Leftover(
        "agent.codedeploy-state", ("/opt/codedeploy-agent/deployment-root",), "deployments of the builder",
        "a clone would take them for its own, and skip or undo them", "remove what is in it", LISTED, FILLED,
        product="AWS CodeDeploy agent", source="aws/aws-codedeploy-agent: conf/codedeployagent.yml",
    ),
    Leftover(
        "agent.cfn", ("/var/lib/cfn-init/data", "/var/lib/cfn-hup/data", "/etc/cfn/cfn-credentials"),
        "a stack's data, or access to it", "a clone would take itself for set up, and its data may hold secrets",
        "remove it", LISTED, FILLED, product="AWS CloudFormation helpers",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-hup.html",
    ),
    Leftover(
        "agent.greengrass", tuple(f"{top}/{name}" for top in ("/greengrass/v2", "/opt/greengrass/v2",
        "/var/lib/greengrass/v2") for name in ("*.pem.crt", "*.pem.key", "thingCert.crt", "privKey.key",
        "device.pem.*", "config/effectiveConfig.yaml", "config/config.tlog")),
        "the certificate or the settings of a Greengrass core", "every clone would be that one thing",
        "remove it, and provision each clone", LISTED, product="AWS IoT Greengrass",
        source="aws-greengrass/aws-greengrass-nucleus: README_CONFIG_SCHEMA.md",
    ),
    Leftover(
        "agent.greengrass-v1", ("/greengrass/certs/*", "/greengrass/config/config.json",
        "/greengrass/ggc/deployment/group/group.json"), "the certificate or the settings of a Greengrass core",
        "every clone would be that one thing", "remove it, and provision each clone", LISTED,
        product="AWS IoT Greengrass", source="https://docs.aws.amazon.com/greengrass/v1/developerguide/gg-core.html",
    ),
    Leftover(
        "agent.azure-arc", ("/var/opt/azcmagent/agentconfig.json", "/var/opt/azcmagent/certs/*",
        "/var/opt/azcmagent/tokens/*", "/var/opt/azcmagent/localconfig.json"),
        "the registration of an Azure Arc machine", "every clone would be that one machine", "azcmagent disconnect",
        LISTED, product="Azure Connected Machine agent",
        source="https://learn.microsoft.com/azure/azure-arc/servers/agent-overview",
    ),
    Leftover(
        "agent.azure-monitor", ("/etc/opt/microsoft/azuremonitoragent/config-cache",
        "/var/opt/microsoft/azuremonitoragent/events", "/etc/opt/microsoft/azuremonitoragent/mdsd.xml"),
        "the settings of an Azure Monitor agent", "clones would send as the builder", "remove it", LISTED, FILLED,
        product="Azure Monitor agent", source="Azure/azure-linux-extensions: AzureMonitorAgent/agent.py",
    ),
    Leftover(
        "agent.oms", ("/etc/opt/microsoft/omsagent/*/conf/omsadmin.conf",
        "/etc/opt/microsoft/omsagent/conf/omsadmin.conf", "/etc/opt/microsoft/omsagent/*/certs/oms.*",
        "/etc/opt/microsoft/omsagent/certs/oms.*", "/etc/opt/microsoft/scx/ssl/*key*.pem",
        "/etc/opt/omi/ssl/omikey.pem"), "the onboarding of a Log Analytics agent",
        "the workspace takes all clones for one agent", "omsadmin.sh -X, and onboard each clone", LISTED,
        product="OMS Agent", source="microsoft/OMS-Agent-for-Linux: docs/OMS-Agent-for-Linux.md",
    ),
    Leftover(
        "agent.iotedge", ("/etc/aziot/config.toml", "/etc/iotedge/config.yaml", "/etc/aziot/*/config.d/*.toml"),
        "the connection of an IoT Edge device", "every clone would be that one device",
        "take it out, and provision each clone", LISTED,
        holds=rb"(?m)^[ \t]*(?:connection_string|device_connection_string|registration_id|device_id|symmetric_key)"
        rb"\s*[=:][ \t]*['\"{]*[^\s'\"<{]", product="Azure IoT Edge", source="Azure/iotedge: doc/packaging.md",
    ),
    Leftover(
        "agent.iotedge-state", ("/var/lib/aziot/certd", "/var/lib/aziot/keyd", "/var/lib/aziot/identityd",
        "/var/lib/aziot/edged", "/var/lib/aziot/tpmd", "/var/lib/iotedge"), "the keys of an IoT Edge device",
        "every clone would be that one device", "remove it, and provision each clone", LISTED, FILLED,
        product="Azure IoT Edge", source="Azure/iotedge: doc/packaging.md",
    ),
    Leftover(
        "agent.google", ("/etc/instance_id", "/etc/google_instance_id", "/var/lib/google/google_instance_id",
        "/etc/google-guest-agent/google_instance_id"), "the id of the instance that Google's agent last saw",
        "a clone would not notice that it is another instance", "remove it: the agent writes it anew when it starts",
        product="Google guest agent",
        source="GoogleCloudPlatform/guest-agent: google_guest_agent/cfg/cfg.go (instance_id_dir)",
    ),
    Leftover(
        "agent.google-boto", ("/etc/boto.cfg",), "a project of Google Cloud",
        "clones would use the builder's project", "remove it: the agent writes it anew when it starts", LISTED,
        holds=rb"(?m)^(?:default_project_id|service_account)\s*=\s*\S", product="Google guest agent",
        source="GoogleCloudPlatform/guest-agent: README.md (set_boto_config)",
    ),
    Leftover(
        "agent.google-osconfig", ("/var/lib/google_osconfig_agent", "/etc/osconfig/osconfig_task.state"),
        "the state of Google's OS Config agent", "a clone would go on with the builder's task", "remove it", LISTED,
        FILLED, product="Google OS Config agent", source="GoogleCloudPlatform/osconfig: agentconfig/agentconfig.go",
    ),
    Leftover(
        "agent.google-ops", ("/var/lib/google-cloud-ops-agent/fluent-bit",
        "/var/lib/google-cloud-ops-agent/opentelemetry-collector", "/var/lib/stackdriver"),
        "the positions of Google's Ops Agent", "clones would leave out the first lines of their logs", "remove it",
        LISTED, FILLED, product="Google Ops Agent",
        source="https://cloud.google.com/stackdriver/docs/solutions/agents/ops-agent",
    ),
    Leftover(
        "agent.vmware", ("/var/lib/vmware/VGAuth/aliasStore", "/etc/vmware-tools/GuestProxyData/server",
        "/etc/vmware-tools/GuestProxyData/trusted"), "whom VMware's guest service trusts",
        "whoever may use the builder could use every clone", "remove it", LISTED, FILLED, product="open-vm-tools",
        source="vmware/open-vm-tools: open-vm-tools/vgauth/common/prefs.h",
    ),
)  # fmt: skip
