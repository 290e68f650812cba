"""The parts of the sandbox that share traffic out, served, with the blocks that reach them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import JsonValue

import blocks
from launch.ports import Occasion
from launch.release import Release
from sandbox.parts.aws import AwsPart
from sandbox.parts.flags import FlagsPart
from sandbox.parts.load_balancer import LoadBalancerPart
from sandbox.parts.mesh import MeshPart
from sandbox.parts.prometheus import Prometheus
from sandbox.parts.weights import WeightsPart
from sandbox.product import Product
from sandbox.server import serve
from sandbox.world import Part, World

T0 = datetime(2026, 12, 7, 7, tzinfo=UTC)


class RoutedWorld:
    """A world at T-10m whose clock stands still until a test moves it."""

    def __init__(self, *, aws: bool = False) -> None:
        self.now = T0 - timedelta(minutes=10)
        self.world = World(now=lambda: self.now, t0=T0)
        self.mesh = MeshPart()
        self.parts: list[Part] = [self.mesh, WeightsPart(), FlagsPart(), Prometheus()]
        if aws:
            account = AwsPart()
            self.parts += [account, LoadBalancerPart(account)]
        self._fields: dict[str, dict[str, JsonValue]] = {}
        for part in self.parts:
            part.define(self.world)
        self.product = Product.of(self.world)
        self._defaults = {name: self.world.get(name) for name in self.world.knobs}

    @property
    def occasion(self) -> Occasion:
        release = Release(version="v1.0.0", services={"auth-service": "v1.0.0"})
        return Occasion(launch="launch-1", now=self.now, t0=T0, release=release, key="key-1")

    def block(self, address: str, **changes: JsonValue) -> Any:
        """The block at this address, with some fields changed."""
        slug = address.partition("/")[0]
        kind = next(kind for kind in (*blocks.ACTING, *blocks.METRIC_SOURCES) if kind._block_type_slug == slug)
        return kind(**{**self._fields[address], **changes})

    def wait(self, **time: float) -> None:
        """Moves the clock as the conductor does."""
        self.now += timedelta(**time)
        self.world.tick()
        self.product.exposure.tick()
        for part in self.parts:
            part.tick()

    def restore(self) -> None:
        """Puts back every knob."""
        for name, value in self._defaults.items():
            if self.world.get(name) != value:
                self.world.set(name, value)

    @contextmanager
    def served(self) -> Iterator["RoutedWorld"]:
        try:
            for part in self.parts:
                part.start()
            with serve(self.world, self.parts) as server:
                for part in self.parts:
                    offered = part.blocks(server.base_url(part))
                    self._fields |= {address: dict(fields) for address, fields in offered.items()}
                self._defaults |= {n: self.world.get(n) for n in self.world.knobs if n not in self._defaults}
                yield self
        finally:
            for part in reversed(self.parts):
                part.stop()
