"""How a launch ends: the closing events follow from the ledger, whichever run writes them."""

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
from launch.plan import FlowPhase
from tests.fakes import plans
from tests.fakes.agenda_player import Player

COUNTDOWN, WATCH, REVIEW = FlowPhase.COUNTDOWN, FlowPhase.STABILIZATION, FlowPhase.REVIEW
GO, NO_GO = Decision.GO, Decision.NO_GO
CLAIMED = RollbackClaimed(trigger="captain", tier="urgent", by="ana")


def started(phase: FlowPhase) -> PhaseStarted:
    return PhaseStarted(phase=phase)


def ended(phase: FlowPhase, decision: Decision, reason: str = "") -> PhaseEnded:
    return PhaseEnded(phase=phase, decision=decision, reason=reason)


def back(outcome: Outcome, *residue: str) -> list[AnyEvent]:
    return [CLAIMED, RollbackEnded(outcome=outcome, residue=residue)]


@pytest.mark.parametrize(
    ("events", "closing"),
    [
        ([], []),
        ([started(COUNTDOWN)], []),
        ([started(COUNTDOWN), ended(COUNTDOWN, GO)], []),
        ([started(COUNTDOWN), CLAIMED], []),
        (
            [started(COUNTDOWN), ended(COUNTDOWN, NO_GO, "fog")],
            [LaunchClosed(outcome=Outcome.NO_GO, reason="fog")],
        ),
        ([started(REVIEW), ended(REVIEW, GO)], [LaunchClosed(outcome=Outcome.LIVE)]),
        (
            [started(WATCH), *back(Outcome.ROLLED_BACK)],
            [ended(WATCH, NO_GO, "rolled back"), LaunchClosed(outcome=Outcome.ROLLED_BACK)],
        ),
        (
            [started(WATCH), started(REVIEW), *back(Outcome.PARTIAL, "mail", "flag")],
            [
                ended(WATCH, NO_GO, "rolled back"),
                ended(REVIEW, NO_GO, "rolled back"),
                LaunchClosed(outcome=Outcome.PARTIAL, reason="mail; flag"),
            ],
        ),
        (
            [started(WATCH), ended(WATCH, NO_GO, "fog"), *back(Outcome.ROLLED_BACK)],
            [LaunchClosed(outcome=Outcome.ROLLED_BACK)],
        ),
    ],
)
def test_what_closes_a_launch_follows_from_its_ledger(events: list[AnyEvent], closing: list[AnyEvent]) -> None:
    player = Player(plans.plan())
    player.write(*events)
    written: list[AnyEvent] = []
    while (event := closing_event(player.state)) is not None:
        player.write(event)
        written.append(event)
    assert written == closing
