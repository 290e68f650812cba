"""The ledger in a database: one schema and one code on SQLite (a file) and PostgreSQL.

Append-only by construction: no statement here updates or deletes an event, and both databases refuse it by triggers.
On PostgreSQL connections act as the role `tminus_writer` where it exists, which lacks those rights altogether.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import exc

from blocks.ledger_database import connect_to
from launch.errors import TransientFaultError
from launch.events import EVENT, AnyEvent, LaunchClosed, LaunchOpened
from launch.ledger import (
    GENESIS,
    AlreadyOpenError,
    ConflictError,
    Record,
    UnknownLaunchError,
    chain_hash,
)

_TABLES = sa.MetaData()
_EVENT = sa.Table(
    "event",
    _TABLES,
    sa.Column("launch", sa.Text, primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.DateTime(timezone=True)),
    sa.Column("wall", sa.DateTime(timezone=True)),
    sa.Column("kind", sa.Text),
    sa.Column("body", sa.JSON),
    sa.Column("previous", sa.Text),
    sa.Column("hash", sa.Text),
)
_OPEN_LAUNCH = sa.Table(
    "open_launch",
    _TABLES,
    sa.Column("product", sa.Text, primary_key=True),
    sa.Column("launch", sa.Text),
)


def open_ledger(url: str) -> SqlLedger:
    """The ledger at `sqlite:///path/to/file.db` or `postgresql://user:password@host/database`, migrated if need be.

    Several processes may open one ledger at once. Raises `PlanError` for a URL that is malformed or cannot be reached;
    its sentence never holds the password.
    """
    return SqlLedger(connect_to(url))


class SqlLedger:
    """Implements `launch.ledger.Ledger`. Safe to share between threads; writers of one launch take turns.

    Besides the port's errors every verb raises `TransientFaultError` when the database does not answer.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(writing=True)

    @property
    def url(self) -> str:
        """Where this ledger is, with the password masked."""
        return self._engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Gives back all connections."""
        self._engine.dispose()

    def append(
        self, launch: str, event: AnyEvent, *, at: datetime, wall: datetime, expected: int | None = None
    ) -> Record:
        """Writes one event at the end of its launch, as the port says. Instants must be aware."""
        body = json.loads(event.model_dump_json())
        # The hash covers what a reader gets back: JSON has no NaN, tuples or aliases.
        written = EVENT.validate_python(body)
        with self._answering("append an event", self._writing) as connection:
            self._take_turn(connection, launch)
            sequence, previous = self._end(connection, launch)
            if isinstance(written, LaunchOpened):
                self._open(connection, written.product, launch)
            elif sequence == 0:
                raise UnknownLaunchError(launch)
            if isinstance(written, LaunchOpened) and sequence > 0:
                raise ConflictError(launch, 1)
            if expected is not None and expected != sequence:
                raise ConflictError(launch, expected + 1)
            at, wall, place = at.astimezone(UTC), wall.astimezone(UTC), sequence + 1
            record = Record(
                launch=launch,
                sequence=place,
                at=at,
                wall=wall,
                event=written,
                previous=previous,
                hash=chain_hash(launch, place, at, wall, written, previous),
            )
            try:
                connection.execute(sa.insert(_EVENT), _row(record, body))
            except exc.IntegrityError as error:
                raise ConflictError(launch, record.sequence) from error
            if isinstance(written, LaunchClosed):
                connection.execute(sa.delete(_OPEN_LAUNCH).where(_OPEN_LAUNCH.c.launch == launch))
        return record

    def records(self, launch: str, *, after: int = 0) -> Sequence[Record]:
        """All records of a launch after a sequence number, in order. Raises `UnknownLaunchError`."""
        wanted = sa.select(_EVENT).where(_EVENT.c.launch == launch, _EVENT.c.sequence > after)
        with self._answering("read a launch", self._engine) as connection:
            rows = connection.execute(wanted.order_by(_EVENT.c.sequence)).all()
            if not rows and self._end(connection, launch)[0] == 0:
                raise UnknownLaunchError(launch)
        return [_record(row) for row in rows]

    def launches(self) -> Sequence[str]:
        """Ids of all launches, oldest first."""
        firsts = sa.select(_EVENT.c.launch).where(_EVENT.c.sequence == 1).order_by(_EVENT.c.wall, _EVENT.c.launch)
        with self._answering("list the launches", self._engine) as connection:
            return list(connection.execute(firsts).scalars())

    def open_launch(self, product: str) -> str | None:
        """The open launch of a product, if there is one."""
        wanted = sa.select(_OPEN_LAUNCH.c.launch).where(_OPEN_LAUNCH.c.product == product)
        with self._answering("find the open launch", self._engine) as connection:
            return connection.execute(wanted).scalar_one_or_none()

    def _take_turn(self, connection: sa.Connection, launch: str) -> None:
        # SQLite's BEGIN IMMEDIATE admits one writer anyway; the unique place in the chain is what finally guards both.
        if self._engine.dialect.name == "postgresql":
            connection.execute(
                sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:launch, 0))"), {"launch": launch}
            )

    def _end(self, connection: sa.Connection, launch: str) -> tuple[int, str]:
        last = (
            sa.select(_EVENT.c.sequence, _EVENT.c.hash)
            .where(_EVENT.c.launch == launch)
            .order_by(_EVENT.c.sequence.desc())
            .limit(1)
        )
        row = connection.execute(last).one_or_none()
        return (row.sequence, row.hash) if row else (0, GENESIS)

    def _open(self, connection: sa.Connection, product: str, launch: str) -> None:
        found = connection.execute(sa.select(_OPEN_LAUNCH.c.launch).where(_OPEN_LAUNCH.c.product == product))
        already = found.scalar_one_or_none()
        if already is not None:
            raise AlreadyOpenError(product, already)
        try:
            connection.execute(sa.insert(_OPEN_LAUNCH), {"product": product, "launch": launch})
        except exc.IntegrityError as error:
            # Two launches of one product were opened within the same moment; the other one was first.
            raise AlreadyOpenError(product, "opened a moment ago") from error

    @contextmanager
    def _answering(self, question: str, engine: sa.Engine) -> Iterator[sa.Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except exc.OperationalError as error:
            answer = str(error.orig).strip().splitlines()[0]
            raise TransientFaultError(
                system="the ledger", question=question, answer=answer, next_step=f"look at the database {self.url}"
            ) from error


def _row(record: Record, body: object) -> dict[str, object]:
    row: dict[str, object] = {name: getattr(record, name) for name in Record.model_fields if name != "event"}
    return row | {"kind": record.event.kind, "body": body}


def _record(row: sa.Row[tuple[object, ...]]) -> Record:
    columns = row._mapping  # noqa: SLF001  SQLAlchemy's public name for a row by column, in spite of the underscore
    return Record(
        launch=columns["launch"],
        sequence=columns["sequence"],
        at=_utc(columns["at"]),
        wall=_utc(columns["wall"]),
        event=EVENT.validate_python(columns["body"]),
        previous=columns["previous"],
        hash=columns["hash"],
    )


def _utc(instant: datetime) -> datetime:
    """SQLite keeps no zone: everything was written as UTC."""
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
