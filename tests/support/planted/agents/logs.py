"""Leftovers of the table `agents.logs`, planted: (code, path, content)."""

from __future__ import annotations

LOGS: tuple[tuple[str, str, str | bytes], ...] = (
    ("agent.beats", "/var/lib/filebeat/meta.json", "x"),
    ("agent.beats", "/var/lib/osquerybeat/meta.json", "x"),
    ("agent.beats-state", "/var/lib/filebeat/registry", "one"),
    ("agent.elastic", "/opt/Elastic/Agent/fleet.enc", "x"),
    ("agent.elastic", "/usr/share/elastic-agent/data/elastic-agent-1/action_store.yml", "x"),
    ("agent.elastic-vault", "/opt/Elastic/Agent/vault", "one"),
    ("agent.splunk", "/opt/splunkforwarder/etc/instance.cfg", "x"),
    ("agent.splunk", "/opt/splunk/etc/instance.cfg", "x"),
    ("agent.splunk-name", "/opt/splunkforwarder/etc/system/local/server.conf", "[general]\nserverName = builder\n"),
    ("agent.splunk-name", "/opt/splunk/etc/system/local/inputs.conf", "[general]\nserverName = builder\n"),
    ("agent.splunk-secret", "/opt/splunkforwarder/etc/auth/splunk.secret", "x"),
    ("agent.splunk-secret", "/opt/splunk/etc/passwd", "x"),
    ("agent.splunk-state", "/opt/splunkforwarder/var/lib/splunk/fishbucket", "one"),
    ("agent.graylog", "/etc/graylog/sidecar/node-id", "x"),
    ("agent.graylog", "/etc/graylog/collector-sidecar/collector-id", "x"),
    ("agent.graylog-server", "/etc/graylog/server/node-id", "x"),
    ("agent.graylog-server", "/etc/graylog/datanode/node-id", "x"),
    ("agent.sumologic", "/opt/SumoCollector/config/creds/one", "one"),
    ("agent.syslog-ng", "/var/lib/syslog-ng/syslog-ng.persist", "x"),
    ("agent.syslog-ng", "/var/syslog-ng/syslog-ng.persist", "x"),
    ("agent.rsyslog", "/var/lib/rsyslog/imjournal.state", "x"),
    ("agent.rsyslog", "/var/lib/rsyslog/imfile-state:1", "x"),
    ("agent.promtail", "/var/lib/promtail/positions.yaml", "x"),
    ("agent.promtail", "/var/log/positions.yaml", "x"),
    ("agent.fluentd", "/var/log/td-agent/one.pos", "x"),
    ("agent.fluentd", "/var/lib/fluent/one.pos", "x"),
    ("agent.journal-upload", "/var/lib/systemd/journal-upload/state", "x"),
)
