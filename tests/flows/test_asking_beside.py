"""On the day a question that hangs keeps nobody from sampling the guards: the breach is seen while the answer is awaited."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from launch.events import CheckJudged, Outcome, RollbackClaimed, TriggerFired
from launch.ports import Occasion, Sample
from launch.probes.data import Replication
from launch.readings import Reading
from sandbox.virtual_clock import VirtualClock
from tests.fakes.flown_launch import FlownLaunch
from tests.fakes.plans import T0, action, check, guard, plan
from tests.fakes.systems import Database, Metrics, Outside

pytestmark = [pytest.mark.harness, pytest.mark.usefixtures("prefect_api")]

MINUTE = timedelta(minutes=1)
BREACH = 3 * MINUTE
TOO_MANY_ERRORS = {"id": "errors", "tier": "immediate", "condition": "errors", "guards": ["errors"], "automatic": True}


class WalkedClock(VirtualClock):
    """A virtual clock that somebody may also move on while others work, as the day's clock moves by itself."""

    def walk_to(self, offset: timedelta) -> None:
        self._now = T0 + offset


@dataclass
class Watched(Metrics):
    """Metrics that tell when they are looked at after the breach has begun."""

    looked_at: threading.Event = field(default_factory=threading.Event)

    def series(self, query: str, **window: object) -> Sequence[Sample]:
        samples = super().series(query, **window)  # type: ignore[arg-type]
        if samples[-1].value == self.jumps[T0 + BREACH]:
            self.looked_at.set()
        return samples


@dataclass
class Hanging(Database):
    """Answers only when somebody has looked at the metrics, two minutes after it was asked."""

    metrics: Watched = field(default_factory=Watched)
    walk: object = None

    def answer(self, probe: Replication, occasion: Occasion) -> Reading:
        assert callable(self.walk)
        self.walk(BREACH + MINUTE)
        if not self.metrics.looked_at.wait(timeout=60):
            message = "no guard was sampled while the standby was asked"
            raise TimeoutError(message)
        return super().answer(probe, occasion)


def test_a_breach_is_seen_while_a_question_hangs() -> None:
    metrics = Watched(jumps={T0 + BREACH: 12})
    standby = Hanging(metrics=metrics)
    launch = FlownLaunch(
        plan(
            checks=[check("standby", "T+2m", phase="watch")],
            actions=[action("deploy")],
            guards=[guard("errors", sustained="1m")],
            triggers=[TOO_MANY_ERRORS],
        ),
        outside=Outside(metrics=metrics, database=standby),
        patient=True,
        clock_type=WalkedClock,
    )

    def walk(offset: timedelta) -> None:
        launch.clock.walk_to(offset)

    standby.walk = walk
    launch.fly()
    assert launch.when(TriggerFired) == [BREACH + MINUTE]
    assert launch.when(RollbackClaimed) == [BREACH + MINUTE]
    assert launch.state.outcome is Outcome.ROLLED_BACK
    assert [event.check for event in launch.events(CheckJudged)] == ["standby"], "its answer is kept all the same"
