"""A stage: one sandbox part behind its wire, a clock the test moves, and the block that speaks to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import JsonValue

from launch.moments import parse_offset
from launch.ports import Occasion
from launch.release import Release
from sandbox.server import serve
from sandbox.world import Part, World

T0 = datetime(2026, 11, 30, 7, tzinfo=UTC)


@dataclass
class Stage:
    """`fields` are the block's fields by address; `at("T+1h")` moves the clock."""

    part: Part
    now: datetime = T0 - timedelta(days=7)
    world: World = field(init=False)
    fields: dict[str, dict[str, JsonValue]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world = World(now=lambda: self.now, t0=T0)
        self.part.define(self.world)

    def at(self, offset: str) -> Stage:
        self.now = T0 + parse_offset(offset)
        self.part.tick()
        return self

    def occasion(self, key: str = "teei-1/action", launch: str = "teei-1") -> Occasion:
        live = T0 if self.now >= T0 else None
        return Occasion(launch=launch, now=self.now, t0=T0, went_live=live, release=Release(version="v2.5.0"), key=key)


@pytest.fixture
def stage() -> Iterator[Callable[[Part], Stage]]:
    with ExitStack() as stack:

        def build(part: Part) -> Stage:
            built = Stage(part)
            stack.callback(part.stop)
            part.start()
            server = stack.enter_context(serve(built.world, [part]))
            built.fields = {address: dict(given) for address, given in part.blocks(server.base_url(part)).items()}
            return built

        yield build
