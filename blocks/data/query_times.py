"""How long a database's queries take while it is watched, from the sums that `pg_stat_statements` keeps.

https://www.postgresql.org/docs/current/pgstatstatements.html: of each statement it knows calls, time, and deviation
since its start, and no single call. Of two looks the difference is what happened between them: each statement's calls,
and the mean and the deviation of their times. Times of one statement are taken to be log-normal, as latencies are; the
percentile is that of all calls together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from blocks.faults import missing_right
from launch.errors import PermanentFaultError

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

_WHERE = """
SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'
"""
_SUMS = """
SELECT userid, queryid, toplevel, calls, total_exec_time, stddev_exec_time
FROM {schema}.pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
AND userid <> (SELECT oid FROM pg_roles WHERE rolname = current_user)
"""
_SINCE = "SELECT stats_reset, dealloc FROM {schema}.pg_stat_statements_info"
_NORMAL = NormalDist()
_HALVINGS = 60
# Less than the clock tells: no shape can be made of it.
_LEAST_MS, _LEAST_SPREAD = 1e-6, 1e-12


class Key(NamedTuple):
    """What a statement is counted under."""

    role: int
    query: int
    toplevel: bool


@dataclass(frozen=True)
class Sums:
    """Of one statement: its calls, and the sums of their times and of the squares of these, in ms."""

    calls: int
    total_ms: float
    squares: float


@dataclass(frozen=True)
class Look:
    """All statements at one moment. Two looks with another `since` cannot be compared."""

    since: datetime | None
    forgotten: int
    statements: Mapping[Key, Sums]


@dataclass(frozen=True)
class Calls:
    """Of one statement, between two looks."""

    count: int
    mean_ms: float
    variance: float

    def share_within(self, limit_ms: float) -> float:
        """How many of its calls, 0 to 1, took no longer."""
        spread = math.log1p(self.variance / self.mean_ms**2) if self.mean_ms > _LEAST_MS else 0.0
        if spread < _LEAST_SPREAD:
            return float(self.mean_ms <= limit_ms)
        return _NORMAL.cdf((math.log(limit_ms / self.mean_ms) + spread / 2) / math.sqrt(spread))


def look(session: Connection[TupleRow], *, system: str) -> Look:
    """Raises `PermanentFaultError` where nothing is counted, or is not shown to this role."""
    from psycopg import errors, sql

    question = "the times of its queries"

    def refuse(answer: str, next_step: str) -> PermanentFaultError:
        return PermanentFaultError(system=system, question=question, answer=answer, next_step=next_step)

    place = session.execute(_WHERE).fetchone()
    if place is None:
        raise refuse("no pg_stat_statements", "run CREATE EXTENSION pg_stat_statements in this database")
    schema = sql.Identifier(place[0])
    try:
        since = session.execute(sql.SQL(_SINCE).format(schema=schema)).fetchone()
        rows = session.execute(sql.SQL(_SUMS).format(schema=schema)).fetchall()
    except errors.ObjectNotInPrerequisiteState as error:
        raise refuse(
            "pg_stat_statements is not loaded", "add it to shared_preload_libraries and start the server again"
        ) from error
    statements: dict[Key, Sums] = {}
    for role, query, toplevel, calls, total, deviation in rows:
        if query is None:
            raise refuse("other roles' queries are hidden", missing_right("pg_read_all_stats"))
        mean = total / calls if calls else 0.0
        statements[Key(role, query, toplevel)] = Sums(calls, total, calls * (deviation**2 + mean**2))
    return Look(since[0] if since else None, since[1] if since else 0, statements)


def between(before: Look, after: Look) -> list[Calls] | None:
    """What was called between the looks; None when the sums began anew, or when statements were forgotten."""
    if before.since != after.since or before.forgotten != after.forgotten:
        return None
    found: list[Calls] = []
    for key, now in after.statements.items():
        then = before.statements.get(key, Sums(0, 0.0, 0.0))
        count = now.calls - then.calls
        if count > 0:
            mean = max(0.0, now.total_ms - then.total_ms) / count
            found.append(Calls(count, mean, max(0.0, (now.squares - then.squares) / count - mean**2)))
    return found


def mean_ms(calls: Iterable[Calls]) -> float | None:
    """Of all calls; None without any."""
    known = list(calls)
    count = sum(one.count for one in known)
    return sum(one.count * one.mean_ms for one in known) / count if count else None


def percentile_ms(calls: Iterable[Calls], share: float) -> float | None:
    """The time within which this share (0 to 1) of all calls was done; None without any."""
    known = list(calls)
    count = sum(one.count for one in known)
    if not count:
        return None
    # Nobody's percentile is above this by Chebyshev's one-sided inequality.
    reach = math.sqrt(share / (1 - share))
    low, high = 0.0, max(one.mean_ms + reach * math.sqrt(one.variance) for one in known)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        within = sum(one.count * one.share_within(middle) for one in known) / count if middle > 0 else 0.0
        low, high = (low, middle) if within >= share else (middle, high)
    return high
