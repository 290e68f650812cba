"""A served sandbox world with the observability parts, one block per part, and occasions in it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from prefect.blocks.core import Block
from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from launch.ports import Occasion
from launch.release import Release
from sandbox.product import COMMIT
from sandbox.server import serve
from sandbox.world import Part, World

B = TypeVar("B", bound=Block)
T0 = datetime(2026, 11, 23, 7, tzinfo=UTC)


class Observed:
    """A world whose clock the test sets, and the fields of the blocks that reach it."""

    def __init__(self, *parts: Part) -> None:
        self.now = T0
        self.world = World(now=lambda: self.now, t0=T0)
        self.parts = parts
        self._fields: dict[str, Mapping[str, JsonValue]] = {}
        for part in parts:
            part.define(self.world)

    def at(self, **offset: float) -> "Observed":
        """The same world at T0 plus `offset`."""
        self.now = T0 + timedelta(**offset)
        return self

    @contextmanager
    def served(self) -> Iterator["Observed"]:
        with serve(self.world, self.parts) as server:
            for part in self.parts:
                self._fields |= part.blocks(server.base_url(part))
            yield self

    def block(self, kind: type[B], **changes: object) -> B:
        """The block that reaches the part of its type."""
        fields = next(
            fields for address, fields in self._fields.items() if address.startswith(f"{kind._block_type_slug}/")
        )
        return kind(**{**fields, **changes})

    def occasion(self, *, commit: str = COMMIT) -> Occasion:
        """Now, live since T0 if T0 has come."""
        return Occasion(
            launch="teei-1",
            now=self.now,
            t0=T0,
            went_live=T0 if self.now >= T0 else None,
            release=Release(version="v2.5.0", commit=commit),
            key="teei-1/effect",
        )


class Vendor:
    """A part that answers every request with what `answer` says: for a vendor's real JSON, and for nonsense."""

    name = "vendor"

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self._answer = answer

    def define(self, world: World) -> None:
        """No knobs."""

    def start(self) -> None:
        """Nothing to start."""

    def tick(self) -> None:
        """Nothing to do."""

    def stop(self) -> None:
        """Nothing to stop."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {}

    def routes(self) -> list[Route]:
        return [Route("/{path:path}", self._answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]


@contextmanager
def vendor(answer: Callable[[Request], Response]) -> Iterator[str]:
    """The address of a vendor that answers as told."""
    world = World(now=lambda: T0, t0=T0)
    part = Vendor(answer)
    with serve(world, [part]) as server:
        yield server.base_url(part)
