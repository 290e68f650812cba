"""How a launch ends: which last events follow from what is in its ledger."""

from datetime import timedelta

import pytest

from launch.closing import closing_event
from launch.events import (
    AnyEvent,
    Decision,
    LaunchClosed,
    Outcome,
    PhaseEnded,
    PhaseStarted,
    RollbackClaimed,
    RollbackEnded,
)
from launch.ledger import Record
from launch.plan import FlowPhase
from launch.state import LaunchState, fold
from tests.fakes.plans import T0

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
    assert closing_event(after(*events)) == expected
