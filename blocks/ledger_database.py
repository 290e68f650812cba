"""The database behind a ledger: from a URL to connections with the right pragmas, role and schema."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.engine.url import URL, make_url
from sqlalchemy.pool import ConnectionPoolEntry

from launch.errors import PlanError

HEAD = "0001"
"""The newest migration: a ledger that has it needs no Alembic, whose import costs more than opening."""

_WRITER = "tminus_writer"
_SECONDS_TO_CONNECT = 10
_SECONDS_TO_WAIT_FOR_A_LOCK = 30
# Any number that no other program on the same database uses.
_MIGRATION_LOCK = 0x746D696E7573


def connect_to(url: str) -> sa.Engine:
    """An engine on a migrated ledger. Raises `PlanError` in one sentence, without the password."""
    parsed = _parse(url)
    engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed)
    try:
        _migrate(engine)
        if engine.dialect.name == "postgresql":
            _act_as_writer(engine)
    except exc.DatabaseError as error:
        engine.dispose()
        raise _unopened(parsed, error) from error
    return engine


def version_at(url: str) -> str | None:
    """The migration that the database at `url` has, None where there is no ledger yet; nothing is written or made.

    Raises `PlanError` in one sentence, without the password.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        if not Path(str(parsed.database)).exists():
            return None
        parsed = parsed.set(database=f"file:{parsed.database}", query={"mode": "ro", "uri": "true"})
        engine = sa.create_engine(parsed)
    else:
        engine = _postgresql(parsed)
    try:
        return _version(engine)
    except exc.DatabaseError as error:
        raise _unopened(parsed, error) from error
    finally:
        engine.dispose()


def _unopened(url: URL, error: exc.DatabaseError) -> PlanError:
    answer = " ".join(str(error.orig).split())
    problem = f"cannot open the ledger {url.render_as_string(hide_password=True)}: {answer}"
    return PlanError(problem)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        problem = (
            "the ledger's URL is not a database URL; write sqlite:///path/to/ledger.db or postgresql://user@host/name"
        )
        raise PlanError(problem) from None
    shown = parsed.render_as_string(hide_password=True)
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            folder = Path(parsed.database).expanduser().parent
            if not folder.is_dir():
                problem = f"cannot open the ledger {shown}: there is no folder {folder}"
                raise PlanError(problem)
            return parsed.set(drivername="sqlite", database=str(Path(parsed.database).expanduser()))
        case "sqlite":
            problem = f"the ledger {shown} names no file; write sqlite:///path/to/ledger.db"
            raise PlanError(problem)
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            problem = f"the ledger {shown} is on {other!r}; it can be on sqlite or postgresql"
            raise PlanError(problem)


def _sqlite(url: URL) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": _SECONDS_TO_WAIT_FOR_A_LOCK})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        # sqlite3's own transaction handling begins too late to keep a read and the write after it together.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL").close()

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _postgresql(url: URL) -> sa.Engine:
    # A pooled connection may have been cut by a restart of the server: it is tried before it is used.
    return sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": _SECONDS_TO_CONNECT})


def _migrate(engine: sa.Engine) -> None:
    if _version(engine) == HEAD:
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "ledger_migrations"))
    with engine.execution_options(writing=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _version(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _act_as_writer(engine: sa.Engine) -> None:
    """From here on connections hold the writer's rights only, whoever logged in."""
    member = sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role AND pg_has_role(current_user, oid, 'MEMBER')")
    with engine.connect() as connection:
        if connection.execute(member, {"role": _WRITER}).scalar_one_or_none() is None:
            return
    engine.dispose()

    @event.listens_for(engine, "connect")
    def become_writer(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET ROLE {_WRITER}")
        cursor.close()
        connection.commit()
