"""Identities of the nodes of databases and of message brokers."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILLED, LISTED, Leftover

_NODE = "every clone would be that one node"
_KAFKA = ("/var/lib/kafka", "/var/lib/kafka/data", "/var/lib/kafka-logs", "/opt/kafka/data", "/opt/kafka/logs",
          "/data/kafka", "/srv/kafka", "/var/kafka-logs", "/bitnami/kafka/data", "/var/lib/kafka/*",
          "/opt/kafka/kafka-logs", "/var/lib/redpanda/data")  # fmt: skip
_SEARCH = ("/var/lib/elasticsearch", "/var/lib/elasticsearch/*", "/var/lib/opensearch", "/var/lib/wazuh-indexer")

DATABASES = (
    Leftover(
        "agent.mysql", ("/var/lib/mysql/auto.cnf", "/var/lib/mysql-files/auto.cnf", "/var/db/mysql/auto.cnf"),
        "the UUID of a MySQL server", "replication stops between servers with the same UUID",
        "remove it: mysqld makes a new one when it starts", product="MySQL",
        source="https://dev.mysql.com/doc/refman/8.4/en/replication-options.html",
    ),
    Leftover(
        "agent.galera", ("/var/lib/mysql/grastate.dat", "/var/lib/mysql/gvwstate.dat"), "the state of a Galera node",
        "clones would join that one cluster, or split it", "remove it, and let each clone join", LISTED,
        holds=rb"(?m)^(?:uuid|my_uuid):[ \t]*(?!00000000-0000)[0-9a-f]", product="Galera",
        source="https://galeracluster.com/library/documentation/pc-recovery.html",
    ),
    Leftover(
        "agent.redis", ("/var/lib/redis/nodes*.conf", "/etc/redis/nodes*.conf", "/var/lib/valkey/nodes*.conf",
        "/var/lib/redis/*/nodes*.conf", "/var/lib/valkey/*/nodes*.conf"), "the id of a node of a Redis cluster", _NODE,
        "redis-cli cluster reset hard", LISTED, holds=rb"myself", product="Redis, Valkey",
        source="redis/redis-doc: docs/management/scaling.md",
    ),
    Leftover(
        "agent.redis-sentinel", ("/etc/redis/sentinel.conf", "/etc/redis-sentinel.conf", "/etc/valkey/sentinel.conf",
        "/etc/sentinel.conf"), "the id of a Redis sentinel", "the sentinels take all clones for one",
        "take out the line sentinel myid", LISTED, holds=rb"(?m)^sentinel myid\b", product="Redis, Valkey",
        source="https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/",
    ),
    Leftover(
        "agent.rabbitmq", ("/var/lib/rabbitmq/mnesia/*@*",), "the data of a RabbitMQ node, by the builder's name",
        "a clone with another name does not find it, and starts empty; one with the same name is that node",
        "rabbitmqctl reset, and remove it", LISTED, FILLED, product="RabbitMQ",
        source="https://www.rabbitmq.com/docs/relocate (RABBITMQ_MNESIA_BASE)",
    ),
    Leftover(
        "agent.kafka", tuple(f"{top}/meta.properties" for top in _KAFKA), "the id of a Kafka broker", _NODE,
        "remove it, and run kafka-storage.sh format for each clone", LISTED,
        holds=rb"(?m)^(?:broker|node|cluster)\.id=\S", product="Apache Kafka",
        source="apache/kafka: core/src/main/scala/kafka/log/LogManager.scala",
    ),
    # The Debian package has an example here, which is no number.
    Leftover(
        "agent.zookeeper", ("/var/lib/zookeeper/myid", "/var/lib/zookeeper/data/myid", "/etc/zookeeper/conf/myid",
        "/opt/zookeeper/data/myid", "/data/zookeeper/myid", "/etc/zookeeper/conf*/myid", "/var/zookeeper/myid",
        "/var/lib/zookeeper/conf/myid"), "the id of a ZooKeeper server", _NODE,
        "zkServer-initialize.sh --myid=NUMBER for each clone", LISTED, holds=rb"\A\s*\d+\s*\Z", through=True,
        product="Apache ZooKeeper", source="apache/zookeeper: bin/zkServer-initialize.sh",
    ),
    Leftover(
        "agent.elasticsearch", tuple(f"{top}/{name}" for top in _SEARCH for name in ("nodes", "_state")),
        "the id of an Elasticsearch node, with its data", _NODE, "remove what is in the data folder", LISTED, FILLED,
        product="Elasticsearch, OpenSearch",
        source="https://www.elastic.co/guide/en/elasticsearch/reference/current/node-tool.html",
    ),
    Leftover(
        "agent.kibana", ("/var/lib/kibana/uuid", "/usr/share/kibana/data/uuid", "/var/lib/logstash/uuid",
        "/usr/share/logstash/data/uuid", "/var/lib/apm-server/meta.json"), "the id of a Kibana or a Logstash",
        "the cluster takes all clones for one", "remove it: it makes a new one when it starts",
        product="Kibana, Logstash", source="https://www.elastic.co/guide/en/kibana/current/settings.html (path.data)",
    ),
    Leftover(
        "agent.cassandra", ("/var/lib/cassandra/data/system", "/var/lib/cassandra/commitlog",
        "/var/lib/scylla/data/system", "/var/lib/cassandra/data/system_schema"),
        "the id and the tokens of a Cassandra node", _NODE, "remove what is in the data folder", LISTED, FILLED,
        product="Apache Cassandra, ScyllaDB",
        source="https://cassandra.apache.org/doc/latest/cassandra/managing/operating/topo_changes.html",
    ),
    Leftover(
        "agent.clickhouse", ("/var/lib/clickhouse/uuid",), "the UUID of a ClickHouse server",
        "a cluster takes all clones for one server", "remove it: the server makes a new one when it starts",
        product="ClickHouse", source="ClickHouse/ClickHouse: src/Core/ServerUUID.cpp",
    ),
    Leftover(
        "agent.cockroach", ("/var/lib/cockroach/STORAGE_MIN_VERSION", "/var/lib/cockroach/certs/node.key",
        "/var/lib/cockroach/*/COCKROACHDB_VERSION", "/var/lib/cockroach/COCKROACHDB_VERSION",
        "/cockroach/cockroach-data/STORAGE_MIN_VERSION", "/cockroach-data/STORAGE_MIN_VERSION",
        "/var/lib/cockroach/certs/*.key"), "the data or the key of a CockroachDB node", _NODE,
        "remove what is in the data folder", LISTED, product="CockroachDB",
        source="https://www.cockroachlabs.com/docs/stable/cockroach-start.html",
    ),
    Leftover(
        "agent.influxdb", ("/var/lib/influxdb/influxd.bolt", "/var/lib/influxdb2/influxd.bolt",
        "/root/.influxdbv2/influxd.bolt", "/var/lib/influxdb/meta/meta.db", "/var/lib/influxdb/meta/node.json",
        "~/.influxdbv2/configs"), "the users and tokens of InfluxDB", "whoever has one clone could log in to all",
        "remove it", LISTED, product="InfluxDB",
        source="influxdata/docs-v2: content/influxdb/v2/reference/internals/file-system-layout.md",
    ),
    Leftover(
        "agent.foundationdb", ("/etc/foundationdb/fdb.cluster", "/var/lib/foundationdb/data/*/processId"),
        "the cluster or the process id of FoundationDB",
        "clones would join the builder's cluster, or pose as its process", "remove it, and give it to each clone",
        LISTED, product="FoundationDB", source="apple/foundationdb: contrib/metadata_audit/README.md",
    ),
    Leftover(
        "agent.mongodb", ("/etc/mongodb/keyfile", "/etc/mongo/keyfile", "/var/lib/mongo/keyfile",
        "/var/lib/mongodb/keyfile", "/etc/mongod.key", "/etc/mongodb-mms/*.key"), "the key of a MongoDB replica set",
        "every clone would be that one member", "remove it", LISTED, product="MongoDB",
        source="https://www.mongodb.com/docs/manual/core/security-internal-authentication/ (keyFile)",
    ),
    Leftover(
        "agent.couchdb", ("/opt/couchdb/etc/local.d/*.ini", "/opt/couchdb/etc/local.ini", "/etc/couchdb/local.ini",
        "/etc/couchdb/local.d/*.ini"), "the UUID or the secret of a CouchDB", "every clone would be that one node",
        "take out uuid and secret", LISTED, holds=rb"(?m)^(?:uuid|secret)[ \t]*=[ \t]*[0-9a-f]{32}", product="CouchDB",
        source="https://docs.couchdb.org/en/stable/config/couchdb.html (uuid)",
    ),
)  # fmt: skip
