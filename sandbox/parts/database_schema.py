"""The schema of the sandbox's product: numbered migrations, the rows of five pilot tenants, roles with limits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql

READER, READER_PASSWORD = "launch_reader", "sandbox-reader"
MIGRATOR, MIGRATOR_PASSWORD = "migrator", "sandbox-migrator"
SERVICE, SERVICE_PASSWORD = "reporting_api", "sandbox-reporting"
POOLS = {"reporting_api": 50, "q2q_pipeline": 50, "export_service": 50}
TENANTS = tuple(f"tenant-{number}" for number in range(1, 6))


class Migration(NamedTuple):
    """One step of the schema, forward and back."""

    version: str
    up: str
    down: str


MIGRATIONS = (
    Migration(
        "2025-11-01-09-00-00",
        """
        CREATE TABLE tenants (id text PRIMARY KEY, name text NOT NULL, sample_data boolean NOT NULL DEFAULT false);
        CREATE TABLE volunteers (id bigserial PRIMARY KEY, tenant_id text NOT NULL, hours numeric NOT NULL);
        """,
        "DROP TABLE volunteers; DROP TABLE tenants;",
    ),
    Migration(
        "2025-11-14-10-00-00",
        "CREATE TABLE report_runs (id bigserial PRIMARY KEY, tenant_id text NOT NULL, made_at timestamptz);",
        "DROP TABLE report_runs;",
    ),
    Migration(
        "2025-11-20-08-30-00",
        "ALTER TABLE report_runs ADD COLUMN sroi numeric;",
        "ALTER TABLE report_runs DROP COLUMN sroi;",
    ),
    Migration(
        "2025-11-21-15-00-00",
        "CREATE INDEX report_runs_by_tenant ON report_runs (tenant_id, made_at);",
        "DROP INDEX report_runs_by_tenant;",
    ),
)
# The last two are what the release brings.
APPLIED_BEFORE = tuple(step.version for step in MIGRATIONS[:2])


class MigrationError(RuntimeError):
    """A migration did not go through; its Job has failed."""


def ship(folder: Path) -> None:
    """Writes the release's migrations as `<version>.up.sql` and `<version>.down.sql`."""
    for step in MIGRATIONS:
        (folder / f"{step.version}.up.sql").write_text(step.up)
        (folder / f"{step.version}.down.sql").write_text(step.down)


def create(connection: psycopg.Connection[tuple[object, ...]], versions: Sequence[str], volunteers: int) -> None:
    """Brings a new database to `versions`, with the pilot tenants and their rows."""
    connection.execute(
        "CREATE TABLE schema_migrations (version text PRIMARY KEY, applied_at timestamptz DEFAULT now())"
    )
    connection.execute("CREATE TABLE heartbeat (at timestamptz NOT NULL)")
    for step in MIGRATIONS:
        if step.version in versions:
            _run(connection, step.up)
            connection.execute("INSERT INTO schema_migrations (version) VALUES (%s)", (step.version,))
    for tenant in TENANTS:
        connection.execute("INSERT INTO tenants VALUES (%s, %s, true)", (tenant, tenant.title()))
        connection.execute(
            "INSERT INTO volunteers (tenant_id, hours) SELECT %s, n %% 40 FROM generate_series(1, %s) n",
            (tenant, volunteers),
        )
        connection.execute("INSERT INTO report_runs (tenant_id, made_at) VALUES (%s, now())", (tenant,))


def create_roles(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """The launch's reader, the migrator, and one role per service; its connection limit is the pool's ceiling."""
    make = "CREATE ROLE {} LOGIN PASSWORD {}"
    for role, password in ((READER, READER_PASSWORD), (MIGRATOR, MIGRATOR_PASSWORD), (SERVICE, SERVICE_PASSWORD)):
        connection.execute(sql.SQL(make).format(sql.Identifier(role), sql.Literal(password)))
    connection.execute(sql.SQL("GRANT pg_monitor, pg_read_all_data TO {}").format(sql.Identifier(READER)))
    for role, limit in POOLS.items():
        if role != SERVICE:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        limit_pool(connection, role, limit)


def limit_pool(connection: psycopg.Connection[tuple[object, ...]], role: str, limit: int) -> None:
    """Sets the ceiling of a service's pool over all its pods."""
    connection.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(sql.Identifier(role), sql.Literal(limit)))


def migrate_up(dsn: str, steps: Sequence[Migration], *, break_at: str = "") -> None:
    """Applies what is missing, each step in its own transaction. Raises `MigrationError` at `break_at`."""
    with psycopg.connect(dsn) as connection:
        for step in steps:
            if step.version in applied(connection):
                continue
            try:
                with connection.transaction():
                    _run(connection, step.up)
                    connection.execute("INSERT INTO schema_migrations (version) VALUES (%s)", (step.version,))
                    if step.version == break_at:
                        connection.execute("SELECT 1 / 0")
            except psycopg.Error as error:
                raise MigrationError(f"{step.version}: {error}") from error


def migrate_down(dsn: str, target: str, *, leave: int) -> None:
    """Takes back what is newer than `target`, newest first, but for `leave` steps. Raises `MigrationError`."""
    with psycopg.connect(dsn) as connection:
        newer = [step for step in MIGRATIONS if step.version > target and step.version in applied(connection)]
        for step in reversed(newer[leave:]):
            try:
                with connection.transaction():
                    _run(connection, step.down)
                    connection.execute("DELETE FROM schema_migrations WHERE version = %s", (step.version,))
            except psycopg.Error as error:
                raise MigrationError(f"{step.version}: {error}") from error


def applied(connection: psycopg.Connection[tuple[object, ...]]) -> set[str]:
    """Versions in the database."""
    return {str(row[0]) for row in connection.execute("SELECT version FROM schema_migrations").fetchall()}


def _run(connection: psycopg.Connection[tuple[object, ...]], statements: str) -> None:
    for statement in filter(str.strip, statements.split(";")):
        connection.execute(statement.encode())
