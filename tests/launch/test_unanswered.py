"""When people are asked because a metric lies where the plan has no response: once, and never beside a trigger."""

from datetime import timedelta
from typing import Any

import pytest

from launch.agenda import AskAboutRange, Memory, Scope, agenda
from launch.events import (
    AnyEvent,
    Decision,
    EffectBegun,
    EffectFinished,
    EffectResult,
    ExposureHeld,
    GuardChanged,
    GuardState,
    PhaseEnded,
    PhaseStarted,
    RangeUnanswered,
    StepAdvanced,
    TriggerFired,
    WentLive,
)
from launch.plan import FlowPhase, Plan
from launch.state import LaunchState
from tests.fakes import plans, rollouts
from tests.fakes.plans import T0

WORDS = "error_rate between 1 % and 5 % has no response"


def plan() -> Plan:
    fine = plans.guard("fine", comparator="<", value=1, polarity="must-hold")
    trigger = {"id": "worse", "tier": "immediate", "condition": "errors", "guards": ["back"], "automatic": True}
    steps = [rollouts.step(1, 10, "T0", "5m", watch=["fine"])]
    return rollouts.rollout(
        "flag-percentage", steps, guards=[fine, plans.guard("back"), plans.guard("errors", watched=[])],
        triggers=[trigger], services=[{"id": "api"}],
    )  # fmt: skip


CHANGED: tuple[AnyEvent, ...] = (
    EffectBegun(action="s1", attempt=1, key="k"),
    EffectFinished(action="s1", attempt=1, result=EffectResult.APPLIED),
    WentLive(),
    PhaseEnded(phase=FlowPhase.COUNTDOWN, decision=Decision.GO),
    PhaseStarted(phase=FlowPhase.STABILIZATION, run="r"),
)
FIRES = GuardChanged(guard="fine", state=GuardState.FIRING, value=3)
ASKED = RangeUnanswered(range=WORDS, guard="fine", value=3)
HELD = ExposureHeld(by="ana", reason="a doubt")


def asked(values: dict[str, float | None], *events: AnyEvent) -> list[tuple[str, bool]]:
    state = LaunchState()
    state.t0 = T0
    for event in events:
        state._take(event, T0)
    memory = Memory(values=values)
    found = agenda(plan(), state, T0 + timedelta(minutes=3), Scope(phase=FlowPhase.STABILIZATION), memory)
    return [(str(one.range), one.hold) for one in found.due if isinstance(one, AskAboutRange)]


@pytest.mark.parametrize(
    ("value", "events", "expected"),
    [
        (3, (*CHANGED, FIRES), [(WORDS, True)]),
        (3, (*CHANGED, FIRES, HELD), [(WORDS, False)]),
        (3, (*CHANGED, FIRES, StepAdvanced(step=1, by="conductor", reason="held")), [(WORDS, False)]),
        (3, (*CHANGED, FIRES, ASKED), []),
        (3, (*CHANGED, FIRES, ASKED, GuardChanged(guard="fine", state=GuardState.CLEAR), FIRES), [(WORDS, True)]),
        (3, (*CHANGED, FIRES, ASKED, GuardChanged(guard="back", state=GuardState.CLEAR)), []),
        (0.5, (*CHANGED, FIRES), []),
        (8, (*CHANGED, FIRES), []),
        (None, (*CHANGED, FIRES), []),
        (3, CHANGED, []),
        (3, (*CHANGED, GuardChanged(guard="fine", state=GuardState.PENDING, value=3)), []),
        (3, (*CHANGED[2:], FIRES), []),
        (3, (*CHANGED, FIRES, TriggerFired(trigger="worse", because="8 %")), []),
    ],
)
def test_people_are_asked(value: float | None, events: Any, expected: list[tuple[str, bool]]) -> None:
    assert asked({"fine": value}, *events) == expected
