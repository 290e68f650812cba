"""How a launch ends: which last events follow from what is in its ledger."""

from datetime import timedelta

import pytest

from launch.closing import closing_event
from launch.drill import drill_plan
from launch.events import (
    AnyEvent,
    CheckpointEnded,
    Decision,
    LaunchClosed,
    Outcome,
    PhaseEnded,
    PhaseStarted,
    RollbackClaimed,
    RollbackEnded,
)
from launch.ledger import Record
from launch.plan import FlowPhase, Plan
from launch.state import LaunchState, fold
from tests.fakes.agenda_player import play
from tests.fakes.plans import T0, action, plan

STARTED = PhaseStarted(phase=FlowPhase.COUNTDOWN)
CLAIMED = RollbackClaimed(trigger="captain", tier="urgent", by="ana")


def after(*events: AnyEvent) -> LaunchState:
    return fold(
        Record(
            launch="cockpit-1",
            sequence=n,
            at=T0 + timedelta(seconds=n),
            wall=T0,
            event=event,
            previous="",
            hash="",
        )
        for n, event in enumerate(events, start=1)
    )


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), None),
        ((STARTED,), None),
        ((STARTED, PhaseEnded(phase=FlowPhase.COUNTDOWN, decision=Decision.GO)), None),
        (
            (STARTED, PhaseEnded(phase=FlowPhase.COUNTDOWN, decision=Decision.NO_GO, reason="no")),
            LaunchClosed(outcome=Outcome.NO_GO, reason="no"),
        ),
        (
            (PhaseEnded(phase=FlowPhase.REVIEW, decision=Decision.GO),),
            LaunchClosed(outcome=Outcome.LIVE),
        ),
        ((STARTED, CLAIMED), None),
        (
            (STARTED, CLAIMED, RollbackEnded(outcome=Outcome.ROLLED_BACK)),
            PhaseEnded(phase=FlowPhase.COUNTDOWN, decision=Decision.NO_GO, reason="rolled back"),
        ),
        (
            (CLAIMED, RollbackEnded(outcome=Outcome.PARTIAL, residue=("a: b", "c: d"))),
            LaunchClosed(outcome=Outcome.PARTIAL, reason="a: b; c: d"),
        ),
        ((CLAIMED, RollbackEnded(outcome=Outcome.ROLLED_BACK), LaunchClosed(outcome=Outcome.ROLLED_BACK)), None),
    ],
)
def test_the_next_closing_event(events: tuple[AnyEvent, ...], expected: AnyEvent | None) -> None:
    assert closing_event(plan(), after(*events)) == expected


def ending_with(phase: FlowPhase | None, *points: str) -> Plan:
    """A plan whose last phase is this one; None: none of its phases has a start."""
    whole = plan(
        actions=[action("deploy")],
        checkpoints=[{"id": one, "offset": one.replace("t", "T+"), "title": one} for one in points],
    )
    order = list(FlowPhase)
    last = order.index(phase) if phase is not None else -1
    kept = (one for one in whole.phases if order.index(one.flow_phase) <= last or one.start is None)
    return whole.model_copy(update={"phases": tuple(kept)})


LIVE = LaunchClosed(outcome=Outcome.LIVE)
FORWARD = [one for one in FlowPhase if one is not FlowPhase.ROLLBACK]


@pytest.mark.parametrize("last", FORWARD)
@pytest.mark.parametrize("ended", FORWARD)
def test_a_launch_is_over_with_the_last_phase_that_its_plan_has(last: FlowPhase, ended: FlowPhase) -> None:
    ends = [PhaseEnded(phase=one, decision=Decision.GO) for one in FORWARD[: FORWARD.index(ended) + 1]]
    over = FORWARD.index(ended) >= FORWARD.index(last)
    assert closing_event(ending_with(last), after(*ends)) == (LIVE if over else None)


def test_a_launch_is_not_over_before_every_checkpoint_was_held() -> None:
    watched = ending_with(FlowPhase.COUNTDOWN, "t1h", "t2h")
    ended = PhaseEnded(phase=FlowPhase.COUNTDOWN, decision=Decision.GO)
    first, second = CheckpointEnded(checkpoint="t1h"), CheckpointEnded(checkpoint="t2h")
    assert closing_event(watched, after(ended)) is None
    assert closing_event(watched, after(ended, first)) is None
    assert closing_event(watched, after(ended, second, first)) == LIVE


def test_without_a_phase_that_leads_on_nothing_is_over() -> None:
    assert closing_event(ending_with(None), after(STARTED)) is None


def test_a_drill_is_over_when_it_is_rolled_back_and_not_when_it_has_deployed() -> None:
    drill = drill_plan(plan(actions=[action("deploy")]))
    deployed = PhaseEnded(phase=FlowPhase.COUNTDOWN, decision=Decision.GO)
    assert closing_event(drill, after(STARTED, deployed)) is None
    back = after(STARTED, deployed, CLAIMED, RollbackEnded(outcome=Outcome.ROLLED_BACK))
    assert closing_event(drill, back) == LaunchClosed(outcome=Outcome.ROLLED_BACK)


@pytest.mark.parametrize("last", [FlowPhase.COUNTDOWN, FlowPhase.STABILIZATION, FlowPhase.REVIEW])
@pytest.mark.parametrize("points", [(), ("t1h", "t9h")])
def test_a_launch_played_to_the_end_of_any_plan_is_live(last: FlowPhase, points: tuple[str, ...]) -> None:
    player = play(ending_with(last, *points))
    assert player.state.outcome is Outcome.LIVE
    assert set(player.state.checkpoints) == set(points)
    assert player.state.effect("deploy").done
