"""The data side of the sandbox, running once for these tests, with its blocks and its clock."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import JsonValue

import blocks
from launch.effects.data import DataEffect
from launch.ports import Observation, Occasion, Standing
from launch.readings import Reading, Scalar
from launch.release import Release
from sandbox.parts.aws import AwsPart
from sandbox.parts.cache import CachePart
from sandbox.parts.cdn import CdnPart
from sandbox.parts.cloud_sql import CloudSqlPart
from sandbox.parts.cluster import ClusterPart
from sandbox.parts.database import DatabasePart
from sandbox.parts.dumps import DumpsPart
from sandbox.parts.queue import QueuePart
from sandbox.server import serve
from sandbox.world import Part, World

T0 = datetime(2025, 11, 24, 7, tzinfo=UTC)


@dataclass
class Rehearsal:
    """A world whose clock stands still until it is moved; `block` builds a real block from what a part offers."""

    world: World
    parts: list[Part]
    moment: list[datetime]
    fields: dict[str, dict[str, JsonValue]] = field(default_factory=dict)

    def block(self, address: str, **other: JsonValue) -> Any:
        slug = address.partition("/")[0]
        kind = next(kind for kind in blocks.ANSWERING if kind._block_type_slug == slug)
        return kind(**(self.fields[address] | other))

    def occasion(self, launch: str = "teei-csr-1", key: str = "") -> Occasion:
        release = Release(version="v2.5.0", services={"reporting-api": "v2.5.0"})
        return Occasion(launch=launch, now=self.moment[0], t0=T0, release=release, key=key)

    def move(self, gap: timedelta) -> None:
        self.moment[0] += gap
        self.world.tick()
        for part in self.parts:
            part.tick()

    def settle(self, block: Any, effect: DataEffect, occasion: Occasion) -> Observation:
        """Observes until the effect is no longer under way, moving the clock as the conductor would."""
        for _ in range(60):
            seen: Observation = block.observe(effect, occasion.model_copy(update={"now": self.moment[0]}))
            if seen.standing is not Standing.UNDER_WAY:
                return seen
            self.move(timedelta(seconds=10))
        pytest.fail(f"{effect.do} never settled")


@pytest.fixture(scope="session")
def rehearsal() -> Iterator[Rehearsal]:
    moment = [T0 - timedelta(hours=13)]
    world = World(now=lambda: moment[0], t0=T0)
    aws, cluster = AwsPart(), ClusterPart()
    database = DatabasePart(cluster)
    parts: list[Part] = [aws, cluster, database, DumpsPart(database), CachePart(), QueuePart(), CdnPart(aws)]
    parts.append(CloudSqlPart())
    for part in parts:
        part.define(world)
    try:
        for part in parts:
            part.start()
        with serve(world, parts) as server:
            running = Rehearsal(world, parts, moment)
            for part in parts:
                offered = part.blocks(server.base_url(part))
                running.fields |= {address: dict(fields) for address, fields in offered.items()}
            yield running
    finally:
        for part in parts:
            part.stop()


@pytest.fixture
def turned(rehearsal: Rehearsal) -> Iterator[World]:
    """The world, whose knobs are put back after the test."""
    before = {name: rehearsal.world.get(name) for name in rehearsal.world.knobs}
    yield rehearsal.world
    for name, value in before.items():
        if rehearsal.world.get(name) != value:
            rehearsal.world.set(name, value)


@pytest.fixture(scope="session")
def values() -> Any:
    def of(reading: Reading) -> dict[str, Scalar]:
        return {name: quantity.value for name, quantity in reading.values.items()}

    return of
