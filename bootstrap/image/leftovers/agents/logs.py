"""Identities and positions of the agents that send logs."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILLED, LISTED, Leftover

_BEATS = ("filebeat", "metricbeat", "packetbeat", "auditbeat", "heartbeat", "journalbeat", "osquerybeat")
_FLEET = ("/opt/Elastic/Agent", "/var/lib/elastic-agent", "/etc/elastic-agent", "/usr/share/elastic-agent")
_POSITION = "clones would leave out the first lines of their logs"

LOGS = (
    Leftover(
        "agent.beats", tuple(f"/var/lib/{beat}/meta.json" for beat in _BEATS), "the id of a Beat",
        "Elasticsearch takes all clones for one agent", "remove it: the Beat makes a new one when it starts",
        product="Elastic Beats", source="elastic/beats: libbeat/cmd/instance/beat.go",
    ),
    Leftover(
        "agent.beats-state", tuple(f"/var/lib/{beat}/{name}" for beat in _BEATS for name in ("registry", "beat.db",
        "evaluator_state", "diskqueue")), "a Beat's positions", _POSITION, "remove it", LISTED, FILLED,
        product="Elastic Beats",
        source="https://www.elastic.co/guide/en/beats/filebeat/current/configuration-general-options.html",
    ),
    Leftover(
        "agent.elastic", (*(f"{top}/{name}" for top in _FLEET for name in ("fleet.enc", "fleet.yml", "state.enc",
        "state.yml", "action_store.yml", "enroll.yml")), *(f"{top}/data/elastic-agent-*/{name}" for top in _FLEET
        for name in ("fleet.enc", "fleet.yml", "state.enc", "state.yml", "action_store.yml")),),
        "the enrolment of an Elastic agent", "Fleet takes all clones for one agent",
        "elastic-agent unenroll, and enrol each clone", LISTED, product="Elastic Agent",
        source="elastic/elastic-agent: internal/pkg/agent/application/paths/files.go",
    ),
    Leftover(
        "agent.elastic-vault", tuple(f"{top}/vault" for top in _FLEET), "the vault of an Elastic agent",
        "it opens the enrolment of all clones", "elastic-agent unenroll, and enrol each clone", LISTED, FILLED,
        product="Elastic Agent", source="elastic/elastic-agent: internal/pkg/agent/application/paths/paths_linux.go",
    ),
    Leftover(
        "agent.splunk", ("/opt/splunkforwarder/etc/instance.cfg", "/opt/splunk/etc/instance.cfg"),
        "the GUID of a Splunk instance", "Splunk takes all clones for one instance", "splunk clone-prep-clear-config",
        LISTED, product="Splunk",
        source="https://help.splunk.com/en/data-management/splunk-enterprise-admin-manual/9.4/"
        "configuration-file-reference/9.4.0-configuration-file-reference/instance.cfg.conf",
    ),
    Leftover(
        "agent.splunk-name", ("/opt/splunkforwarder/etc/system/local/server.conf",
        "/opt/splunkforwarder/etc/system/local/inputs.conf", "/opt/splunk/etc/system/local/server.conf",
        "/opt/splunk/etc/system/local/inputs.conf"), "the name of a Splunk instance",
        "every clone would send as that one host", "splunk clone-prep-clear-config", LISTED,
        holds=rb"(?m)^(?:serverName|guid|host)[ \t]*=[ \t]*[^\s$]", product="Splunk",
        source="https://help.splunk.com/en/data-management/splunk-enterprise-admin-manual/9.4/"
        "configuration-file-reference/9.4.0-configuration-file-reference/instance.cfg.conf",
    ),
    Leftover(
        "agent.splunk-secret", ("/opt/splunkforwarder/etc/auth/splunk.secret", "/opt/splunk/etc/auth/splunk.secret",
        "/opt/splunkforwarder/etc/auth/server.pem", "/opt/splunk/etc/auth/server.pem",
        "/opt/splunkforwarder/etc/passwd", "/opt/splunk/etc/passwd"), "a key or a login of a Splunk instance",
        "whoever has one clone could log in to all", "remove it: Splunk makes a new one when it starts", LISTED,
        product="Splunk",
        source="https://help.splunk.com/en/splunk-enterprise/administer/manage-users-and-security (splunk.secret)",
    ),
    Leftover(
        "agent.splunk-state", ("/opt/splunkforwarder/var/lib/splunk/fishbucket",
        "/opt/splunk/var/lib/splunk/fishbucket"), "Splunk's positions", _POSITION,
        "splunk clean eventdata -index _thefishbucket", LISTED, FILLED, product="Splunk",
        source="https://help.splunk.com/en/splunk-enterprise/administer/inherit-a-splunk-deployment (fishbucket)",
    ),
    Leftover(
        "agent.graylog", ("/etc/graylog/sidecar/node-id", "/etc/graylog/collector-sidecar/collector-id"),
        "the id of a Graylog sidecar", "Graylog takes all clones for one sidecar",
        "remove it: the sidecar makes a new one when it starts", product="Graylog Sidecar",
        source="Graylog2/documentation: pages/sidecar.rst; Graylog2/collector-sidecar: common/metadata.go",
    ),
    Leftover(
        "agent.graylog-server", ("/etc/graylog/server/node-id", "/etc/graylog/datanode/node-id"),
        "the id of a Graylog server", "every clone would be that one node",
        "remove it: the server makes a new one when it starts", product="Graylog",
        source="Graylog2/documentation: pages/configuration/server.conf.rst",
    ),
    Leftover(
        "agent.sumologic", ("/opt/SumoCollector/config/creds/*", "/opt/SumoCollector/data",
        "/var/lib/otelcol-sumo/credentials/*", "/opt/SumoCollector/config/user.properties"),
        "the registration of a Sumo Logic collector", "Sumo Logic takes all clones for one collector",
        "remove it, and register each clone", LISTED, FILLED, product="Sumo Logic collector",
        source="https://help.sumologic.com/docs/send-data/installed-collectors/collector-installation-reference/"
        "add-collector-to-windows-machine-image/",
    ),
    Leftover(
        "agent.syslog-ng", ("/var/lib/syslog-ng/syslog-ng.persist", "/opt/syslog-ng/var/syslog-ng.persist",
        "/var/syslog-ng/syslog-ng.persist"), "the positions and the host id of syslog-ng",
        "clones would send as one host, and leave out lines", "remove it: syslog-ng makes a new one when it starts",
        product="syslog-ng", source="syslog-ng/syslog-ng: lib/host-id.c",
    ),
    Leftover(
        "agent.rsyslog", ("/var/lib/rsyslog/imjournal.state", "/var/spool/rsyslog/imjournal.state",
        "/var/lib/rsyslog/imfile-state:*"), "rsyslog's positions", _POSITION, "remove it: rsyslog writes it again",
        product="rsyslog",
        source="https://www.rsyslog.com/doc/configuration/modules/imjournal.html (StateFile)",
    ),
    Leftover(
        "agent.promtail", ("/var/lib/promtail/positions.yaml", "/etc/promtail/positions.yaml",
        "/var/lib/grafana-agent/positions.yml", "/var/log/positions.yaml"), "Promtail's positions", _POSITION,
        "remove it: Promtail writes it again", product="Promtail",
        source="https://grafana.com/docs/loki/latest/send-data/promtail/configuration/#positions",
    ),
    Leftover(
        "agent.fluentd", ("/var/log/td-agent/*.pos", "/var/log/fluent/*.pos", "/var/lib/google-fluentd/pos/*",
        "/var/lib/fluent-bit/*.db", "/var/lib/td-agent/*.pos", "/var/lib/fluent/*.pos"), "Fluentd's positions",
        _POSITION, "remove it: Fluentd writes it again", product="Fluentd, Fluent Bit",
        source="https://docs.fluentd.org/input/tail#pos_file",
    ),
    Leftover(
        "agent.journal-upload", ("/var/lib/systemd/journal-upload/state",), "a position of systemd-journal-upload",
        _POSITION, "remove it", product="systemd-journal-upload",
        source="https://www.freedesktop.org/software/systemd/man/latest/systemd-journal-upload.service.html (state)",
    ),
)  # fmt: skip
