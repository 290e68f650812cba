"""PostgreSQL through PgBouncer in transaction mode: every question is answered, and nothing stays in the pool's session."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from pydantic import SecretStr

from blocks.data.database import PostgresDatabase
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Occasion
from launch.probes.data import ConnectionPool, Replication, SqlValue, SqlValues
from sandbox.postgres_server import PostgresServer
from tests.blocks.data.pooler import pooler
from tests.fakes.verbs import OCCASION

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = PostgresServer()
    try:
        server.create()
        server.start()
        with psycopg.connect(server.dsn(), autocommit=True) as session:
            session.execute("CREATE TABLE kept (n int)")
        with pooler(tmp_path_factory.mktemp("pooler"), server.dsn()) as pooled:
            yield pooled
    finally:
        server.stop()


@pytest.fixture
def database(dsn: str) -> PostgresDatabase:
    return PostgresDatabase(dsn=SecretStr(dsn))


def select(sql: str) -> SqlValues:
    return SqlValues(ask="sql-values", of="database", values={"figure": SqlValue(sql=sql)})


def asked(database: PostgresDatabase, sql: str, occasion: Occasion = OCCASION) -> object:
    values = database.answer(select(sql), occasion).values
    return values["figure"].value if "figure" in values else None


def test_it_can_be_checked_and_every_question_is_answered(database) -> None:
    assert "takes the role" in database.check()
    assert asked(database, "SELECT count(*) FROM kept") == 0
    assert database.answer(Replication(ask="replication", of="database"), OCCASION).values["replicas"].value == 0
    pool = database.answer(ConnectionPool(ask="connection-pool", of="database", attempts=2), OCCASION).values
    assert pool["db_connection_errors"].value == 0


def test_a_session_is_read_only_and_its_statements_are_bounded(database, dsn) -> None:
    with pytest.raises(PermanentFaultError, match="ReadOnly"):
        asked(database, "INSERT INTO kept VALUES (1) RETURNING n")
    with pytest.raises(PermanentFaultError, match="check the query"):
        asked(database, "SELECT 1; COMMIT; INSERT INTO kept VALUES (1) RETURNING n")
    assert asked(database, "SELECT count(*) FROM kept") == 0
    hasty = PostgresDatabase(dsn=SecretStr(dsn), timeout_seconds=0.05)
    with pytest.raises(TransientFaultError):
        asked(hasty, "SELECT pg_sleep(5)")


def test_nothing_stays_in_the_session_that_others_get_next(database, dsn) -> None:
    for _ in range(8):
        asked(database, "SELECT count(*) FROM kept")
    with psycopg.connect(dsn, prepare_threshold=None) as session:
        shown = [session.execute(f"SHOW {name}").fetchone() for name in ("statement_timeout", "transaction_read_only")]
        prepared = session.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
    assert shown == [("0",), ("off",)]
    assert prepared == (0,)
