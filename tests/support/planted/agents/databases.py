"""Leftovers of the table `agents.databases`, planted: (code, path, content)."""

from __future__ import annotations

DATABASES: tuple[tuple[str, str, str | bytes], ...] = (
    ("agent.mysql", "/var/lib/mysql/auto.cnf", "x"),
    ("agent.mysql", "/var/db/mysql/auto.cnf", "x"),
    ("agent.galera", "/var/lib/mysql/grastate.dat", "uuid:    5c3e8f6a-0000-4000-8000-000000000001\nseqno:   -1\n"),
    ("agent.galera", "/var/lib/mysql/gvwstate.dat", "uuid:    5c3e8f6a-0000-4000-8000-000000000001\nseqno:   -1\n"),
    (
        "agent.redis",
        "/var/lib/redis/nodesone.conf",
        "0123456789abcdef0123456789abcdef01234567 127.0.0.1:6379@16379 myself,master - 0 0 1 connected\n",
    ),
    (
        "agent.redis",
        "/var/lib/valkey/one/nodesone.conf",
        "0123456789abcdef0123456789abcdef01234567 127.0.0.1:6379@16379 myself,master - 0 0 1 connected\n",
    ),
    (
        "agent.redis-sentinel",
        "/etc/redis/sentinel.conf",
        "port 26379\nsentinel myid 0123456789abcdef0123456789abcdef01234567\n",
    ),
    (
        "agent.redis-sentinel",
        "/etc/sentinel.conf",
        "port 26379\nsentinel myid 0123456789abcdef0123456789abcdef01234567\n",
    ),
    ("agent.rabbitmq", "/var/lib/rabbitmq/mnesia/rabbit@builder", "one"),
    ("agent.kafka", "/var/lib/kafka/meta.properties", "version=1\nbroker.id=1\ncluster.id=abc\n"),
    ("agent.kafka", "/var/lib/redpanda/data/meta.properties", "version=1\nbroker.id=1\ncluster.id=abc\n"),
    ("agent.zookeeper", "/var/lib/zookeeper/myid", "1\n"),
    ("agent.elasticsearch", "/var/lib/elasticsearch/nodes", "one"),
    ("agent.kibana", "/var/lib/kibana/uuid", "x"),
    ("agent.kibana", "/var/lib/apm-server/meta.json", "x"),
    ("agent.cassandra", "/var/lib/cassandra/data/system", "one"),
    ("agent.clickhouse", "/var/lib/clickhouse/uuid", "x"),
    ("agent.cockroach", "/var/lib/cockroach/STORAGE_MIN_VERSION", "x"),
    ("agent.cockroach", "/var/lib/cockroach/certs/one.key", "x"),
    ("agent.influxdb", "/var/lib/influxdb/influxd.bolt", "x"),
    ("agent.influxdb", "/home/alice/.influxdbv2/configs", "x"),
    ("agent.foundationdb", "/etc/foundationdb/fdb.cluster", "x"),
    ("agent.foundationdb", "/var/lib/foundationdb/data/one/processId", "x"),
    ("agent.mongodb", "/etc/mongodb/keyfile", "x"),
    ("agent.mongodb", "/etc/mongodb-mms/one.key", "x"),
    ("agent.couchdb", "/opt/couchdb/etc/local.d/one.ini", "[couchdb]\nuuid = 0123456789abcdef0123456789abcdef\n"),
    ("agent.couchdb", "/etc/couchdb/local.d/one.ini", "[couchdb]\nuuid = 0123456789abcdef0123456789abcdef\n"),
)
