"""A metric source that says nothing, at each step of each strategy, in each way that sources do: the exposure never rises.

As input: the rollouts of four runbooks on the sandbox's wire. Before a step could be left its source falls silent: stale
(a store shows that five minutes late, so only where a hold is long enough), NaN, without the series that are asked for,
without any series, 500, hanging. The last two come last: when a source answers again, it tells what was measured while it
did not. As output we check the ledger: in the end the step is still held, nothing of the next has begun, and when the
source speaks again the launch goes on and live. TEEI's rolling update watches no metric, so it has nothing to lose here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from launch.ballots_file import Ballots
from launch.events import EffectBegun, Outcome, StepAdvanced, StepHeld
from launch.moments import format_offset
from launch.plan import Plan, RolloutStep
from sandbox.faults import Fault, parse_fault
from sandbox.parts.metric_faults import LOOKBACK
from tests.fakes.runbooks import held_shortly, rehearsable
from tests.flows.crashing_launch import CrashingLaunch
from tests.flows.kills import Kill

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

T0 = datetime(2026, 12, 1, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RUNBOOKS = ("statusboard-v2", "production-launch", "erpgo", "media-gateway")
EACH = 2 * MINUTE
"""How long each way of silence lasts: several samples of every rollout here."""
A_GAP = 2 * MINUTE
"""Longer than any guard here takes for a gap between two samples."""
LONG_ENOUGH = 8 * MINUTE
"""A hold in which a source can be stale for longer than its store's look-back."""


@dataclass(frozen=True)
class Silence:
    """What turns a source silent, and what lets it speak again."""

    begins: tuple[str, ...]
    ends: tuple[str, ...]


def silences(plan: Plan, step: RolloutStep) -> list[Silence]:
    """Every way but staleness, in the order in which they come."""
    return [
        turned(plan, step, "NaN"),
        turned(plan, step, "none"),
        Silence(("knob:product.no-data@{}=true",), ("knob:product.no-data@{}=false",)),
        Silence(("vendor-500:prometheus@{}",), ("vendor-heals:prometheus@{}",)),
        Silence(("vendor-hangs:prometheus@{}",), ("vendor-heals:prometheus@{}",)),
    ]


def turned(plan: Plan, step: RolloutStep, value: str) -> Silence:
    """The very series that the step's guards ask for take a value of their own."""
    watched = set(step.watch or plan.rollout.watch)
    series = sorted({guard.query.query for guard in plan.thresholds if guard.id in watched and guard.query})
    begins = tuple(f"metric:{one}@{{}}={value}" for one in series)
    return Silence(begins, tuple(f'knob:metric.{one}@{{}}="as measured"' for one in series))


def fall_silent(launch: CrashingLaunch, step: RolloutStep) -> datetime:
    """Lays down what happens to the source from now on; returns when it speaks again."""
    assert step.minimum_hold is not None
    at = max(launch.now, launch.now + step.minimum_hold - A_GAP)
    if step.minimum_hold >= LONG_ENOUGH:
        stale = turned(launch.plan, step, "stale")
        turn(launch, stale.begins, at - LOOKBACK)
        turn(launch, stale.ends, at)
    for silence in silences(launch.plan, step):
        turn(launch, silence.begins, at)
        at += EACH
        turn(launch, silence.ends, at)
    return at


def turn(launch: CrashingLaunch, faults: tuple[str, ...], at: datetime) -> None:
    for fault in faults:
        launch.town.inject(dated(fault, at - launch.t0))


def dated(fault: str, offset: timedelta) -> Fault:
    return parse_fault(fault.replace("@{}", f"@{format_offset(offset)}"))


@pytest.fixture(scope="module", params=RUNBOOKS)
def held(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, prefect_api: str
) -> Iterator[CrashingLaunch]:
    """A launch whose source was silent at each step; that it stayed there is asserted on the way."""
    plan = held_shortly(rehearsable(request.param), longest=10 * MINUTE, then=75 * MINUTE)
    launch = CrashingLaunch(plan, tmp_path_factory.mktemp(request.param), prefect_api, T0, Ballots())
    launch.changed["prometheus/sandbox-metrics"] = {"timeout_seconds": 0.2}
    try:
        launch.start()
        for step in plan.rollout.steps:
            launch.die(Kill("written", "exposure-seen", str(step.n)))
            launch.die(Kill("waited", at=fall_silent(launch, step)))
            assert_stays(launch, step)
        assert launch.run() == 0
        yield launch
    finally:
        launch.stop()


def assert_stays(launch: CrashingLaunch, step: RolloutStep) -> None:
    assert [event.step for event in launch.events(StepAdvanced)] == list(range(1, step.n)), f"step {step.n} was left"
    later = {action for one in launch.plan.rollout.steps if one.n > step.n for action in one.actions}
    assert not later & {event.action for event in launch.events(EffectBegun)}
    reasons = [event.reason for event in launch.events(StepHeld) if event.step == step.n]
    assert reasons
    assert "no-data" in reasons[-1]


def test_the_exposure_stays_while_the_source_is_silent_and_rises_when_it_speaks(held: CrashingLaunch) -> None:
    assert [event.step for event in held.events(StepAdvanced)] == [step.n for step in held.plan.rollout.steps]
    assert held.state.outcome is Outcome.LIVE
