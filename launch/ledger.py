"""The ledger's port and its arithmetic: records, the hash chain, the event hash. Storage is in `blocks.ledger`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from launch.errors import LaunchError
from launch.events import AnyEvent, LaunchOpened
from launch.model import Model

GENESIS = "0" * 64


class Record(Model):
    """One line of a ledger: an event, when it happened on the launch clock and on the wall, and its place in the chain.

    `hash` covers everything else here and the hash of the record before, so that an edit, a deletion or a reordering
    breaks the chain at a known place.
    """

    launch: str
    sequence: int
    at: datetime
    wall: datetime
    event: AnyEvent
    previous: str
    hash: str


class BrokenChainError(LaunchError):
    """The chain does not hold at `sequence`."""

    def __init__(self, launch: str, sequence: int, why: str) -> None:
        self.launch = launch
        self.sequence = sequence
        self.why = why
        super().__init__(f"the ledger of {launch} is broken at event {sequence}: {why}")


class ConflictError(LaunchError):
    """Another writer took the next place in the ledger first; read again and decide again."""

    def __init__(self, launch: str, sequence: int) -> None:
        super().__init__(f"event {sequence} of {launch} was written by somebody else meanwhile")


class AlreadyOpenError(LaunchError):
    """The product has an open launch."""

    def __init__(self, product: str, launch: str) -> None:
        self.launch = launch
        super().__init__(f"{product} has an open launch already: {launch}; end it before opening another")


class UnknownLaunchError(LaunchError):
    """No launch of that id is in this ledger."""

    def __init__(self, launch: str) -> None:
        super().__init__(f"no launch {launch!r} in this ledger")


class Ledger(Protocol):
    """Append-only store of launches. Instants are aware UTC. There is no way to change or remove a record.

    `append` writes one event after `expected` (the sequence the writer has seen; None for wherever the end is) and
    raises `ConflictError` when somebody else wrote first; a `LaunchOpened` raises `AlreadyOpenError` when its product
    has an open launch, and a `LaunchClosed` frees the product, both in the same transaction.
    """

    def append(
        self,
        launch: str,
        event: AnyEvent,
        *,
        at: datetime,
        wall: datetime,
        expected: int | None = None,
    ) -> Record: ...

    def records(self, launch: str, *, after: int = 0) -> Sequence[Record]:
        """All records after a sequence number, in order. Raises `UnknownLaunchError`."""

    def launches(self) -> Sequence[str]:
        """Ids of all launches, oldest first."""

    def open_launch(self, product: str) -> str | None:
        """The open launch of a product, if there is one."""


def chain_hash(  # noqa: PLR0917  a record's content in its own order
    launch: str,
    sequence: int,
    at: datetime,
    wall: datetime,
    event: AnyEvent,
    previous: str,
) -> str:
    """SHA-256 over the canonical JSON of a record's content and the hash before it, in hexadecimal."""
    content = {
        "launch": launch,
        "sequence": sequence,
        "at": at.isoformat(),
        "wall": wall.isoformat(),
        "event": event.model_dump(mode="json"),
        "previous": previous,
    }
    return hashlib.sha256(_canonical(content).encode()).hexdigest()


def verify_chain(launch: str, records: Sequence[Record]) -> None:
    """Raises `BrokenChainError` at the first record that is missing, out of order or altered."""
    previous = GENESIS
    for expected, record in enumerate(records, start=1):
        if record.sequence != expected:
            raise BrokenChainError(launch, expected, f"event {record.sequence} stands in its place")
        if record.previous != previous:
            raise BrokenChainError(launch, expected, "it does not follow the event before it")
        if chain_hash(launch, expected, record.at, record.wall, record.event, previous) != record.hash:
            raise BrokenChainError(launch, expected, "its content was altered")
        previous = record.hash


def event_hash(records: Sequence[Record]) -> str:
    """SHA-256 over all events in order as offsets from T0, without ids of runs and wall times.

    Two rehearsals of the same plan with the same seed, ballots and faults have the same event hash.
    """
    digest = hashlib.sha256()
    first = records[0].event if records else None
    t0 = first.t0 if isinstance(first, LaunchOpened) else None
    for record in records:
        content = record.event.model_dump(mode="json", exclude=set(record.event.volatile))
        offset = (record.at - t0) / timedelta(seconds=1) if t0 else 0.0
        digest.update(_canonical({"at": round(offset, 3), "event": content}).encode())
    return digest.hexdigest()


def _canonical(content: object) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
