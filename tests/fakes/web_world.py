"""The web side of the sandbox, served: one world, its parts, and the blocks that reach them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from prefect.blocks.core import Block
from pydantic import JsonValue

from launch.ports import Occasion
from launch.readings import Reading, Scalar
from launch.release import Release
from sandbox.parts.flags import FlagsPart
from sandbox.parts.journeys import JourneysPart
from sandbox.parts.partners import PartnersPart
from sandbox.parts.product_site import ProductSite
from sandbox.parts.resolver import ResolverPart
from sandbox.parts.tls_endpoint import TlsPart
from sandbox.server import serve
from sandbox.world import Part, World

B = TypeVar("B", bound=Block)
T0 = datetime(2026, 12, 7, 7, tzinfo=UTC)


class WebWorld:
    """A world at T-10m unless a test moves it."""

    def __init__(self) -> None:
        self.now = T0 - timedelta(minutes=10)
        self.world = World(now=lambda: self.now, t0=T0)
        self.parts: tuple[Part, ...] = (
            ProductSite(),
            PartnersPart(),
            ResolverPart(),
            TlsPart(),
            FlagsPart(),
            JourneysPart(),
        )
        self.address = ""
        self._fields: dict[str, Mapping[str, JsonValue]] = {}
        for part in self.parts:
            part.define(self.world)

    @property
    def occasion(self) -> Occasion:
        release = Release(version="v2.5.0", services={"reporting-api": "v2.5.0"})
        return Occasion(launch="launch-1", now=self.now, t0=T0, release=release, key="key-1")

    def block(self, kind: type[B], **changes: object) -> B:
        """The block of this type that reaches its part, with some fields changed."""
        fields = next(fields for at, fields in self._fields.items() if at.startswith(f"{kind._block_type_slug}/"))
        return kind(**{**fields, **changes})

    @contextmanager
    def turned(self, knob: str, value: JsonValue) -> Iterator[None]:
        """The world with one knob turned."""
        self.world.set(knob, value)
        try:
            yield
        finally:
            self.world.reset(knob)

    @contextmanager
    def served(self) -> Iterator["WebWorld"]:
        try:
            for part in self.parts:
                part.start()
            with serve(self.world, self.parts) as server:
                self.address = server.address
                for part in self.parts:
                    self._fields |= part.blocks(server.base_url(part))
                yield self
        finally:
            for part in self.parts:
                part.stop()


def told(reading: Reading) -> dict[str, Scalar]:
    """The bare values of a reading."""
    return {name: quantity.value for name, quantity in reading.values.items()}
