"""Rollouts through the flows themselves: silence of every kind, drift, a snapshot, an undo that puts it back.

As input: a rollout of two steps by flags in memory, a metric source that falls silent in one of the ways sources do, a
virtual clock. As output we check the ledger and what reached the flags. Prefect is real; nothing of tminus is replaced.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from launch.acts import claim_rollback, hold_exposure, release_exposure
from launch.events import (
    EffectFinished,
    EffectResult,
    ExposureHeld,
    ExposureSeen,
    LaunchClosed,
    MessageSent,
    Outcome,
    RangeUnanswered,
    SnapshotTaken,
    StepAdvanced,
    StepHeld,
    StepSampled,
)
from launch.plan import Plan
from launch.ports import Sample
from tests.fakes import plans, rollouts
from tests.fakes.flown_launch import LAUNCH, FlownLaunch
from tests.fakes.plans import T0
from tests.fakes.systems import Metrics, Outside, outage

pytestmark = [pytest.mark.harness, pytest.mark.usefixtures("prefect_api")]

MINUTE = timedelta(minutes=1)


def rollout() -> Plan:
    """10 % at T0 and 100 % at T+10m, each held 5 min, sampled every minute; errors sustained for 1 min are a breach."""
    steps = [rollouts.step(1, 10, "T0", "5m"), rollouts.step(2, 100, "T+10m", "5m")]
    errors = plans.guard("errors", sustained="1m", watched=[])
    return rollouts.rollout("flag-percentage", steps, guards=[errors], services=[{"id": "api"}])


def advanced(launch: FlownLaunch) -> list[tuple[int, timedelta]]:
    return [(one.event.step, one.at - T0) for one in launch.records if isinstance(one.event, StepAdvanced)]


def test_a_rollout_is_read_back_sampled_and_advances() -> None:
    launch = FlownLaunch(rollout())
    launch.fly()
    assert advanced(launch) == [(1, 10 * MINUTE), (2, 15 * MINUTE)]
    assert launch.events(LaunchClosed)[0].outcome is Outcome.LIVE
    assert launch.events(SnapshotTaken)[0].states == {"s1": {"state": "off"}, "s2": {"state": "off"}}
    assert [one.holds for one in launch.events(ExposureSeen)] == [True, True]
    assert all(one.clean and one.values == {"errors": 0.1} for one in launch.events(StepSampled))
    assert launch.outside.flags.turned == [("s1", "on"), ("s2", "on")]


@dataclass
class Falling(Metrics):
    """Well until `since`, then silent in its own way."""

    since: datetime = T0
    silence: Callable[[Sequence[Sample], datetime], Sequence[Sample]] = lambda samples, _since: samples

    def series(self, query: str, *, start: datetime, end: datetime, step_seconds: float) -> Sequence[Sample]:
        samples = super().series(query, start=start, end=end, step_seconds=step_seconds)
        return samples if end < self.since else self.silence(samples, self.since)


def nothing(_samples: Sequence[Sample], _since: datetime) -> Sequence[Sample]:
    return []


def not_a_number(samples: Sequence[Sample], since: datetime) -> Sequence[Sample]:
    return [Sample(at=one.at, value=math.nan if one.at >= since else one.value) for one in samples]


def stale(samples: Sequence[Sample], since: datetime) -> Sequence[Sample]:
    return [one for one in samples if one.at < since - 2 * MINUTE]


def failing(_samples: Sequence[Sample], _since: datetime) -> Sequence[Sample]:
    raise outage("metrics", "errors")


def hanging(_samples: Sequence[Sample], _since: datetime) -> Sequence[Sample]:
    """A block gives up on a source that hangs, and says so."""
    question = "errors (no answer within 10 s)"
    raise outage("metrics", question)


@pytest.mark.parametrize("silence", [nothing, not_a_number, stale, failing, hanging])
def test_exposure_never_rises_on_silence_of_any_kind(silence: Callable[..., Sequence[Sample]]) -> None:
    """In the first step; `tests/launch/test_rollouts.py` plays silence at every step of every strategy."""
    since = T0 + 1 * MINUTE
    launch = FlownLaunch(rollout(), Outside(metrics=Falling(since=since, silence=silence)))
    launch.fly(until=12 * MINUTE)
    assert advanced(launch) == []
    assert launch.outside.flags.turned == [("s1", "on")]
    held = launch.events(StepHeld)[-1]
    assert (held.step, held.reason) == (1, "guard errors is no-data; fewer than 2 clean samples in a row")


def test_a_flag_that_somebody_else_turned_ends_the_hold() -> None:
    def meddle(launch: FlownLaunch) -> None:
        launch.outside.flags.since["s1"] = ("off", launch.clock.now())

    def mend(launch: FlownLaunch) -> None:
        launch.outside.flags.since["s1"] = ("on", launch.clock.now())

    launch = FlownLaunch(rollout(), acts=[(7 * MINUTE, meddle), (9 * MINUTE, mend)])
    launch.fly(until=30 * MINUTE)
    assert advanced(launch)[0] == (1, 14 * MINUTE)
    assert launch.outside.flags.turned == [("s1", "on"), ("s2", "on")]


def test_a_person_holds_the_exposure_and_lets_it_go_on() -> None:
    def hold(launch: FlownLaunch) -> None:
        hold_exposure(launch.ledger, LAUNCH, person="ana", reason="a doubt", **launch.now())

    def release(launch: FlownLaunch) -> None:
        release_exposure(launch.ledger, LAUNCH, person="ana", **launch.now())

    launch = FlownLaunch(rollout(), acts=[(3 * MINUTE, hold), (25 * MINUTE, release)])
    launch.fly(until=40 * MINUTE)
    assert [step for step, _ in advanced(launch)] == [1, 2]
    assert 25 * MINUTE <= advanced(launch)[0][1] <= 26 * MINUTE


def test_where_the_plan_has_no_response_the_exposure_is_held_and_people_are_asked() -> None:
    """Well below 1 %, back above 5 %: 3 % for a while. It is held once, also when it gets better, until a person answers."""
    fine = plans.guard("fine", comparator="<", value=1, polarity="must-hold", sustained="1m", watched=[])
    back = plans.guard("back", sustained="1m", watched=[])
    trigger = {"id": "worse", "tier": "immediate", "condition": "errors", "guards": ["back"], "automatic": True}
    steps = [rollouts.step(1, 10, "T0", "5m", watch=["fine", "back"]), rollouts.step(2, 100, "T+10m", "5m")]
    plan = rollouts.rollout(
        "flag-percentage", steps, guards=[fine, back, plans.guard("errors", watched=[])], triggers=[trigger],
        services=[{"id": "api"}], comms={"channels": [{"id": "war", "name": "War room", "kind": "chat", "integration": "slack", "system": "room"}]},
    )  # fmt: skip

    def release(launch: FlownLaunch) -> None:
        release_exposure(launch.ledger, LAUNCH, person="ana", **launch.now())

    metrics = Metrics(jumps={T0 + 2 * MINUTE: 3, T0 + 12 * MINUTE: 0.1, T0 + 40 * MINUTE: 3})
    launch = FlownLaunch(plan, Outside(metrics=metrics), acts=[(20 * MINUTE, release)])
    launch.fly(until=50 * MINUTE)
    asked = [(one.event, one.at - T0) for one in launch.records if isinstance(one.event, RangeUnanswered)]
    words = "error_rate between 1 % and 5 % has no response"
    assert [(event.range, event.guard, event.value) for event, _ in asked] == [(words, "fine", 3)]
    assert 3 * MINUTE <= asked[0][1] <= 4 * MINUTE
    assert [(one.by, one.reason) for one in launch.events(ExposureHeld)] == [("conductor", words)]
    assert [step for step, _ in advanced(launch)] == [1, 2]
    assert 20 * MINUTE <= advanced(launch)[0][1] <= 21 * MINUTE
    (question,) = [one for one in launch.events(MessageSent) if one.key.startswith("range/")]
    assert "error_rate is 3 %" in question.text
    assert f"tminus hold --launch {LAUNCH} --exposure --lift" in question.text
    assert f"tminus rollback {LAUNCH}" in question.text


def test_an_undo_puts_back_what_the_snapshot_says() -> None:
    """Both steps turn one flag; the second found it on, and yet its undo leaves it as it was before the launch."""

    def back(launch: FlownLaunch) -> None:
        claim_rollback(launch.ledger, LAUNCH, trigger="captain", tier="urgent", by="ana", **launch.now())

    same = [
        rollouts.entering("T0", "s1", effect={"do": "set-flag", "on": "flags", "flag": "new", "state": "pilot-only"}),
        rollouts.entering("T+10m", "s2", effect={"do": "set-flag", "on": "flags", "flag": "new", "state": "on"}),
    ]
    steps = [rollouts.step(1, 10, "T0", "5m"), rollouts.step(2, 100, "T+10m", "5m")]
    plan = rollouts.rollout("flag-percentage", steps, extra=same, services=[{"id": "api"}])
    launch = FlownLaunch(plan, acts=[(12 * MINUTE, back)])
    launch.fly()
    assert launch.events(LaunchClosed)[0].outcome is Outcome.ROLLED_BACK
    assert launch.outside.flags.state("new") == "off"
    assert launch.outside.flags.times("new", "pilot-only") == 1
    undone = [one.result for one in launch.events(EffectFinished) if one.action.startswith("undo-")]
    assert set(undone) <= {EffectResult.APPLIED, EffectResult.ALREADY}


def test_killed_after_any_record_it_goes_on_and_repeats_no_effect() -> None:
    whole = FlownLaunch(rollout())
    left = whole.fly_and_leave()
    moments = [one for one in left if one.records[-1].at >= T0 and one.records[-1].at <= T0 + 16 * MINUTE]
    assert len(moments) > 20
    for one in moments[:: len(moments) // 4]:
        one.fly(until=16 * MINUTE)
        assert [step for step, _ in advanced(one)] == [1, 2]
        assert one.outside.flags.turned == [("s1", "on"), ("s2", "on")]
