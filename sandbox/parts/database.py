"""The databases of the sandbox: a PostgreSQL primary with a streaming standby, and a staging database beside it."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from pydantic import JsonValue
from starlette.routing import BaseRoute

from sandbox.parts import database_schema as schema
from sandbox.parts.cluster import TOKEN, ClusterPart
from sandbox.parts.cluster_seed import NAMESPACE
from sandbox.postgres_server import PostgresServer
from sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

PRODUCTION, STAGING = "teei_production", "teei_staging"
_MIGRATION_IMAGE = "teei/migrations"
_PAUSE_SECONDS = 10.0


class DatabasePart:
    """PostgreSQL as TEEI runs it. `migrate` is what Jobs with image `teei/migrations` do in the sandbox's cluster."""

    name = "database"

    def __init__(self, cluster: ClusterPart) -> None:
        self._cluster = cluster
        cluster.jobs[_MIGRATION_IMAGE] = self._job
        self._reverted_to = ""
        self._forgotten: dict[str, list[str]] = {}
        self.ready = threading.Event()
        self._primary = PostgresServer()
        self._standby = PostgresServer()
        self._shipped = tempfile.TemporaryDirectory(prefix="tminus-migrations-")
        self._pool: list[psycopg.Connection[tuple[object, ...]]] = []
        self._lock = threading.RLock()
        self._changes: dict[str, Callable[[JsonValue], None]] = {}

    def define(self, world: World) -> None:
        self._world = world
        for name, default, what, change in (
            ("database.replication-lag-seconds", 0, "how far the standby is behind", self._set_lag),
            ("database.max-connections", 200, "max_connections of the primary", self._set_max_connections),
            ("database.orphan-rows", 0, "volunteers of a tenant that does not exist", self._orphan_volunteers),
            ("database.orphan-reports", 0, "report runs of a tenant that does not exist", self._orphan_reports),
            ("database.sample-tenants", 5, "pilot tenants with sample data", self._seed_samples),
            ("database.pool-ceiling", 50, "connection limit of export-service's role", self._limit),
            ("database.pool-open", 5, "connections that reporting-api's pool holds", self._fill_pool),
            ("database.pool-refused", False, "whether new connections of reporting-api are refused", self._refuse),
            ("database.staging-rows", 2000, "volunteers in the staging database", self._size_staging),
            ("database.staging-pending", 0, "migrations that were never run on staging", self._hold_staging_back),
            (
                "database.revert-leaves",
                0,
                "steps that a down migration leaves standing, without saying so",
                self._leave,
            ),
            ("database.schema-behind", 0, "applied migrations that schema_migrations has lost", self._lose_versions),
        ):
            self._changes[name] = change
            world.define(name, default, what, setter=partial(self._when_up, change))
        world.define("database.migration-fails", False, "whether the release's last up migration fails")

    def start(self) -> None:
        self._primary.create()
        self._standby.follow(self._primary)
        self._primary.start()
        self._seed()
        self._standby.start()
        with psycopg.connect(self._standby.dsn(), autocommit=True) as standby, self._admin() as primary:
            self._await_replay(primary, standby)
        self._fill_pool(self._world.get("database.pool-open"))
        with self._lock:
            self.ready.set()
            for name, change in self._changes.items():
                if self._world.get(name) != self._world.knobs[name].default:
                    change(self._world.get(name))

    def routes(self) -> Sequence[BaseRoute]:
        return ()

    def tick(self) -> None:
        """Nothing here follows the clock."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:  # noqa: ARG002  PostgreSQL has its own port
        reader = {"user": schema.READER, "password": schema.READER_PASSWORD}
        service = {"user": schema.SERVICE, "password": schema.SERVICE_PASSWORD}
        migrations: dict[str, JsonValue] = {"migrations_folder": self._shipped.name}
        return {
            "postgres-database/sandbox-database": {
                "dsn": self._primary.dsn(PRODUCTION, **reader),
                "standby_dsn": self._standby.dsn(PRODUCTION, **reader),
                "heartbeat_table": "heartbeat",
            },
            "postgres-database/sandbox-staging-database": {"dsn": self._primary.dsn(STAGING, **reader)},
            "postgres-database/sandbox-reporting-pool": {"dsn": self._primary.dsn(PRODUCTION, **service)},
            "schema-migrations/sandbox-migrations": {
                **migrations,
                "dsn": self._primary.dsn(PRODUCTION, **reader),
                "runner": {
                    "api_url": self._cluster.address,
                    "token": TOKEN,
                    "namespace": NAMESPACE,
                    "image": f"{_MIGRATION_IMAGE}:{{version}}",
                },
            },
            "schema-migrations/sandbox-staging-migrations": {**migrations, "dsn": self._primary.dsn(STAGING, **reader)},
        }

    def stop(self) -> None:
        for connection in self._pool:
            connection.close()
        self._standby.stop()
        self._primary.stop()
        self._shipped.cleanup()

    @property
    def owner_dsn(self) -> str:
        """Production, as the role that owns every table, once it is up."""
        return self._primary.dsn(PRODUCTION, user=schema.MIGRATOR, password=schema.MIGRATOR_PASSWORD)

    def migrate(self, arguments: Sequence[str]) -> None:
        """Runs `migrate:prod` or `migrate:down --to=<version>` on production. Raises `MigrationError`."""
        dsn = self.owner_dsn
        self.ready.wait(60)
        targets = [argument.removeprefix("--to=") for argument in arguments if argument.startswith("--to=")]
        if "migrate:down" in arguments and targets:
            schema.migrate_down(dsn, targets[0], leave=int(str(self._world.get("database.revert-leaves"))))
            self._reverted_to = targets[0]
        elif "migrate:prod" in arguments:
            fails = self._world.get("database.migration-fails")
            schema.migrate_up(dsn, schema.MIGRATIONS, break_at=schema.MIGRATIONS[-1].version if fails else "")
        else:
            raise schema.MigrationError(f"no such command: {' '.join(arguments)}")

    def _job(self, words: list[str]) -> tuple[bool, str]:
        try:
            self.migrate(words)
        except schema.MigrationError as error:
            return False, f"migration failed: {error}"
        return True, "migrated"

    def _seed(self) -> None:
        schema.ship(Path(self._shipped.name))
        with self._admin("postgres") as connection:
            schema.create_roles(connection)
            for database in (PRODUCTION, STAGING):
                connection.execute(f"CREATE DATABASE {database} STRATEGY file_copy OWNER {schema.MIGRATOR}".encode())
        everything = [step.version for step in schema.MIGRATIONS]
        for database, versions, each in ((PRODUCTION, schema.APPLIED_BEFORE, 100), (STAGING, everything, 400)):
            owner = self._primary.dsn(database, user=schema.MIGRATOR, password=schema.MIGRATOR_PASSWORD)
            with psycopg.connect(owner) as connection:
                schema.create(connection, versions, each)
                connection.execute("INSERT INTO heartbeat VALUES (%s)", (self._world.now(),))

    @contextmanager
    def _admin(self, database: str = PRODUCTION) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        with psycopg.connect(self._primary.dsn(database), autocommit=True) as connection:
            yield connection

    def _when_up(self, change: Callable[[JsonValue], None], value: JsonValue) -> None:
        with self._lock:
            if self.ready.is_set():
                change(value)

    def _set_lag(self, value: JsonValue) -> None:
        """Lets the standby see a heartbeat that is `value` seconds old, and stops it there."""
        seconds = float(str(value))
        with psycopg.connect(self._standby.dsn(PRODUCTION), autocommit=True) as standby, self._admin() as primary:
            standby.execute("SELECT pg_wal_replay_resume()")
            if not seconds:
                return
            old = self._world.now() - timedelta(seconds=seconds)
            primary.execute("UPDATE heartbeat SET at = %s", (old,))
            self._await_replay(primary, standby)
            standby.execute("SELECT pg_wal_replay_pause()")
            primary.execute("UPDATE heartbeat SET at = %s", (self._world.now(),))

    @staticmethod
    def _await_replay(
        primary: psycopg.Connection[tuple[object, ...]], standby: psycopg.Connection[tuple[object, ...]]
    ) -> None:
        row = primary.execute("SELECT pg_current_wal_lsn()").fetchone()
        reached = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        pause = threading.Event()
        for _ in range(int(_PAUSE_SECONDS / 0.02)):
            seen = standby.execute(reached, row).fetchone()
            if seen and seen[0]:
                return
            pause.wait(0.02)
        raise TimeoutError("the sandbox's standby does not follow its primary")

    def _set_max_connections(self, value: JsonValue) -> None:
        """`max_connections` cannot change without a restart, so the knob restarts the primary with another value."""
        self._fill_pool(0)
        self._primary.restart(max_connections=str(value))
        self._fill_pool(self._world.get("database.pool-open"))

    def _orphan_volunteers(self, value: JsonValue) -> None:
        with self._admin() as connection:
            connection.execute("DELETE FROM volunteers WHERE tenant_id = 'nobody'")
            insert = "INSERT INTO volunteers (tenant_id, hours) SELECT 'nobody', 1 FROM generate_series(1, %s)"
            connection.execute(insert, (int(str(value)),))

    def _orphan_reports(self, value: JsonValue) -> None:
        with self._admin() as connection:
            connection.execute("DELETE FROM report_runs WHERE tenant_id = 'nobody'")
            insert = "INSERT INTO report_runs (tenant_id) SELECT 'nobody' FROM generate_series(1, %s)"
            connection.execute(insert, (int(str(value)),))

    def _seed_samples(self, value: JsonValue) -> None:
        with self._admin() as connection:
            seeded = list(schema.TENANTS[: int(str(value))])
            connection.execute("UPDATE tenants SET sample_data = id = ANY(%s)", (seeded,))

    def _limit(self, value: JsonValue) -> None:
        with self._admin() as connection:
            schema.limit_pool(connection, "export_service", int(str(value)))

    def _fill_pool(self, value: JsonValue) -> None:
        wanted = int(str(value))
        while len(self._pool) > wanted:
            self._pool.pop().close()
        dsn = self._primary.dsn(PRODUCTION, user=schema.SERVICE, password=schema.SERVICE_PASSWORD)
        while len(self._pool) < wanted:
            self._pool.append(psycopg.connect(dsn, application_name="reporting-api", autocommit=True))

    def _refuse(self, value: JsonValue) -> None:
        with self._admin() as connection:
            connection.execute(f"ALTER ROLE {schema.SERVICE} {'NOLOGIN' if value else 'LOGIN'}".encode())

    def _size_staging(self, value: JsonValue) -> None:
        with self._admin(STAGING) as connection:
            connection.execute(
                "DELETE FROM volunteers WHERE id NOT IN (SELECT id FROM volunteers LIMIT %s)", (int(str(value)),)
            )

    def _hold_staging_back(self, value: JsonValue) -> None:
        self._forget(STAGING, int(str(value)))

    def _lose_versions(self, value: JsonValue) -> None:
        self._forget(PRODUCTION, int(str(value)))

    def _leave(self, value: JsonValue) -> None:
        """Turned after a revert: the steps that it should have left standing are applied again."""
        newer = [step for step in schema.MIGRATIONS if self._reverted_to and step.version > self._reverted_to]
        dsn = self._primary.dsn(PRODUCTION, user=schema.MIGRATOR, password=schema.MIGRATOR_PASSWORD)
        if newer:
            schema.migrate_down(dsn, self._reverted_to, leave=0)
            schema.migrate_up(dsn, newer[: int(str(value))])

    def _forget(self, database: str, count: int) -> None:
        """Drops the newest versions from the record, after putting back what an earlier turn dropped."""
        with self._admin(database) as connection:
            for version in self._forgotten.pop(database, ()):
                connection.execute("INSERT INTO schema_migrations (version) VALUES (%s)", (version,))
            lost = sorted(schema.applied(connection), reverse=True)[:count]
            connection.execute("DELETE FROM schema_migrations WHERE version = ANY(%s)", (lost,))
            self._forgotten[database] = lost
