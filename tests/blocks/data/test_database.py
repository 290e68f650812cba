"""PostgreSQL asked over its wire: a real primary with a real standby."""

import pytest
from pydantic import SecretStr

from blocks.data.database import PostgresDatabase
from launch.errors import PermanentFaultError, TransientFaultError
from launch.probes.data import ConnectionPool, Replication, SqlValue, SqlValues

pytestmark = pytest.mark.integration
REPLICATION = Replication(ask="replication", of="database")


def select(sql, unit=""):
    return SqlValues(ask="sql-values", of="database", values={"figure": SqlValue(sql=sql, unit=unit)})


@pytest.fixture
def database(rehearsal):
    return rehearsal.block("postgres-database/sandbox-database")


def test_a_standby_that_has_replayed_everything_is_at_zero(database, rehearsal, values):
    seen = values(database.answer(REPLICATION, rehearsal.occasion()))
    assert seen["replicas"] == 1
    assert seen["replication_lag"] == 0


def test_a_paused_standby_is_behind_by_the_distance_of_the_heartbeats(database, rehearsal, turned, values):
    turned.set("database.replication-lag-seconds", 30)
    seen = values(database.answer(REPLICATION, rehearsal.occasion()))
    assert seen["replication_lag"] == 30
    assert seen["replication_lag_bytes"] > 0


def test_lag_is_left_out_when_nothing_streams(rehearsal, values):
    """The staging database's reader asks a server too; without a standby in view there is no lag to state."""
    database = rehearsal.block("postgres-database/sandbox-database")
    assert database._lag([], []) is None


def test_lag_is_left_out_when_postgresql_says_null_and_bytes_are_missing():
    database = PostgresDatabase(dsn=SecretStr("postgresql://u:p@127.0.0.1:1/d"))
    assert database._lag([None], [6_700_000]) is None
    assert database._lag([None], [0]) == 0


def test_a_query_yields_its_only_value_with_its_unit(database, rehearsal):
    reading = database.answer(select("SELECT count(*) FROM tenants", "tenants"), rehearsal.occasion())
    assert (reading.values["figure"].value, reading.values["figure"].unit) == (5, "tenants")


@pytest.mark.parametrize("sql", ["SELECT NULL::int", "SELECT 1 WHERE false", "SELECT generate_series(1, 2)"])
def test_null_no_row_and_many_rows_are_no_value(database, rehearsal, sql):
    assert database.answer(select(sql), rehearsal.occasion()).values == {}


@pytest.mark.parametrize("sql", ["DELETE FROM tenants RETURNING 1", "SELECT nonsense", "SELECT 1 FROM nowhere"])
def test_a_write_and_a_wrong_query_are_permanent_faults(database, rehearsal, sql):
    with pytest.raises(PermanentFaultError, match="check the query"):
        database.answer(select(sql), rehearsal.occasion())


def test_a_statement_that_hangs_is_cut_off(rehearsal):
    database = rehearsal.block("postgres-database/sandbox-database", timeout_seconds=0.05)
    with pytest.raises(TransientFaultError):
        database.answer(select("SELECT pg_sleep(5)"), rehearsal.occasion())


def test_a_wrong_password_is_a_permanent_fault_that_does_not_tell_it(rehearsal):
    dsn = str(rehearsal.fields["postgres-database/sandbox-database"]["dsn"]).replace("sandbox-reader", "wrong-secret")
    with pytest.raises(PermanentFaultError, match="refused") as caught:
        rehearsal.block("postgres-database/sandbox-database", dsn=dsn).check()
    assert "wrong-secret" not in str(caught.value)


def test_a_server_that_is_down_is_a_transient_fault():
    database = PostgresDatabase(dsn=SecretStr("postgresql://u:p@127.0.0.1:1/d"), timeout_seconds=2)
    with pytest.raises(TransientFaultError, match=r"PostgreSQL 127\.0\.0\.1:1/d"):
        database.check()


def test_a_filled_pool_takes_new_connections(rehearsal, values):
    pool = rehearsal.block("postgres-database/sandbox-reporting-pool")
    probe = ConnectionPool(ask="connection-pool", of="pool", attempts=3)
    assert values(pool.answer(probe, rehearsal.occasion())) == {
        "db_connection_errors": 0,
        "pool_open": 5,
        "pool_use": 10,
    }


def test_refused_connections_are_counted_and_the_rest_is_left_out(rehearsal, turned, values):
    turned.set("database.pool-refused", True)
    pool = rehearsal.block("postgres-database/sandbox-reporting-pool")
    probe = ConnectionPool(ask="connection-pool", of="pool", attempts=3)
    assert values(pool.answer(probe, rehearsal.occasion())) == {"db_connection_errors": 3}
