"""A ledger in memory: implements `launch.ledger.Ledger`, for tests that need records but no database."""

from collections.abc import Sequence
from datetime import datetime

from launch.events import EVENT, AnyEvent, LaunchClosed, LaunchOpened
from launch.ledger import GENESIS, AlreadyOpenError, ConflictError, Record, UnknownLaunchError, chain_hash


class MemoryLedger:
    """Keeps what the port promises: chained records, one open launch of a product, a conflict for who comes late."""

    def __init__(self) -> None:
        self._records: dict[str, list[Record]] = {}
        self._open: dict[str, str] = {}

    def append(
        self,
        launch: str,
        event: AnyEvent,
        *,
        at: datetime,
        wall: datetime,
        expected: int | None = None,
    ) -> Record:
        """Writes one event at the end of its launch, as it would come back from a database."""
        written = EVENT.validate_python(event.model_dump(mode="json"))
        known = self._records.get(launch, [])
        self._refuse(launch, written, known, expected)
        place, previous = len(known) + 1, known[-1].hash if known else GENESIS
        record = Record(
            launch=launch,
            sequence=place,
            at=at,
            wall=wall,
            event=written,
            previous=previous,
            hash=chain_hash(launch, place, at, wall, written, previous),
        )
        self._records.setdefault(launch, []).append(record)
        if isinstance(written, LaunchOpened):
            self._open[written.product] = launch
        if isinstance(written, LaunchClosed):
            self._open = {product: one for product, one in self._open.items() if one != launch}
        return record

    def records(self, launch: str, *, after: int = 0) -> Sequence[Record]:
        """All records of a launch after a sequence number, in order. Raises `UnknownLaunchError`."""
        if launch not in self._records:
            raise UnknownLaunchError(launch)
        return self._records[launch][after:]

    def launches(self) -> Sequence[str]:
        """Ids of all launches, oldest first."""
        return list(self._records)

    def open_launch(self, product: str) -> str | None:
        """The open launch of a product, if there is one."""
        return self._open.get(product)

    def _refuse(self, launch: str, event: AnyEvent, known: Sequence[Record], expected: int | None) -> None:
        if isinstance(event, LaunchOpened):
            if event.product in self._open:
                raise AlreadyOpenError(event.product, self._open[event.product])
            if known:
                raise ConflictError(launch, 1)
        elif not known:
            raise UnknownLaunchError(launch)
        if expected is not None and expected != len(known):
            raise ConflictError(launch, expected + 1)
