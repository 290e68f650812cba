"""PostgreSQL: replication, figures that queries select, how long they take, and one service's connection pool."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, assert_never

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, PrivateAttr, SecretStr

from blocks.data import query_times
from blocks.data.connection_string import target_of
from blocks.faults import CHECK_REACH, missing_right
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.data import ConnectionPool, DatabaseProbe, QueryTimes, Replication, SqlValues
from launch.readings import Quantity, Reading, Scalar, quantities

if TYPE_CHECKING:
    from psycopg import Connection, Error
    from psycopg.rows import TupleRow

# SQLSTATE classes of the server that a repetition can heal: connection, resources, operator's intervention (start-up).
_TRANSIENT_STATES = ("08", "53", "57")
_REPLICAS = """
SELECT state, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), extract(epoch FROM replay_lag)
FROM pg_stat_replication WHERE state = 'streaming'
"""
_INSUFFICIENT_PRIVILEGE = "42501"
_CHECK_LOGIN = "check user, password and database in the block"
_CHECK_NAME = "check the host name in the block and the DNS here"
_REFUSED = "the role or the database was refused"
# What libpq says of a connection that did not come about: it hands no code of the server on.
_LIBPQ: tuple[tuple[str, type[PermanentFaultError | TransientFaultError], str, str], ...] = (
    ("authentication failed", PermanentFaultError, _REFUSED, _CHECK_LOGIN),
    ("no password supplied", PermanentFaultError, _REFUSED, _CHECK_LOGIN),
    ("does not exist", PermanentFaultError, _REFUSED, _CHECK_LOGIN),
    ("permission denied", PermanentFaultError, "permission denied", missing_right("CONNECT on the database")),
    ("certificate", PermanentFaultError, "a certificate that cannot be trusted", "check sslmode and sslrootcert"),
    ("invalid response", PermanentFaultError, "something that is not PostgreSQL", "check host and port in the block"),
    ("resolve host", TransientFaultError, "no address for its name", _CHECK_NAME),
    ("translate host name", TransientFaultError, "no address for its name", _CHECK_NAME),
    ("refused", TransientFaultError, "no connection: refused", CHECK_REACH),
    ("timeout", TransientFaultError, "no answer in time", CHECK_REACH),
    ("too many", TransientFaultError, "too many connections", "wait, or give the role more connections"),
    ("starting up", TransientFaultError, "it is starting up", "wait until the server is up"),
)
_MAY_WATCH = "SELECT pg_has_role(current_user, 'pg_monitor', 'USAGE')"
_POOL = """
SELECT count(a.pid), (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user)
FROM pg_stat_activity a WHERE a.usename = current_user AND a.pid <> pg_backend_pid()
"""


class PostgresDatabase(Block):
    """One database, as one role sees it. Nothing is written: every session is read-only."""

    _block_type_name = "PostgreSQL Database"
    _block_type_slug = "postgres-database"
    _description = "A PostgreSQL database (14 or newer). The role needs pg_monitor and may read the tables asked for."
    _documentation_url = HttpUrl("https://www.postgresql.org/docs/current/monitoring-stats.html")
    needs: ClassVar[str] = "a role with `pg_monitor` and SELECT on what is asked; sessions are read-only"

    answers: ClassVar[tuple[type[Probe], ...]] = (Replication, SqlValues, ConnectionPool, QueryTimes)

    dsn: SecretStr = Field(description="postgresql://user:password@host:port/database of the primary.")
    standby_dsn: SecretStr | None = Field(default=None, description="The same for the standby, to compare heartbeats.")
    heartbeat_table: str = Field(
        default="",
        pattern=r"^([a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?)?$",
        description="Table whose column `at` is written on the primary every few seconds; with it, lag is the distance "
        "of the two heartbeats, else PostgreSQL's own replay_lag.",
    )
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for a connection or a statement.")
    watch_seconds: float = Field(default=10.0, gt=0, le=60, description="How long queries are timed.")
    _wait: Callable[[float], None] = PrivateAttr(default=time.sleep)

    def check(self) -> str:
        """Proves that the role can log in, on the standby too, and says whether it sees replication.

        A role without pg_monitor is none of this block's faults: a service's own role, whose pool is asked about, has
        no such right. Raises `SystemFaultError`.
        """
        with self._session(self.dsn, "may I watch") as session:
            row = session.execute(_MAY_WATCH).fetchone()
        if self.standby_dsn is not None:
            with self._session(self.standby_dsn, "are you there") as session:
                session.execute("SELECT 1")
        sees = "and sees replication" if row is not None and row[0] else "without pg_monitor: replication is not seen"
        return f"{self._where} takes the role, {sees}"

    def answer(self, probe: DatabaseProbe, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`. Times of queries take `watch_seconds`."""
        match probe:
            case Replication():
                return self._replication(occasion)
            case SqlValues():
                return self._select(probe, occasion)
            case ConnectionPool():
                return self._pool(probe, occasion)
            case QueryTimes():
                return self._query_times(occasion)
            case _:
                assert_never(probe)

    @property
    def _where(self) -> str:
        return str(target_of(self.dsn))

    def _replication(self, occasion: Occasion) -> Reading:
        with self._session(self.dsn, "replication") as session:
            replicas = session.execute(_REPLICAS).fetchall()
        behind = [int(row[1]) for row in replicas if row[1] is not None]
        lag = self._lag([row[2] for row in replicas], behind) if len(behind) == len(replicas) else None
        return Reading(
            values={
                **quantities("s", replication_lag=lag),
                **quantities("bytes", replication_lag_bytes=max(behind, default=None)),
                **quantities("standbys", replicas=len(replicas)),
            },
            where=f"replication of {self._where}",
            at=occasion.now,
        )

    def _lag(self, replayed: list[Decimal | None], behind: list[int]) -> float | None:
        """Seconds, or None while unknown. A standby with nothing left to replay is at 0, however old its data."""
        if not behind:
            return None
        if self.standby_dsn is not None and self.heartbeat_table:
            return self._heartbeat_distance(self.standby_dsn)
        if max(behind) <= 0:
            return 0.0
        return None if None in replayed else float(max(value for value in replayed if value is not None))

    def _heartbeat_distance(self, standby: SecretStr) -> float | None:
        from psycopg import sql

        table = sql.SQL(".").join(map(sql.Identifier, self.heartbeat_table.split(".")))
        beats: list[datetime] = []
        for dsn in (self.dsn, standby):
            with self._session(dsn, "heartbeat") as session:
                row = session.execute(sql.SQL("SELECT max(at) FROM {}").format(table)).fetchone()
            if row is None or row[0] is None:
                return None
            beats.append(row[0])
        return max(beats[0] - beats[1], timedelta(0)).total_seconds()

    def _select(self, probe: SqlValues, occasion: Occasion) -> Reading:
        values: dict[str, Quantity] = {}
        # In a pipeline the server takes one statement at a time: none can end the read-only transaction and go on.
        with self._session(self.dsn, f"the queries for {', '.join(probe.values)}") as session, session.pipeline():
            for metric, wanted in probe.values.items():
                rows = session.execute(wanted.sql.encode()).fetchmany(2)
                value = _scalar(rows[0][0]) if len(rows) == 1 else None
                if value is not None:
                    values[metric] = Quantity(value=value, unit=wanted.unit)
        return Reading(values=values, where=self._where, at=occasion.now)

    def _pool(self, probe: ConnectionPool, occasion: Occasion) -> Reading:
        """Connects `attempts` times, as the service would; a refusal is the measured value here, not a fault."""
        failures = [error for _ in range(probe.attempts) if (error := self._attempt()) is not None]
        held, limit = self._held() if len(failures) < probe.attempts else (None, None)
        share = None if not limit or limit < 0 or held is None else 100.0 * held / limit
        return Reading(
            values={
                **quantities("errors", db_connection_errors=len(failures)),
                **quantities("connections", pool_open=held),
                **quantities("%", pool_use=share),
            },
            where=f"{self._where} as role {target_of(self.dsn).user}",
            at=occasion.now,
            evidence=f"{len(failures)} of {probe.attempts} connections failed{f': {failures[0]}' if failures else ''}"[
                :256
            ],
        )

    def _query_times(self, occasion: Occasion) -> Reading:
        # Two transactions: one would hold a pooler's connection, and what vacuum may remove, all the while.
        with self._session(self.dsn, "the times of its queries") as session:
            before = query_times.look(session, system=self._where)
        self._wait(self.watch_seconds)
        with self._session(self.dsn, "the times of its queries") as session:
            after = query_times.look(session, system=self._where)
        calls = query_times.between(before, after)
        where = f"queries of {self._where}"
        if calls is None:
            told = "its sums began anew, or statements were dropped, meanwhile"
            return Reading(values={}, where=where, at=occasion.now, evidence=told)
        count = sum(one.count for one in calls)
        p95, mean = query_times.percentile_ms(calls, 0.95), query_times.mean_ms(calls)
        return Reading(
            values={
                **quantities("ms", query_time_p95=p95, query_time_mean=mean),
                **quantities("queries", queries=count),
            },
            where=where,
            at=occasion.now,
            evidence=f"{count} calls of {len(calls)} statements in {self.watch_seconds:g} s",
        )

    def _attempt(self) -> str | None:
        import psycopg

        try:
            with psycopg.connect(self.dsn.get_secret_value(), connect_timeout=self._connect_seconds) as session:
                session.execute("SELECT 1")
        except psycopg.Error as error:
            return type(error).__name__
        return None

    def _held(self) -> tuple[int | None, int | None]:
        with self._session(self.dsn, "connections of the pool") as session:
            row = session.execute(_POOL).fetchone()
        return (row[0], row[1]) if row else (None, None)

    @property
    def _connect_seconds(self) -> int:
        """libpq takes whole seconds, at least 2."""
        return max(2, round(self.timeout_seconds))

    @contextmanager
    def _session(self, dsn: SecretStr, question: str) -> Iterator[Connection[TupleRow]]:
        with read_only(dsn, question, timeout_seconds=self.timeout_seconds) as session:
            yield session


@contextmanager
def read_only(dsn: SecretStr, question: str, *, timeout_seconds: float) -> Iterator[Connection[TupleRow]]:
    """A read-only transaction with bounded statements; psycopg's errors become the two faults.

    All of it ends with the transaction: a pooler in transaction mode refuses start-up options, and hands the session
    with whatever was set or prepared in it to somebody else (https://www.pgbouncer.org/features.html).
    """
    import psycopg

    system = str(target_of(dsn, question=question))
    try:
        with psycopg.connect(
            dsn.get_secret_value(), connect_timeout=max(2, round(timeout_seconds)), prepare_threshold=None
        ) as session:
            session.read_only = True
            session.execute(f"SET LOCAL statement_timeout = {int(timeout_seconds * 1000)}")
            yield session
    except psycopg.Error as error:
        raise _fault(error, system=system, question=question) from error


def _fault(error: Error, *, system: str, question: str) -> SystemFaultError:
    """By SQLSTATE where the server gave one, else by libpq's words, which never hold the password."""
    state, said = error.sqlstate or "", str(error)
    for told, kind, answer, next_step in _LIBPQ:
        if not state and told in said:
            return kind(system=system, question=question, answer=answer, next_step=next_step)
    if state[:2] in {"28", "3D"}:
        return PermanentFaultError(system=system, question=question, answer=_REFUSED, next_step=_CHECK_LOGIN)
    if state == _INSUFFICIENT_PRIVILEGE:
        return PermanentFaultError(
            system=system,
            question=question,
            answer="permission denied",
            next_step=missing_right(PostgresDatabase.needs),
        )
    answer = f"no answer ({type(error).__name__})"
    if state[:2] in _TRANSIENT_STATES or (not state and _is_operational(error)):
        return TransientFaultError(system=system, question=question, answer=answer, next_step=CHECK_REACH)
    return PermanentFaultError(
        system=system,
        question=question,
        answer=type(error).__name__,
        next_step="check the query in the plan and the tables of the database",
    )


def _is_operational(error: Error) -> bool:
    import psycopg

    return isinstance(error, psycopg.OperationalError)


def _scalar(value: object) -> Scalar | None:
    if isinstance(value, Decimal):
        return float(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
