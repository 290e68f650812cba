"""Questions to databases, caches and queues. Questions to stores and content delivery are in `launch.probes.stores`."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field

from launch.model import Id, Model, Text
from launch.moments import Duration
from launch.probes.base import Probe
from launch.probes.stores import StoreProbe


class Replication(Probe):
    """How far the standby is behind the primary.

    `replication_lag` in s (left out while PostgreSQL cannot tell: a NULL is not zero), `replication_lag_bytes` in
    bytes, `replicas` = standbys that are streaming. Source: `pg_stat_replication`, and the standby's replay position.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"replication_lag", "replication_lag_bytes", "replicas"})

    ask: Literal["replication"]


class SqlValue(Model):
    """One figure that a query selects: the first column of its only row. No row or NULL is no value."""

    sql: Text = Field(description="A query that reads one value; it runs in a read-only transaction.")
    unit: str = Field(default="", description="Unit of the value, see the units of thresholds.")


class SqlValues(Probe):
    """Figures that queries select, by metric name (validation queries, settings, limits of roles)."""

    ask: Literal["sql-values"]
    values: dict[str, SqlValue] = Field(min_length=1)

    def metrics(self) -> frozenset[str]:
        return frozenset(self.values)


class ConnectionPool(Probe):
    """Whether one service's connection pool is filled, has room and takes new connections.

    `db_connection_errors` in errors: of `attempts` new connections under the service's own role, those that failed.
    `pool_open` in connections: those the role holds. `pool_use` in %: of the role's connection limit.
    Source: connecting, `pg_stat_activity`, `pg_roles`.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"db_connection_errors", "pool_open", "pool_use"})

    ask: Literal["connection-pool"]
    attempts: int = Field(default=5, ge=1, le=50)


class QueryTimes(Probe):
    """How long queries take while the database is being watched: not since the server started.

    `query_time_p95` and `query_time_mean` in ms of the calls made meanwhile, `queries` how many those were; those of
    the role that asks do not count. Without a call, or when the sums began anew, there is no time. The percentile is
    made of each statement's mean and deviation, as if its times were log-normal: single calls are not kept.
    Source: `pg_stat_statements`, twice.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"query_time_p95", "query_time_mean", "queries"})

    ask: Literal["query-times"]


class MigrationStatus(Probe):
    """What separates the database's schema from the release's migrations.

    `pending_migrations`: shipped and not applied. `foreign_migrations`: applied and not shipped. Both in migrations;
    `schema_version`: the newest applied. Source: `schema_migrations` against the release's migration files.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"pending_migrations", "foreign_migrations", "schema_version"})

    ask: Literal["migration-status"]


class MigrationRevert(Probe):
    """Whether the schema is back where it was.

    `revert_failed` (bool), `migrations_past_target` in migrations. The target is recorded with the Job that reverted
    the schema; where nothing had to be reverted, it is the version before the launch's first up migration. A launch
    that ran neither has no value. Source: Jobs and `schema_migrations`.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"revert_failed", "migrations_past_target"})

    ask: Literal["migration-revert"]


class DatabaseDump(Probe):
    """The newest dump of the database that this system took.

    `backup_age` in s, `backup_size` in bytes, `backup_tables` in tables. There is no value while no dump was taken, the
    newest one failed, or its file is not what was written.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"backup_age", "backup_size", "backup_tables"})

    ask: Literal["database-dump"]


class RestoreRehearsal(Probe):
    """What the newest rehearsal of a restore measured.

    `rto` in s: from its begin until every table had been counted. `rpo` in s: how old the dump was at its begin, which
    is what a loss of the server at that moment would have cost. `tables_restored`, and `tables_differing`: those with
    other rows than were dumped, in tables. There is no value while none was run, the newest one failed, or it is older
    than `not_older_than`.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"rto", "rpo", "tables_restored", "tables_differing"})

    ask: Literal["restore-rehearsal"]
    not_older_than: Duration = Field(default=timedelta(days=7), description="An older one tells nothing.")


class RedisSetting(Model):
    """One configuration parameter. With a unit it is read as a number, else as a word."""

    setting: Text
    unit: str = ""


class RedisSettings(Probe):
    """Configuration parameters by metric name. Source: `CONFIG GET`."""

    ask: Literal["redis-settings"]
    values: dict[str, RedisSetting] = Field(min_length=1)

    def metrics(self) -> frozenset[str]:
        return frozenset(self.values)


class CachedKeys(Probe):
    """How many keys match a pattern, under the metric name `named`. Source: `SCAN`."""

    ask: Literal["cached-keys"]
    pattern: Text
    named: Text

    def metrics(self) -> frozenset[str]:
        return frozenset({self.named})


class CacheLookups(Probe):
    """How many lookups find their key, while it is being watched: not since the server started.

    `cache_hit_ratio` in % of the lookups made meanwhile, `lookups` how many those were. Without a lookup, or when the
    counters began anew, there is no ratio. For windows of minutes ask a metric source instead (redis_exporter's
    `redis_keyspace_hits_total`). Source: `INFO stats`, twice.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"cache_hit_ratio", "lookups"})

    ask: Literal["cache-lookups"]


class ServiceSettings(Probe):
    """Numbers from a service's effective configuration, by metric name. Source: the product's admin API."""

    ask: Literal["service-settings"]
    service: Id
    values: dict[str, Text] = Field(min_length=1, description="Metric name to name of the setting.")

    def metrics(self) -> frozenset[str]:
        return frozenset(self.values)


class PublishConfirm(Probe):
    """Publishes one test message and waits for the broker's word: a real publish, so name a queue for tests.

    `publish_confirmed`: whether the broker took it over, `publish_routed`: whether it reached a queue, `confirm_time`
    in ms. The message is persistent, says in its header `tminus-test` what it is, and stays until somebody consumes
    it; asked again, it publishes another. Source: publisher confirms of RabbitMQ.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"publish_confirmed", "publish_routed", "confirm_time"})

    ask: Literal["publish-confirm"]
    exchange: str = Field(description="Name of the exchange; empty for the default one, whose keys are queues.")
    routing_key: Text


class TopicHealth(Probe):
    """Whether Kafka topics are there, led and replicated.

    `topics_missing` in topics. Of those that are there `partitions`, `partitions_without_leader` and
    `partitions_under_replicated` (fewer replicas in sync than there are), in partitions; `replicas` = the least that
    a partition has. Source: metadata of the cluster.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset(
        {"topics_missing", "partitions", "partitions_without_leader", "partitions_under_replicated", "replicas"}
    )

    ask: Literal["topic-health"]
    topics: tuple[Text, ...] = Field(min_length=1)


class ConsumerLag(Probe):
    """How far a Kafka consumer group is behind: `consumer_lag` in messages, over all partitions of `topics`.

    A partition of which the group never read anything counts with all that it holds; `partitions_never_read` is how
    many those are. Source: the group's committed offsets against the ends of the partitions.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"consumer_lag", "partitions_never_read"})

    ask: Literal["consumer-lag"]
    group: Text
    topics: tuple[Text, ...] = Field(min_length=1)


class QueueTopology(Probe):
    """What is missing on a RabbitMQ virtual host, and what waits there.

    `missing_exchanges`, `missing_queues`, `queues_without_dead_letter` (no `x-dead-letter-exchange` by argument or
    policy, or one that does not exist), `publishers_without_confirms` (channels that publish and are not in confirm
    mode), `resource_alarms` (memory and disk alarms in force, which block publishers): all counts.
    `messages_waiting` in these queues together; unknown while one of them is missing. Source: the management API.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset(
        {
            "messages_waiting",
            "missing_exchanges",
            "missing_queues",
            "publishers_without_confirms",
            "queues_without_dead_letter",
            "resource_alarms",
        },
    )

    ask: Literal["queue-topology"]
    exchanges: tuple[Text, ...] = Field(min_length=1)
    queues: tuple[Text, ...] = Field(min_length=1)


DatabaseProbe = Replication | SqlValues | ConnectionPool | QueryTimes
DumpProbe = DatabaseDump | RestoreRehearsal
MigrationProbe = MigrationStatus | MigrationRevert
CacheProbe = RedisSettings | CachedKeys | CacheLookups
QueueProbe = QueueTopology | PublishConfirm
KafkaProbe = TopicHealth | ConsumerLag
DataProbe = (
    DatabaseProbe | DumpProbe | MigrationProbe | CacheProbe | ServiceSettings | QueueProbe | KafkaProbe | StoreProbe
)
