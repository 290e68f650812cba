"""A world with the sandbox's cluster and registry, on a clock that tests move by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from starlette.responses import JSONResponse
from starlette.routing import Route

from launch.ports import Occasion
from launch.release import Release
from sandbox.parts.cluster import ClusterPart
from sandbox.server import serve
from sandbox.world import World

T0 = datetime(2025, 11, 17, 7, tzinfo=UTC)
RELEASE = Release(
    version="v2.5.0",
    services={
        "reporting-api": "v2.5.0",
        "q2q-pipeline": "v1.8.2",
        "notification-service": "v1.3.1",
        "export-service": "v2.1.0",
    },
)


@dataclass
class Rehearsal:
    """The launch clock and the world on it."""

    now: datetime = T0 - timedelta(minutes=45)

    def __post_init__(self) -> None:
        self.world = World(now=lambda: self.now, t0=T0)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.world.tick()

    @property
    def occasion(self) -> Occasion:
        return Occasion(launch="teei-1", now=self.now, t0=T0, release=RELEASE, key="teei-1/deploy")


@pytest.fixture
def rehearsal() -> Rehearsal:
    return Rehearsal()


@pytest.fixture
def cluster(rehearsal: Rehearsal) -> Iterator[ClusterPart]:
    part = ClusterPart()
    part.define(rehearsal.world)
    part.start()
    yield part
    part.stop()


class Nonsense:
    """A part whose every path answers with a JSON document of another API."""

    name = "nonsense"

    def routes(self) -> list[Route]:
        return [Route("/{path:path}", lambda request: JSONResponse({"items": [{"metadata": 3}]}))]


@pytest.fixture
def httpserver_of_nonsense(rehearsal: Rehearsal) -> Iterator[str]:
    part = Nonsense()
    with serve(rehearsal.world, [part]) as server:
        yield server.base_url(part)
